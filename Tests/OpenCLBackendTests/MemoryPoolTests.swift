import Compute
import OpenCLBackend
import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct MemoryPoolTests {
  @Test func wasteIsAtMostSevenPercent() throws {
    let bench = try Bench()
    var generator = SeededGenerator(61)
    var sizes = Array(0...300) + [4095, 4096, 4097, 1 << 20, 1 << 20 + 1]
    sizes += (0..<200).map { _ in Int.random(in: 1...1 << 24, using: &generator) }
    for size in sizes {
      let before = bench.backend.statistics.liveBytes
      let storage = try bench.backend.allocate(byteCount: size)
      let held = bench.backend.statistics.liveBytes - before
      #expect(storage.byteCount == size)
      #expect(held >= size && Double(held) <= 1.07 * Double(size), "\(size) bytes hold \(held)")
      withExtendedLifetime(storage) {}
    }
  }

  /// What is released is taken again, also for another size of the same class.
  @Test func buffersAreReused() throws {
    let bench = try Bench()
    for size in [1000, 1000, 993, 1025, 1024, 1088] {
      withExtendedLifetime(try bench.backend.allocate(byteCount: size)) {}
    }
    #expect(bench.calls.count(of: .clCreateBuffer) == 2)
    #expect(bench.backend.statistics.liveStorages == 0)
    #expect(bench.backend.statistics.liveBytes == 0)
    #expect(bench.backend.statistics.pooledBytes == 1024 + 1088)
    #expect(bench.live.count(of: .buffer) == 2)
  }

  /// A buffer may be handed on while launches that use it still wait in the queue.
  @Test func reuseIsInQueueOrder() throws {
    let bench = try Bench()
    let results = try (0..<40).map { _ in try bench.view([Float](repeating: -1, count: 5000)) }
    for (number, result) in results.enumerated() {
      let input = try bench.view([Float](repeating: Float(number), count: 5000))
      try bench.increment(input, into: result)
    }
    for (number, result) in results.enumerated() {
      #expect(try bench.values(result).allSatisfy { $0 == Float(number + 1) })
    }
    // All inputs were the same memory.
    #expect(bench.calls.count(of: .clCreateBuffer) == 41)
  }

  @Test func statistics() throws {
    let bench = try Bench()
    let x = try bench.view([1, 2, 3])
    let y = try bench.view([0, 0, 0])
    try bench.increment(x, into: y)
    try bench.increment(y, into: x)
    #expect(try bench.values(x) == [3, 4, 5])
    try bench.backend.wait()
    let held = bench.backend.statistics
    #expect(held.liveStorages == 2)
    #expect(held.liveBytes == 24)
    #expect(held.peakBytes == 24)
    #expect(held.launches == 2)
    #expect(held.waits == 2)
    #expect(held.packs == 0)
  }

  // MARK: The budget

  @Test func theBudgetHolds() throws {
    let bench = try Bench { $0.memoryLimit = 10_000 }
    #expect(bench.backend.statistics.byteLimit == 10_000)
    let first = try bench.backend.allocate(byteCount: 6_000)
    let error = try failure { try bench.backend.allocate(byteCount: 5_000) }
    #expect(error?.kind == .outOfMemory)
    for part in ["5120 bytes", "1 storages", "6144 bytes", "limit is 10000 bytes"] {
      #expect(error?.message.contains(part) == true, "\(part) in \(error?.message ?? "nothing")")
    }
    #expect(bench.calls.count(of: .clCreateBuffer) == 1)
    #expect(bench.backend.statistics.liveStorages == 1)
    _ = try bench.backend.allocate(byteCount: 3_800)
    withExtendedLifetime(first) {}
  }

  /// What is kept for reuse counts, and makes room when it must.
  @Test func whatIsKeptMakesRoom() throws {
    let bench = try Bench { $0.memoryLimit = 10_000 }
    withExtendedLifetime(try bench.backend.allocate(byteCount: 6_000)) {}
    #expect(bench.backend.statistics.pooledBytes == 6_144)
    let other = try bench.backend.allocate(byteCount: 5_000)
    #expect(bench.backend.statistics.pooledBytes == 0)
    #expect(bench.live.count(of: .buffer) == 1)
    withExtendedLifetime(other) {}
  }

  @Test(
    arguments: [
      ("1000", 1000), ("2k", 2048), ("3K", 3072), ("512M", 512 << 20), ("4G", 4 << 30),
      ("1g", 1 << 30),
    ] as [(String, Int)])
  func limits(text: String, bytes: Int) throws {
    let bench = try Bench { $0.environment["APUS_MEMORY_LIMIT"] = text }
    #expect(bench.backend.statistics.byteLimit == bytes)
  }

  @Test(
    arguments: ["", "G", "0", "-1", "0K", "1T", "1.5G", "12 M", "lots", "99999999999999G"])
  func wrongLimits(text: String) throws {
    let error = try failure { try Bench { $0.environment["APUS_MEMORY_LIMIT"] = text } }
    #expect(
      error?.message == "APUS_MEMORY_LIMIT is '\(text)'; a number of bytes was expected, such as "
        + "512M or 4G")
  }

  /// A limit in the options comes before that of the environment, and the device's memory last.
  @Test func whichLimit() throws {
    let given = try Bench {
      $0.memoryLimit = 123
      $0.environment["APUS_MEMORY_LIMIT"] = "nonsense"
    }
    #expect(given.backend.statistics.byteLimit == 123)
    let memory = try Bench().backend.device.globalMemory
    #expect(try Bench().backend.statistics.byteLimit == memory - memory / 10)
  }

  // MARK: Failing allocations

  static let exhaustions: [OpenCLStatus] = [.allocationFailure, .outOfResources, .outOfHostMemory]

  @Test("An allocation that fails once is retried with an empty pool", arguments: exhaustions)
  func retried(status: OpenCLStatus) throws {
    let bench = try Bench()
    withExtendedLifetime(try bench.backend.allocate(byteCount: 1 << 10)) {}
    bench.calls.fail(.clCreateBuffer, with: status)
    let storage = try bench.backend.allocate(byteCount: 1 << 12)
    #expect(storage.failure == nil)
    #expect(bench.backend.statistics.pooledBytes == 0)
    #expect(bench.backend.statistics.waits == 1)
    #expect(bench.live.count(of: .buffer) == 1)
  }

  @Test("An allocation that fails twice says what was held", arguments: exhaustions)
  func exhausted(status: OpenCLStatus) throws {
    let bench = try Bench()
    let held = try bench.backend.allocate(byteCount: 1 << 10)
    bench.calls.fail(.clCreateBuffer, with: status, times: 2)
    let error = try failure { try bench.backend.allocate(byteCount: 1 << 12) }
    #expect(error?.kind == .outOfMemory)
    for part in ["4096 bytes", "1 storages", "hold 1024 bytes", "most 1024 until", status.name] {
      #expect(error?.message.contains(part) == true, "\(part) in \(error?.message ?? "nothing")")
    }
    #expect(bench.backend.statistics.liveStorages == 1)
    #expect(bench.backend.statistics.liveBytes == 1 << 10)
    withExtendedLifetime(held) {}
  }

  @Test func anotherFailureIsNotRetried() throws {
    let bench = try Bench()
    bench.calls.fail(.clCreateBuffer, with: .invalidValue)
    try #expect(failure { try bench.backend.allocate(byteCount: 8) }?.kind == .execution)
    #expect(bench.calls.count(of: .clCreateBuffer) == 1)
    #expect(bench.backend.statistics.liveStorages == 0)
  }

  /// A storage of no bytes has no buffer, and all that can be done to it does nothing.
  @Test func noBytes() throws {
    let bench = try Bench()
    let nothing = try bench.view([])
    try bench.increment(nothing, into: nothing)
    #expect(try bench.values(nothing).isEmpty)
    #expect(bench.calls.count(of: .clCreateBuffer) == 0)
    #expect(bench.backend.statistics.launches == 0)
  }

  // MARK: Transfers

  /// Bytes can be written and read in parts, and be changed as soon as a write returns.
  @Test func partsOfStorages() throws {
    let bench = try Bench()
    let view = try bench.view([Float](repeating: 0, count: 600))
    var source: [Float] = [0]
    for position in 0..<600 {
      source[0] = Float(position)
      try source.withUnsafeBytes {
        try bench.backend.write($0, to: view.storage, atByte: 4 * position)
      }
    }
    #expect(try bench.values(view) == (0..<600).map(Float.init))
    var two: [Float] = [0, 0]
    try two.withUnsafeMutableBytes {
      try bench.backend.read(view.storage, atByte: 40, into: $0)
    }
    #expect(two == [10, 11])
  }

  /// A fence waits for what came before it.
  @Test func fences() throws {
    let bench = try Bench()
    let x = try bench.view([1])
    try bench.increment(x, into: x)
    let fence = try bench.backend.fence()
    try bench.increment(x, into: x)
    try fence.wait()
    try fence.wait()
    #expect(try bench.values(x) == [3])
  }
}
