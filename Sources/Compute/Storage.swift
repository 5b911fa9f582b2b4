import Synchronization

/// A run of bytes on a device, owned by the backend that allocated it.
///
/// A storage may *fail*: the launch that should have filled it could not be made, or the driver
/// said afterwards that it went wrong. The failure stays with the bytes, so that whoever reads
/// them learns of it. A backend subclasses this type to say where the bytes are.
open class Storage: @unchecked Sendable {
  /// The number of bytes.
  public let byteCount: Int

  private let failureState = Mutex<(any Error)?>(nil)

  /// Creates a storage of the given number of bytes.
  public init(byteCount: Int) { self.byteCount = byteCount }

  /// Why the contents cannot be used, or nil when they can.
  public var failure: (any Error)? { failureState.withLock { $0 } }

  /// Marks the contents unusable; the first reason is kept.
  public func fail(_ error: any Error) {
    failureState.withLock { if $0 == nil { $0 = error } }
  }
}

/// What stands where an allocation failed: a storage without bytes that carries the error.
public final class FailedStorage: Storage, @unchecked Sendable {
  /// Creates the storage that an allocation of `byteCount` bytes would have made.
  public init(byteCount: Int, error: any Error) {
    super.init(byteCount: byteCount)
    fail(error)
  }
}
