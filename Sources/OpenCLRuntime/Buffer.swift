import COpenCL
import Synchronization

/// Memory of a device (a cl_mem), whole or a part of a larger buffer.
///
/// A buffer that is let go is released at once; commands that were enqueued with it still find it.
public final class Buffer: Sendable {
  /// How a buffer may be used (cl_mem_flags).
  public struct Flags: OptionSet, Hashable, Sendable {
    /// The bits of cl_mem_flags.
    public let rawValue: UInt64

    /// Makes flags from the bits of cl_mem_flags.
    public init(rawValue: UInt64) {
      self.rawValue = rawValue
    }

    /// Kernels read and write it (CL_MEM_READ_WRITE).
    public static let readWrite = Flags(rawValue: UInt64(CL_MEM_READ_WRITE))
    /// Kernels only write it (CL_MEM_WRITE_ONLY).
    public static let writeOnly = Flags(rawValue: UInt64(CL_MEM_WRITE_ONLY))
    /// Kernels only read it (CL_MEM_READ_ONLY).
    public static let readOnly = Flags(rawValue: UInt64(CL_MEM_READ_ONLY))
    /// In memory that the host reaches fast, pinned where the driver pins (CL_MEM_ALLOC_HOST_PTR).
    public static let hostAllocated = Flags(rawValue: UInt64(CL_MEM_ALLOC_HOST_PTR))
  }

  /// The context that the buffer belongs to.
  public let context: Context
  /// The size in bytes.
  public let bytes: Int
  /// How the buffer may be used.
  public let flags: Flags
  /// Where the buffer begins in the buffer that it is a part of, in bytes; 0 if it is whole.
  public let offset: Int

  let handle: Handle
  /// Tells this buffer from every other of the process, past ones included: a driver gives the
  /// address of a released cl_mem to the next one.
  let serial: UInt64
  /// The whole buffer that this one is a part of.
  private let whole: Buffer?

  /// Makes a buffer with clCreateBuffer; what it holds is not defined.
  /// - Throws: If `bytes` is not positive, or the driver refuses.
  public convenience init(
    _ context: Context, bytes: Int, flags: Flags = .readWrite
  ) throws(OpenCLError) {
    let handle = try Buffer.create(context, bytes, flags)
    self.init(handle, context, bytes: bytes, flags: flags)
  }

  /// Makes a buffer that holds a copy of `values`.
  /// - Throws: If `values` is empty, or the driver refuses.
  public convenience init<Element: BitwiseCopyable>(
    _ context: Context, copying values: [Element], flags: Flags = .readWrite
  ) throws(OpenCLError) {
    let bytes = values.count * MemoryLayout<Element>.stride
    let handle = try values.withUnsafeBufferPointer { values throws(OpenCLError) in
      try Buffer.create(
        context, bytes, flags,
        host: values.baseAddress.map { (UnsafeRawPointer($0), CL_MEM_COPY_HOST_PTR) })
    }
    self.init(handle, context, bytes: bytes, flags: flags)
  }

  /// Makes a buffer in memory of this process, which the driver uses where it lies
  /// (CL_MEM_USE_HOST_PTR); what it holds is not defined.
  ///
  /// For processors, whose kernels have this memory in reach. It consists of huge pages where the
  /// system grants them. The driver gives it back when no command needs the buffer any more.
  /// - Throws: If `bytes` is not positive, there is no memory, or the driver refuses.
  public convenience init(
    _ context: Context, hostBytes bytes: Int, flags: Flags = .readWrite
  ) throws(OpenCLError) {
    let memory = HostMemory.allocate(bytes)
    let handle: Handle
    do throws(OpenCLError) {
      guard memory != nil || bytes <= 0 else {
        throw OpenCLError(
          .clCreateBuffer, .outOfHostMemory,
          attempt: "\(bytes) bytes of this process for '\(context.device.name)'")
      }
      handle = try Buffer.create(
        context, bytes, flags, host: memory.map { (UnsafeRawPointer($0), CL_MEM_USE_HOST_PTR) })
      try context.driver.call(
        .clSetMemObjectDestructorCallback, "the end of a buffer of \(bytes) bytes"
      ) {
        $0.clSetMemObjectDestructorCallback(
          handle.pointer, { _, memory in HostMemory.deallocate(memory) }, memory)
      }
    } catch {
      HostMemory.deallocate(memory)
      throw error
    }
    self.init(handle, context, bytes: bytes, flags: flags)
  }

  private init(
    _ handle: Handle, _ context: Context, bytes: Int, flags: Flags, partOf whole: Buffer? = nil,
    at offset: Int = 0
  ) {
    self.handle = handle
    self.context = context
    self.bytes = bytes
    self.flags = flags
    self.whole = whole
    self.offset = offset
    serial = Self.serials.wrappingAdd(1, ordering: .relaxed).newValue
  }

  private static func create(
    _ context: Context, _ bytes: Int, _ flags: Flags,
    host: (memory: UnsafeRawPointer, flag: Int32)? = nil
  ) throws(OpenCLError) -> Handle {
    let device = context.device
    guard bytes > 0 else {
      throw OpenCLError(
        .clCreateBuffer, .invalidBufferSize,
        attempt: "a buffer of \(bytes) bytes on '\(device.name)'")
    }
    return try context.driver.create(
      .buffer, .clCreateBuffer,
      "a buffer of \(bytes) bytes on '\(device.name)', which allows \(device.maxAllocation) at most"
    ) {
      // The driver only reads what it copies, though C has no way to say so.
      $0.clCreateBuffer(
        context.handle.pointer, flags.rawValue | UInt64(host?.flag ?? 0), bytes,
        UnsafeMutableRawPointer(mutating: host?.memory), $1)
    }
  }

  /// A part of this buffer, sharing its memory (clCreateSubBuffer).
  ///
  /// A part of a part is a part of the whole, so that parts can be nested.
  /// - Parameters:
  ///   - offset: Where it begins in this buffer, in bytes. Its place in the whole must be a multiple
  ///     of the device's ``OpenCLDevice/baseAddressAlignment``.
  ///   - bytes: Its size in bytes.
  /// - Throws: If it is empty, reaches outside this buffer or is misaligned, or the driver refuses.
  public func part(at offset: Int, bytes: Int) throws(OpenCLError) -> Buffer {
    try check(.clCreateSubBuffer, "a part of", offset: offset, bytes: bytes)
    let whole = self.whole ?? self
    let origin = self.offset + offset
    let attempt = "a part of \(bytes) bytes at \(origin) of a buffer of \(whole.bytes)"
    guard bytes > 0 else {
      throw OpenCLError(.clCreateSubBuffer, .invalidBufferSize, attempt: attempt)
    }
    let device = context.device
    guard origin % device.baseAddressAlignment == 0 else {
      throw OpenCLError(
        .clCreateSubBuffer, .misalignedSubBufferOffset,
        attempt: "\(attempt): '\(device.name)' wants a multiple of "
          + "\(device.baseAddressAlignment) bytes")
    }
    let handle = try context.driver.create(.buffer, .clCreateSubBuffer, attempt) {
      var region = cl_buffer_region(origin: origin, size: bytes)
      // Flags of 0: those of the whole.
      return $0.clCreateSubBuffer(
        whole.handle.pointer, 0, UInt32(CL_BUFFER_CREATE_TYPE_REGION), &region, $1)
    }
    return Buffer(
      handle, context, bytes: bytes, flags: flags, partOf: whole, at: origin)
  }

  /// Throws unless a range lies inside the buffer.
  func check(
    _ call: OpenCLCall, _ action: String, offset: Int, bytes: Int
  ) throws(OpenCLError) {
    guard offset >= 0, bytes >= 0, bytes <= self.bytes, offset <= self.bytes - bytes else {
      throw OpenCLError(
        call, .invalidValue,
        attempt: "\(action) \(bytes) bytes at \(offset) of a buffer of \(self.bytes)")
    }
  }

  private static let serials = Atomic<UInt64>(0)
}
