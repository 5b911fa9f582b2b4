import Compute
import OpenCLRuntime
import Synchronization

/// The sizes in which memory is allocated: those whose binary form has five significant bits.
///
/// Sixteen classes lie between a power of two and the next, so a class is larger than what is asked
/// for by less than a sixteenth: 6.25%.
enum SizeClass {
  /// The least class that has room for a number of bytes.
  static func rounding(_ byteCount: Int) -> Int {
    guard byteCount > 0 else { return 0 }
    let exponent = Int.bitWidth - 1 - byteCount.leadingZeroBitCount
    let step = 1 << max(0, exponent - 4)
    return byteCount.rounded(upToMultipleOf: step)
  }
}

/// The memory of a device: buffers in use, and buffers kept for reuse.
///
/// A buffer that returns may be handed out at once, since the queue is in order: whatever still
/// uses it runs before what the next owner enqueues.
final class MemoryPool: Sendable {
  private struct State {
    var free: [Int: [Buffer]] = [:]
    var statistics = DeviceStatistics()
  }

  private let context: Context
  private let state: Mutex<State>

  init(_ context: Context, byteLimit: Int) {
    self.context = context
    var initial = State()
    initial.statistics.byteLimit = byteLimit
    state = Mutex(initial)
  }

  /// Storages, bytes and the limit; the rest is the stream's to count.
  var statistics: DeviceStatistics { state.withLock { $0.statistics } }

  /// Allocates a storage.
  ///
  /// - Parameter settle: Waits for the device, so that released memory is really free.
  /// - Throws: `BackendError` when neither the budget nor, once the pool has been emptied, the
  ///   driver has room.
  func allocate(byteCount: Int, settle: () -> Void) throws -> OpenCLStorage {
    require(byteCount >= 0, "allocate: \(byteCount) bytes were asked for")
    let size = SizeClass.rounding(byteCount)
    let kept = try reserve(size)
    do throws(OpenCLError) {
      var buffer = kept
      if buffer == nil && size > 0 { buffer = try make(size, settle: settle) }
      state.withLock {
        $0.statistics.peakBytes = max($0.statistics.peakBytes, $0.statistics.liveBytes)
      }
      return OpenCLStorage(byteCount: byteCount, buffer: buffer, pool: self)
    } catch {
      state.withLock {
        $0.statistics.liveStorages -= 1
        $0.statistics.liveBytes -= size
      }
      throw error.isExhaustion ? outOfMemory(size, "\(error)") : BackendError(error)
    }
  }

  /// Takes back the buffer of a storage that is no more.
  func recycle(_ buffer: Buffer?) {
    state.withLock {
      $0.statistics.liveStorages -= 1
      guard let buffer else { return }
      $0.statistics.liveBytes -= buffer.bytes
      $0.statistics.pooledBytes += buffer.bytes
      $0.free[buffer.bytes, default: []].append(buffer)
    }
  }

  /// Releases the buffers that are kept for reuse.
  func releaseUnused() {
    // The buffers are let go outside the lock.
    let released = state.withLock { state in
      defer { state.free = [:] }
      state.statistics.pooledBytes = 0
      return state.free
    }
    _ = consume released
  }

  /// Counts a storage as live and takes a kept buffer for it, if there is one.
  private func reserve(_ size: Int) throws -> Buffer? {
    let (buffer, hasRoom, mustRelease) = state.withLock { state -> (Buffer?, Bool, Bool) in
      let buffer = state.free[size]?.popLast()
      if buffer != nil { state.statistics.pooledBytes -= size }
      let room = state.statistics.byteLimit - state.statistics.liveBytes
      guard size <= room else { return (nil, false, false) }
      state.statistics.liveStorages += 1
      state.statistics.liveBytes += size
      return (buffer, true, size + state.statistics.pooledBytes > room)
    }
    guard hasRoom else {
      throw outOfMemory(size, "the limit is \(statistics.byteLimit) bytes")
    }
    if mustRelease { releaseUnused() }
    return buffer
  }

  /// Makes a buffer, once more with an empty pool if memory runs out.
  private func make(_ size: Int, settle: () -> Void) throws(OpenCLError) -> Buffer {
    func make() throws(OpenCLError) -> Buffer {
      context.device.kind == .cpu && size >= Self.leastHostBytes
        ? try Buffer(context, hostBytes: size) : try Buffer(context, bytes: size)
    }
    do {
      return try make()
    } catch  where error.isExhaustion {
      releaseUnused()
      settle()
      return try make()
    }
  }

  /// What is shorter has no whole huge page.
  private static let leastHostBytes = 1 << 21

  private func outOfMemory(_ size: Int, _ reason: String) -> BackendError {
    let now = statistics
    return BackendError(
      .outOfMemory,
      "no room for \(size) bytes on '\(context.device.name)': \(now.liveStorages) storages hold "
        + "\(now.liveBytes) bytes, at most \(now.peakBytes) until now: \(reason)")
  }
}

extension OpenCLError {
  /// Whether there may be room for a buffer when others are gone, or for a smaller one.
  fileprivate var isExhaustion: Bool { isOutOfMemory || status == .invalidBufferSize }
}

extension MemoryPool {
  /// The byte limit that the environment or the device sets.
  ///
  /// Throws when `APUS_MEMORY_LIMIT` is not a number of bytes, with K, M or G for powers of 1024.
  static func limit(_ environment: [String: String], device: OpenCLDevice) throws -> Int {
    guard let text = environment["APUS_MEMORY_LIMIT"] else {
      return device.globalMemory - device.globalMemory / 10
    }
    let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    let unit = text.last.flatMap { units[Character($0.uppercased())] }
    guard let number = Int(unit == nil ? text[...] : text.dropLast()), number > 0,
      case (let bytes, let overflow) = number.multipliedReportingOverflow(by: unit ?? 1), !overflow
    else {
      throw BackendError(
        .execution,
        "APUS_MEMORY_LIMIT is '\(text)'; a number of bytes was expected, such as 512M or 4G")
    }
    return bytes
  }
}
