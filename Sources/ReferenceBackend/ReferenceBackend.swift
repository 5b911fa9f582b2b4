public import Compute
import Synchronization

/// The backend in plain Swift: the truth that others are held to, and the CPU fallback.
///
/// Each family is written to be read beside the textbook's formula, over any floating-point
/// type. A launch runs to its end on the calling thread (large matrix products ask others for
/// help), so nothing is ever pending; launches from several threads run one after another, as
/// in the queue of a device.
public final class ReferenceBackend: Backend {
  let ledger: Ledger
  private let queue = Mutex(())

  /// Opens the backend; without a limit it takes what memory the host gives.
  ///
  /// - Parameter byteLimit: The most bytes that storages may hold together.
  public init(byteLimit: Int? = nil) { ledger = Ledger(byteLimit: byteLimit ?? .max) }

  /// The device's name, as `apus devices` prints it.
  public var name: String { "CPU reference (Swift)" }

  /// Whether tensors of this type can be made and computed with: all can.
  public func supports(_ dtype: DType) -> Bool { true }

  /// None: a launch here is a function call, and deciding it costs little beside making it.
  public func makeRecorder() -> (any LaunchRecorder)? { nil }

  /// Runs one launch after those before it, and counts it.
  ///
  /// The views that it reads and writes are looked at first, so that a launch that cannot be made
  /// writes nothing: a failed storage throws its error; a view that reaches outside its storage,
  /// or into another backend's, traps.
  func launch(_ operation: String, _ views: [View?], _ body: () throws -> Void) throws {
    for case let view? in views { try check(view, for: operation) }
    ledger.countLaunch()
    try inOrder(body)
  }

  /// Runs a closure while no launch runs.
  func inOrder<R>(_ body: () throws -> R) rethrows -> R {
    try queue.withLock { _ in try body() }
  }

  private func check(_ view: View, for operation: String) throws {
    if let failure = view.storage.failure { throw failure }
    if view.count == 0 { return }
    var lowest = view.offset
    var highest = view.offset
    for (length, stride) in zip(view.shape.dimensions, view.strides) {
      lowest += min(0, (length - 1) * stride)
      highest += max(0, (length - 1) * stride)
    }
    let capacity = view.storage.byteCount / view.dtype.byteCount
    require(
      lowest >= 0 && highest < capacity,
      "\(operation): a view of shape \(view.shape), strides \(view.strides) and offset "
        + "\(view.offset) reaches elements \(lowest)...\(highest) of a storage of \(capacity)")
  }
}

extension Storage {
  /// The storage as this backend's own; traps when another backend made it.
  var onHost: ReferenceStorage {
    guard let storage = self as? ReferenceStorage else {
      fatalError("\(type(of: self)): the reference backend was given another's storage")
    }
    return storage
  }
}
