public import Compute

extension ReferenceBackend {
  /// Allocates bytes whose contents are unspecified.
  ///
  /// Throws `BackendError` of kind `outOfMemory` when the limit or the host has no room.
  public func allocate(byteCount: Int) throws -> Storage {
    require(byteCount >= 0, "allocate: \(byteCount) bytes were asked for")
    return try ReferenceStorage(byteCount: byteCount, ledger: ledger)
  }

  /// Writes bytes; `bytes` may be reused as soon as the call returns.
  public func write(
    _ bytes: UnsafeRawBufferPointer, to storage: Storage, atByte offset: Int
  ) throws {
    try check(storage, offset: offset, count: bytes.count, for: "write")
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    inOrder {
      storage.onHost.withBytes { ($0 + offset).copyMemory(from: source, byteCount: bytes.count) }
    }
  }

  /// Reads bytes; throws the storage's failure if it has one.
  public func read(
    _ storage: Storage, atByte offset: Int, into bytes: UnsafeMutableRawBufferPointer
  ) throws {
    try check(storage, offset: offset, count: bytes.count, for: "read")
    ledger.countWait()
    guard let target = bytes.baseAddress, bytes.count > 0 else { return }
    inOrder {
      storage.onHost.withBytes { target.copyMemory(from: $0 + offset, byteCount: bytes.count) }
    }
  }

  private func check(_ storage: Storage, offset: Int, count: Int, for operation: String) throws {
    if let failure = storage.failure { throw failure }
    require(
      offset >= 0 && count <= storage.byteCount - offset,
      "\(operation): \(count) bytes at byte \(offset) of a storage of \(storage.byteCount)")
  }

  /// Returns at once, since every launch has run.
  public func wait() throws { ledger.countWait() }

  /// Marks this place; there is nothing before it to wait for.
  public func fence() throws -> any Fence { PassedFence() }

  /// What is held and what was done since the backend was opened.
  public var statistics: DeviceStatistics { ledger.statistics }
}

/// A fence that every launch before it has passed.
private struct PassedFence: Fence {
  func wait() throws {}
}
