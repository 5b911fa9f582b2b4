/// Bytes on a device: allocating, writing, reading, waiting.
public protocol MemoryBackend {
  /// Allocates bytes whose contents are unspecified; they return to the pool with the storage.
  func allocate(byteCount: Int) throws -> Storage

  /// Writes bytes in queue order; `bytes` may be reused as soon as the call returns.
  func write(_ bytes: UnsafeRawBufferPointer, to storage: Storage, atByte offset: Int) throws

  /// Waits for the launches before it and reads bytes.
  func read(_ storage: Storage, atByte offset: Int, into bytes: UnsafeMutableRawBufferPointer)
    throws

  /// Waits until every launch has run.
  func wait() throws

  /// Marks this place in the queue, so that a later `Fence.wait` waits for what came before it.
  func fence() throws -> any Fence

  /// What is held and what was done since the device was opened.
  var statistics: DeviceStatistics { get }
}

/// A place in a device's queue that can be waited for.
public protocol Fence: Sendable {
  /// Waits until every launch made before the fence has run.
  func wait() throws
}

/// Counters of a device's memory and work.
public struct DeviceStatistics: Sendable, Hashable {
  /// Storages in use.
  public var liveStorages = 0
  /// Bytes of the storages in use, rounded up to their size classes.
  public var liveBytes = 0
  /// The most bytes that were in use at one time.
  public var peakBytes = 0
  /// Bytes kept for reuse.
  public var pooledBytes = 0
  /// The most bytes that may be held, in use and pooled together.
  public var byteLimit = Int.max
  /// Kernels launched.
  public var launches = 0
  /// Copies made because a kernel does not take an operand's strides.
  public var packs = 0
  /// Times that the host waited for the device.
  public var waits = 0
  /// How long each kernel ran, the longest first; empty unless the device was opened for it.
  public var kernelTimes: [KernelTime] = []

  /// Creates counters at zero.
  public init() {}
}
