public import Compute

extension OpenCLBackend {
  /// Allocates bytes whose contents are unspecified; they return to the pool with the storage.
  ///
  /// Throws `BackendError` of kind `outOfMemory` when the budget or the device has no room.
  public func allocate(byteCount: Int) throws -> Storage { try scratch(byteCount: byteCount) }

  /// Writes bytes in queue order; `bytes` may be reused as soon as the call returns.
  public func write(
    _ bytes: UnsafeRawBufferPointer, to storage: Storage, atByte offset: Int
  ) throws {
    check(storage, offset: offset, count: bytes.count, for: "write")
    let storage = try storage.onDevice()
    try stream.write(bytes, to: storage, atByte: offset)
    notes?.add(writing: bytes, to: storage, atByte: offset)
  }

  /// Waits for the launches before it and reads bytes; throws the storage's failure if it has one.
  public func read(
    _ storage: Storage, atByte offset: Int, into bytes: UnsafeMutableRawBufferPointer
  ) throws {
    let storage = try storage.onDevice()
    check(storage, offset: offset, count: bytes.count, for: "read")
    try stream.read(storage, atByte: offset, into: bytes)
    if let failure = storage.failure { throw failure }
  }

  private func check(_ storage: Storage, offset: Int, count: Int, for operation: String) {
    require(
      offset >= 0 && count <= storage.byteCount - offset,
      "\(operation): \(count) bytes at byte \(offset) of a storage of \(storage.byteCount)")
  }

  /// Waits until every launch has run.
  public func wait() throws { try stream.wait(for: try stream.mark()) }

  /// Marks this place in the queue.
  public func fence() throws -> any Fence {
    OpenCLFence(stream: stream, mark: try stream.mark())
  }

  /// What is held and what was done since the device was opened.
  public var statistics: DeviceStatistics {
    var statistics = pool.statistics
    let counts = stream.counts
    statistics.kernelTimes = stream.kernelTimes
    statistics.launches = counts.launches
    statistics.packs = counts.packs
    statistics.waits = counts.waits
    return statistics
  }

  /// Allocates memory for the time of an operation, or longer.
  func scratch(byteCount: Int) throws -> OpenCLStorage {
    let storage = try pool.allocate(byteCount: byteCount) {
      // What was released is free once the commands that use it have run; if waiting fails, the
      // second attempt will too, and says why.
      try? stream.wait(for: stream.mark())
    }
    notes?.add(made: storage)
    return storage
  }

  /// Allocates a contiguous view for the time of an operation.
  func scratch(_ shape: Shape, _ dtype: DType) throws -> View {
    View(try scratch(byteCount: shape.count * dtype.byteCount), dtype: dtype, shape: shape)
  }
}

private struct OpenCLFence: Fence {
  let stream: CommandStream
  let mark: CommandStream.Mark

  func wait() throws { try stream.wait(for: mark) }
}
