import Benchmarking
import Tensors
import TestSupport
import Testing

@Suite struct CostGrowthTests {
  @Test("Work is counted: one product forward and two backward, less the inputs' gradient")
  func work() throws {
    let step = try #require(BenchmarkCase("train 3-5-2 plain 7"))
    // 2·7·(3·(3·5 + 5·2) − 3·5)
    #expect(step.stepOperationCount == 840)
    #expect(BenchmarkCase.adam(count: 3).stepOperationCount == nil)
  }

  @Test(
    "As a size doubles so does the work, but for the last layer; of the width it quadruples",
    arguments: CostGrowth.Quantity.allCases)
  func doubling(quantity: CostGrowth.Quantity) throws {
    let factor = quantity == .width ? 4.0 : 2
    for (size, next) in zip(quantity.sizes, quantity.sizes.dropFirst()) {
      #expect(next == 2 * size)
      let work = try [size, next].map {
        try #require(quantity.benchmarkCase(size: $0).stepOperationCount)
      }
      // Ten classes and the gradient that the first layer does not need.
      #expect(abs(work[1] / work[0] / factor - 1) < (quantity == .batch ? 1e-12 : 0.3))
    }
  }

  @Test("A device is full from the first step on that has half of the best rate")
  func full() {
    let seconds: [(size: Int, Double)] = [(1, 10), (2, 11), (4, 12), (8, 16), (16, 40)]
    let growth = CostGrowth(
      .batch,
      seconds.map { size, seconds in
        CostGrowth.Step(size: size, operations: Double(size), seconds: seconds)
      })
    #expect(growth.isFull == [false, false, true, true, true])
    let expected: [Double?] = [nil, 1.1, 12 / 11, 16 / 12, 2.5]
    #expect(growth.growth == expected)
  }

  @Test("Steps are measured in order, and told of before", arguments: TestDevices.all)
  func measuring(device: Device) throws {
    let benchmark = Benchmark(
      device: device, rounds: 1,
      stopwatch: Stopwatch(leastDuration: .milliseconds(1), warmUp: .zero))
    var cases: [BenchmarkCase] = []
    let growth = try benchmark.measureGrowth(of: .depth, sizes: [1, 2]) { cases.append($0) }
    #expect(cases == [1, 2].map { CostGrowth.Quantity.depth.benchmarkCase(size: $0) })
    #expect(growth.steps.map(\.size) == [1, 2])
    #expect(growth.steps.allSatisfy { $0.seconds > 0 && $0.operations > 0 })
  }
}
