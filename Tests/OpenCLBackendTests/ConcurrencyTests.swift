import Compute
import OpenCLBackend
import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct ConcurrencyTests {
  /// Tasks on several threads, each with storages of its own, on one device whose kernels none of
  /// them has built yet.
  @Test func launchesFromSeveralThreads() async throws {
    let bench = try Bench()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask {
          var isRight = true
          for round in 1...30 {
            let count = 50 * task + round
            let values = (0..<count).map { Float($0 % 13) }
            let x = try bench.view(values)
            let y = try bench.view([Float](repeating: 0, count: count))
            let sum = try bench.view([0])
            try bench.increment(x, into: y)
            try bench.backend.reduce(
              .sum, of: .input(0) * .input(1), operands: [.view(x), .view(y)], axes: [0], scale: 1,
              into: sum)
            let product = try bench.view([0])
            try bench.backend.multiply(
              x.with(shape: [1, count], strides: [count, 1]),
              y.with(shape: [count, 1], strides: [1, 1]), bias: nil, activation: nil,
              into: product.with(shape: [1, 1], strides: [1, 1]))
            let expected = values.reduce(0) { sum, value in sum + value * (value + 1) }
            isRight =
              try isRight && bench.values(sum) == [expected] && bench.values(product) == [expected]
          }
          return isRight
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
    #expect(bench.backend.statistics.liveStorages == 0)
    // A program that two threads built at once is kept once.
    #expect(bench.live.count(of: .program) <= 8)
  }

  /// Launches of one thread are seen by another, in order.
  @Test func aStorageThatSeveralThreadsWriteTo() async throws {
    let bench = try Bench()
    let counter = try bench.view([Float](repeating: 0, count: 100))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask { for _ in 0..<50 { try bench.increment(counter, into: counter) } }
      }
      try await group.waitForAll()
    }
    #expect(try bench.values(counter) == [Float](repeating: 400, count: 100))
    #expect(bench.backend.statistics.launches == 400)
  }
}
