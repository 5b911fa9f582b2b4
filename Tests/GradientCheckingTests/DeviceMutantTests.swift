import GradientChecking
import Tensors
import Testing

/// The comparison of devices is itself checked, on a second reference that is made to err.
@Suite struct DeviceMutantTests {
  private static let device = Device.unsharedReference()

  @Test("What is wrong on a device is found by each comparison that can see it")
  func mutantsAreCaught() throws {
    let suite = GradientCheckSuite(device: Self.device, families: [DeviceMutantOperation.self])
    let reports = suite.run().operations
    for (mutant, report) in zip(DeviceMutantOperation.allCases, reports) {
      #expect(report[.gradient]?.passed == true, "\(report.failures())")
      for comparison in [CheckReport.Comparison.float64, .float32] {
        let check = try #require(report[comparison])
        let isWrong = mutant.comparisons.contains(comparison)
        #expect(check.verdict == (isWrong ? .failed : .passed), "\(mutant): \(check)")
        guard isWrong else { continue }
        let finding = try #require(
          check.findings.first { $0.message.contains(mutant.place) }, "\(mutant): \(check)")
        #expect(finding.kind == .parity)
        #expect(finding.message.hasPrefix("sample 0 "))
      }
    }
  }

  @Test("A device that computes as the reference does passes", arguments: UInt64(0)..<3)
  func equalsPass(seed: UInt64) {
    let report = GradientCheckSuite(device: Self.device, seed: seed, mode: .fast).run()
    #expect(report.passed, "\(report.failures())")
    for operation in report.operations {
      #expect(operation[.float64]?.worstUnits == 0, "\(operation.operation)")
    }
  }

  @Test("A device without memory is a finding, not the end of the program")
  func outOfMemory() throws {
    let device = Device.unsharedReference(byteLimit: 1024)
    let report = GradientCheckSuite(
      device: device, families: try OperationFamilies.named(["matMul", "activation"])
    ).run()
    #expect(!report.passed)
    for operation in report.operations {
      #expect(operation[.gradient]?.passed == true)
      let findings = try #require(operation[.float32]).findings
      #expect(findings.contains { $0.kind == .execution })
      let message = try #require(findings.first { $0.kind == .execution }).message
      #expect(message.contains("cpu failed: "), "\(message)")
      #expect(message.contains("1024 bytes"), "\(message)")
    }
  }

  @Test("The reference is not compared with itself")
  func reference() throws {
    let report = GradientCheckSuite(
      device: .reference, families: try OperationFamilies.named(["random"])
    ).run()
    let operation = try #require(report.operations.first)
    for comparison in [CheckReport.Comparison.float64, .float32] {
      let check = try #require(operation[comparison])
      #expect(check.verdict == .notRun)
      #expect(!check.passed)
      #expect(check.reasonNotRun == "cpu is the reference itself")
    }
    #expect(operation.passed)
  }
}
