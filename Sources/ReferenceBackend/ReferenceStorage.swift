import Compute
import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Bytes in the host's memory.
///
/// The contents are guarded by the order of the backend's launches, not by the storage.
final class ReferenceStorage: Storage, @unchecked Sendable {
  private let bytes: UnsafeMutableRawPointer
  private let ledger: Ledger

  /// Allocates bytes, aligned to a cache line, and enters them in the ledger.
  init(byteCount: Int, ledger: Ledger) throws {
    try ledger.enter(byteCount)
    var address: UnsafeMutableRawPointer?
    guard posix_memalign(&address, 64, max(byteCount, 1)) == 0, let address else {
      ledger.remove(byteCount)
      throw ledger.outOfMemory(byteCount)
    }
    bytes = address
    self.ledger = ledger
    super.init(byteCount: byteCount)
  }

  deinit {
    free(bytes)
    ledger.remove(byteCount)
  }

  /// Calls a closure with the first byte's address, which is valid during the call.
  func withBytes<R>(_ body: (UnsafeMutableRawPointer) throws -> R) rethrows -> R {
    try withExtendedLifetime(self) { try body(bytes) }
  }
}

/// The account of what a backend holds and did; storages outlive the backend, so it is shared.
final class Ledger: Sendable {
  private let state: Mutex<DeviceStatistics>

  /// Opens an account with a limit on the bytes in use.
  init(byteLimit: Int) {
    var statistics = DeviceStatistics()
    statistics.byteLimit = byteLimit
    state = Mutex(statistics)
  }

  /// The counters as they are now.
  var statistics: DeviceStatistics { state.withLock { $0 } }

  /// Counts a storage, or throws when it would exceed the limit.
  func enter(_ byteCount: Int) throws {
    let fits = state.withLock { statistics in
      guard byteCount <= statistics.byteLimit - statistics.liveBytes else { return false }
      statistics.liveStorages += 1
      statistics.liveBytes += byteCount
      statistics.peakBytes = max(statistics.peakBytes, statistics.liveBytes)
      return true
    }
    if !fits { throw outOfMemory(byteCount) }
  }

  /// Takes a storage off the account.
  func remove(_ byteCount: Int) {
    state.withLock { statistics in
      statistics.liveStorages -= 1
      statistics.liveBytes -= byteCount
    }
  }

  /// Counts a launch.
  func countLaunch() { state.withLock { $0.launches += 1 } }

  /// Counts a time that the host asked to wait.
  func countWait() { state.withLock { $0.waits += 1 } }

  /// The error of an allocation for which there is no room.
  func outOfMemory(_ byteCount: Int) -> BackendError {
    let held = statistics
    let limit =
      held.byteLimit == .max ? "the host's memory" : "a limit of \(held.byteLimit) bytes"
    return BackendError(
      .outOfMemory,
      "out of memory: \(byteCount) bytes were wanted under \(limit); \(held.liveBytes) bytes are "
        + "in use by \(held.liveStorages) storages, \(held.peakBytes) bytes at the peak")
  }
}
