import Compute
import OpenCLRuntime

/// A run of bytes on an OpenCL device; its buffer returns to the pool with it.
final class OpenCLStorage: Storage, @unchecked Sendable {
  /// The memory, of the size of the class; nil for a storage of no bytes.
  let buffer: Buffer?
  private let pool: MemoryPool

  init(byteCount: Int, buffer: Buffer?, pool: MemoryPool) {
    self.buffer = buffer
    self.pool = pool
    super.init(byteCount: byteCount)
  }

  /// Launches that use the buffer may still be waiting in the queue: who gets it next comes after
  /// them there.
  deinit { pool.recycle(buffer) }
}

extension Storage {
  /// The storage as an OpenCL backend's own.
  ///
  /// Throws the failure of a storage that has one; traps when another kind of backend made it.
  func onDevice() throws -> OpenCLStorage {
    if let failure { throw failure }
    guard let storage = self as? OpenCLStorage else {
      fatalError("the OpenCL backend was given another's storage: \(type(of: self))")
    }
    return storage
  }
}

extension View {
  /// The storage to read or write.
  ///
  /// Throws the failure of a failed storage; traps when the view reaches outside its storage.
  func onDevice() throws -> OpenCLStorage {
    let storage = try storage.onDevice()
    guard count > 0 else { return storage }
    var lowest = offset
    var highest = offset
    for (length, stride) in zip(shape.dimensions, strides) {
      lowest += min(0, (length - 1) * stride)
      highest += max(0, (length - 1) * stride)
    }
    require(
      lowest >= 0 && highest < storage.byteCount / dtype.byteCount,
      "a \(dtype) view of shape \(shape), strides \(strides) and offset \(offset) reaches elements "
        + "\(lowest)...\(highest) of a storage of \(storage.byteCount) bytes")
    return storage
  }
}
