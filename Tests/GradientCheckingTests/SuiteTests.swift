import Compute
import GradientChecking
import TestSupport
import Tensors
import Testing

/// Every operation is right, on every device of this machine.
@Suite struct SuiteTests {
  @Test("Gradients, conventions and devices are right", arguments: TestDevices.all)
  func everything(device: Device) {
    // A sixth of the samples on a device: on a new machine their kernels are all to be built.
    let report = GradientCheckSuite(device: device, seed: 0, deviceStride: 6).run()
    print(report)
    #expect(report.passed, "\(report.failures())")
    for operation in report.operations {
      for check in operation.checks {
        let isComparable =
          check.comparison == .gradient || check.comparison == .convention
          || (device != .reference
            && (check.comparison == .float32 || device.supports(.float64)))
        #expect(check.verdict == (isComparable ? .passed : .notRun), "\(check)")
      }
    }
  }

  @Test(
    "Other seeds and modes find nothing wrong either",
    arguments: [GradientCheckMode.automatic(fullUpTo: 64), .fast], [UInt64(1), 2])
  func gradients(mode: GradientCheckMode, seed: UInt64) {
    let report = GradientCheckSuite(device: .reference, seed: seed, mode: mode).run()
    #expect(report.passed, "seed \(seed): \(report.failures())")
  }

  @Test("An operation is tried on the same samples alone as with others")
  func familiesAlone() throws {
    let all = GradientCheckSuite(device: .reference, seed: 3, mode: .fast).run()
    let alone = GradientCheckSuite(
      device: .reference, families: try OperationFamilies.named(["LOSS"]), seed: 3, mode: .fast
    ).run()
    #expect(alone.operations == all.operations.filter { $0.family == "loss" })
    #expect(!alone.operations.isEmpty)
  }

  @Test("The seed determines what is tried")
  func seeds() throws {
    func report(_ seed: UInt64) throws -> SuiteReport {
      GradientCheckSuite(
        device: .reference, families: try OperationFamilies.named(["random"]), seed: seed
      ).run()
    }
    let first = try report(4)
    #expect(try report(4) == first)
    #expect(try report(5).operations != first.operations)
  }

  @Test("Progress is told after each operation")
  func progress() throws {
    var operations: [String] = []
    let suite = GradientCheckSuite(
      device: .reference, families: try OperationFamilies.named(["indexing", "random"]))
    let report = suite.run { progress in
      operations.append(progress.report.operation)
      #expect(progress.completed == operations.count)
      #expect(progress.total == 3)
    }
    #expect(operations == ["indexing.gather", "indexing.oneHot", "random.dropout"])
    #expect(report.operations.map(\.operation) == operations)
  }

  @Test("Families are found by name, in the list's order")
  func names() throws {
    let named = try OperationFamilies.named(["RANDOM", "matmul", "random"])
    #expect(named.map { $0.name } == ["matMul", "random"])
    #expect(OperationFamilies.names.count == OperationFamilies.all.count)
    #expect(
      Set(OperationFamilies.names.map { $0.lowercased() }).count == OperationFamilies.all.count)
  }

  @Test("An unknown family is an error that lists those there are")
  func unknownName() {
    let error = #expect(throws: UnknownFamilyError.self) {
      try OperationFamilies.named(["loss", "convolutions"])
    }
    #expect(
      error?.description == """
        there is no family 'convolutions'; the families are pointwise, activation, shape, \
        reduction, matMul, convolution, pooling, normalization, loss, indexing, random, softmax, \
        featureActivation
        """)
  }
}
