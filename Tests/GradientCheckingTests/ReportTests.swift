import Compute
import Foundation
import GradientChecking
import Tensors
import Testing

/// Reports say what was compared and what was wrong, to people and to programs.
@Suite struct ReportTests {
  private static func discrepancy(_ error: Double, of tolerance: Double) -> Discrepancy {
    Discrepancy(
      sample: "sample 3 [2, 5]", subject: "gradient of input 0", index: [1, 4], actual: 1 + error,
      expected: 1, error: error, tolerance: tolerance)
  }

  /// A report of an operation that passed, one that failed and one that was compared in part.
  private static let report: SuiteReport = {
    func check(
      _ comparison: CheckReport.Comparison, _ discrepancy: Discrepancy, _ findings: [Finding] = []
    ) -> CheckReport {
      var report = CheckReport("subject", comparison)
      report.sampleCount = 4
      report.comparisonCount = 20
      report.worst = discrepancy
      report.findings = findings
      return report
    }
    let small = discrepancy(1e-12, of: 4e-12)
    let large = discrepancy(0.5, of: 1e-6)
    let finding = Finding(.parity, "\(large.place): 1.5, reference 1.0", large)
    return SuiteReport(
      device: "opencl:0", deviceName: "Some GPU", seed: 7, mode: "fast",
      operations: [
        OperationReport(
          family: "pointwise", operation: "pointwise.exp",
          checks: [
            check(.gradient, small), CheckReport("subject", .float64, reasonNotRun: "no float64"),
            check(.float32, small),
          ]),
        OperationReport(
          family: "pointwise", operation: "pointwise.min",
          checks: [
            check(.gradient, small), check(.convention, small),
            CheckReport("subject", .float64, reasonNotRun: "no float64"),
            check(.float32, large, [finding, finding, finding, finding, finding]),
          ]),
      ])
  }()

  @Test("The table shows the worst error of each comparison in units of its tolerance")
  func table() {
    #expect(
      Self.report.table == """
        operation      samples  gradient  convention  float64         float32
        pointwise.exp        4      0.25           -  not run            0.25
        pointwise.min        4      0.25        0.25  not run  5.0e+05 FAILED
        """)
  }

  @Test("Each failure is one line with operation, sample, input, index and both values")
  func failures() {
    #expect(
      Self.report.failures(limit: 2) == [
        """
        pointwise.min float32: sample 3 [2, 5]: gradient of input 0 at [1, 4]: 1.5, reference 1.0
        """,
        """
        pointwise.min float32: sample 3 [2, 5]: gradient of input 0 at [1, 4]: 1.5, reference 1.0
        """, "pointwise.min float32: 3 more failures",
      ])
    #expect(Self.report.operations[1].failures().count == 5)
    #expect(Self.report.operations[0].failures().isEmpty)
  }

  @Test("The text begins with what was checked and ends with the outcome")
  func description() {
    let lines = Self.report.description.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.first == "gradient checks on opencl:0 (Some GPU), seed 7, fast")
    #expect(lines.last == "1 of 2 failed; float64 not run: no float64")
  }

  @Test("What was not run is no failure, and no success")
  func notRun() {
    let notRun = CheckReport("x", .float64, reasonNotRun: "no float64")
    #expect(notRun.verdict == .notRun)
    #expect(!notRun.passed)
    #expect(notRun.description == "x, float64: not run: no float64")
    let nothing = OperationReport(family: "x", operation: "x.y", checks: [notRun])
    #expect(!nothing.passed)
    #expect(Self.report.operations[0].passed)
    #expect(!Self.report.operations[1].passed)
    #expect(!Self.report.passed)
    let empty = SuiteReport(device: "", deviceName: "", seed: 0, mode: "", operations: [])
    #expect(!empty.passed)
  }

  @Test("A check that compared nothing has not passed")
  func nothingCompared() {
    let report = checkGradients(at: []) { _ in Tensor(1, dtype: .float64, on: .reference) }
    #expect(report.verdict == .notRun)
    #expect(!report.passed)
  }

  @Test("JSON comes back as it was, and says what passed")
  func json() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let data = try encoder.encode(Self.report)
    #expect(try JSONDecoder().decode(SuiteReport.self, from: data) == Self.report)
    let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(
      object.keys.sorted() == ["device", "deviceName", "mode", "operations", "passed", "seed"])
    #expect(object["passed"] as? Bool == false)
    let operations = try #require(object["operations"] as? [[String: Any]])
    #expect(operations[1]["operation"] as? String == "pointwise.min")
    let checks = try #require(operations[1]["checks"] as? [[String: Any]])
    #expect(checks.map { $0["verdict"] as? String } == ["passed", "passed", "notRun", "failed"])
    #expect(
      checks.map { $0["comparison"] as? String } == [
        "gradient", "convention", "float64", "float32",
      ])
    let worst = try #require(checks[3]["worst"] as? [String: Any])
    #expect(worst["units"] as? Double == 5e5)
    #expect(worst["index"] as? [Int] == [1, 4])
  }

  @Test("Numbers that JSON has not are written as strings, and come back")
  func notFinite() throws {
    let discrepancy = Discrepancy(
      sample: "", subject: "value", index: [], actual: .nan, expected: -.infinity, error: .nan,
      tolerance: 0)
    let data = try JSONEncoder().encode(discrepancy)
    let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(object["actual"] as? String == "nan")
    #expect(object["expected"] as? String == "-inf")
    #expect(object["units"] as? String == "inf")
    let back = try JSONDecoder().decode(Discrepancy.self, from: data)
    #expect(back.actual.isNaN && back.expected == -.infinity && back.error.isNaN)
  }

  @Test("An error or a tolerance that is not finite is never accepted")
  func units() {
    #expect(Self.discrepancy(0, of: 0).isAccepted)
    #expect(Self.discrepancy(1, of: 1).isAccepted)
    #expect(!Self.discrepancy(1.001, of: 1).isAccepted)
    #expect(!Self.discrepancy(1e-300, of: 0).isAccepted)
    #expect(!Self.discrepancy(.nan, of: 1).isAccepted)
    #expect(!Self.discrepancy(1, of: .nan).isAccepted)
    #expect(!Self.discrepancy(1, of: .infinity).isAccepted)
    #expect(!Self.discrepancy(.infinity, of: .infinity).isAccepted)
  }
}
