import Compute
import GradientChecking
import Tensors
import Testing

/// The checker itself is checked: what is wrong is found and named, what is right is not suspected.
@Suite struct MutantTests {
  static let modes: [GradientCheckMode] = [.full, .fast]

  private static func reports(
    of families: [any OperationFamily.Type], _ mode: GradientCheckMode, seed: UInt64
  ) -> [OperationReport] {
    GradientCheckSuite(device: .reference, families: families, seed: seed, mode: mode).run()
      .operations
  }

  @Test("A wrong gradient is found, and named with its place and numbers", arguments: modes)
  func mutantsAreCaught(mode: GradientCheckMode) throws {
    let reports = Self.reports(of: [MutantOperation.self], mode, seed: 1)
    try #require(reports.count == MutantOperation.allCases.count)
    for (mutant, report) in zip(MutantOperation.allCases, reports) {
      #expect(!report.passed, "\(mutant) survived")
      let failures = report.failures()
      let line = try #require(
        failures.first { $0.contains(mutant.place) }, "\(mutant): \(failures)")
      #expect(line.hasPrefix("mutant.\(mutant.rawValue) gradient: "), "\(line)")
      #expect(line.contains("sample 0 "), "\(line)")
      #expect(!line.contains("\n"))
    }
  }

  @Test("An entry that is wrong is named by input and index, with both values", arguments: modes)
  func entriesAreNamed(mode: GradientCheckMode) throws {
    let reports = Self.reports(of: [MutantOperation.self], mode, seed: 2)
    let report = try #require(reports.first { $0.operation == "mutant.lastElement" })
    let gradient = try #require(report[.gradient])
    #expect(gradient.findings.count == 1)
    let finding = try #require(gradient.findings.first)
    let discrepancy = try #require(finding.discrepancy)
    #expect(finding.kind == .gradient)
    #expect(discrepancy.subject == "gradient of input 0")
    #expect(discrepancy.index == [256])
    #expect(discrepancy.actual == 0)
    #expect(abs(discrepancy.expected) > 1e-3)
    #expect(discrepancy.units > 1000)
    let line = try #require(report.failures().first)
    #expect(
      line.hasPrefix(
        "mutant.lastElement gradient: sample 0 [257]: gradient of input 0 at [256]: analytic 0.0, "
          + "numeric \(discrepancy.expected); off by"))
  }

  @Test("A right gradient is not suspected, whatever the seed", arguments: modes)
  func repairedPass(mode: GradientCheckMode) {
    for seed in UInt64(0)..<10 {
      for report in Self.reports(of: [RepairedOperation.self], mode, seed: seed) {
        #expect(report.passed, "seed \(seed): \(report.failures())")
      }
    }
  }

  @Test("Every seed finds every mutant", arguments: modes)
  func everySeedFinds(mode: GradientCheckMode) {
    for seed in UInt64(0)..<10 {
      let survivors = Self.reports(of: [MutantOperation.self], mode, seed: seed).filter(\.passed)
      #expect(survivors.isEmpty, "seed \(seed): \(survivors.map(\.operation)) survived")
    }
  }

  @Test("relu′(0) = 1 is found, and named", arguments: modes)
  func conventionAtAKink(mode: GradientCheckMode) throws {
    let planted = KinkConvention(
      "relu′(0) = 0", of: KinkedOperation.relu, at: [[-1, 0, 2]], gradients: [[0, 0, 1]]
    ) { inputs in
      withGradient("relu", at: inputs) {
        relu($0[0])
      } pullback: { inputs, _, c in
        [(inputs[0] .>= 0.0) * c]
      }
    }
    let suite = GradientCheckSuite(
      device: .reference, families: [KinkedOperation.self], conventions: [planted], mode: mode)
    let report = try #require(suite.run().operations.first)
    #expect(report[.gradient]?.passed == true)
    #expect(report[.convention]?.verdict == .failed)
    #expect(
      report.failures().first == """
        kinked.relu convention: relu′(0) = 0 in float64 on cpu: gradient of input 0 at [1]: it is \
        1.0, by convention 0.0
        """)
  }
}

/// An operation with a kink.
private enum KinkedOperation: String, OperationFamily {
  case relu

  func samples(_ source: inout SampleSource) -> [OperationSample] {
    [OperationSample([.init([17], .awayFromZero)]) { Tensors.relu($0[0]) }]
  }
}
