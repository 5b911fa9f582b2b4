import Foundation

/// What the checks of one operation came to.
public struct OperationReport: Sendable, Hashable, Codable {
  /// The operation's family, such as `matMul`.
  public var family: String
  /// The operation with its family, such as `matMul.nn`.
  public var operation: String
  /// One report for each comparison; no convention where the operation has no kink.
  public var checks: [CheckReport]

  /// Creates the report of an operation's checks.
  public init(family: String, operation: String, checks: [CheckReport]) {
    self.family = family
    self.operation = operation
    self.checks = checks
  }

  /// The report of a comparison; nil where the operation has none of it.
  public subscript(comparison: CheckReport.Comparison) -> CheckReport? {
    checks.first { $0.comparison == comparison }
  }

  /// Whether nothing was found wrong; a comparison that was not run counts for neither side.
  public var passed: Bool {
    checks.contains { $0.verdict == .passed } && !checks.contains { $0.verdict == .failed }
  }

  /// One line for each failure, with the operation, comparison, sample, input, index and both
  /// values; of one comparison at most so many, and a line that counts the others.
  public func failures(limit: Int = .max) -> [String] {
    checks.flatMap { check in
      let title = "\(operation) \(check.comparison.rawValue)"
      let lines = check.findings.prefix(limit).map { "\(title): \($0.line)" }
      let rest = check.findings.count - lines.count
      return rest > 0 ? lines + ["\(title): \(rest) more failures"] : lines
    }
  }
}

/// What a run of ``GradientCheckSuite`` came to.
///
/// As JSON: `device`, `deviceName`, `seed`, `mode`, `passed`, and `operations`, each with `family`,
/// `operation` and `checks`; a check has `comparison`, `verdict`, `worst` (with `units`) and
/// `findings`.
public struct SuiteReport: Sendable, Hashable {
  /// The identifier of the device that was compared with the reference.
  public var device: String
  /// The device's name, as its driver gives it.
  public var deviceName: String
  /// The seed of shapes, values and cotangents.
  public var seed: UInt64
  /// How thoroughly gradients were compared with finite differences.
  public var mode: String
  /// One report for each operation, in the order of the families.
  public var operations: [OperationReport]

  /// Creates the report of a run.
  public init(
    device: String, deviceName: String, seed: UInt64, mode: String, operations: [OperationReport]
  ) {
    self.device = device
    self.deviceName = deviceName
    self.seed = seed
    self.mode = mode
    self.operations = operations
  }

  /// Whether something was checked and nothing was found wrong.
  public var passed: Bool { !operations.isEmpty && operations.allSatisfy(\.passed) }
}

extension SuiteReport: Codable {
  private enum CodingKeys: String, CodingKey {
    case device, deviceName, seed, mode, passed, operations
  }

  /// Decodes what ``encode(to:)`` wrote.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    device = try container.decode(String.self, forKey: .device)
    deviceName = try container.decode(String.self, forKey: .deviceName)
    seed = try container.decode(UInt64.self, forKey: .seed)
    mode = try container.decode(String.self, forKey: .mode)
    operations = try container.decode([OperationReport].self, forKey: .operations)
  }

  /// Encodes all of the report, and whether it ``passed`` besides.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(device, forKey: .device)
    try container.encode(deviceName, forKey: .deviceName)
    try container.encode(seed, forKey: .seed)
    try container.encode(mode, forKey: .mode)
    try container.encode(passed, forKey: .passed)
    try container.encode(operations, forKey: .operations)
  }
}

// MARK: - Text

extension SuiteReport: CustomStringConvertible {
  /// What was checked, the table, the failures and a summary.
  public var description: String {
    let head = "gradient checks on \(device) (\(deviceName)), seed \(seed), \(mode)"
    return ([head, "", table, ""] + failures() + [summary]).joined(separator: "\n")
  }

  /// A line for each operation: its worst error in each comparison, in units of its tolerance.
  public var table: String {
    let comparisons = CheckReport.Comparison.allCases
    let head = ["operation", "samples"] + comparisons.map(\.rawValue)
    let lines =
      [head]
      + operations.map { operation in
        let samples = operation[.gradient]?.sampleCount ?? 0
        return [operation.operation, "\(samples)"]
          + comparisons.map { operation[$0]?.cell ?? "-" }
      }
    let widths = head.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      zip(line, widths).enumerated().map { column, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + padding : padding + cell.0
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  /// One line for each failure; of one comparison of an operation at most so many.
  public func failures(limit: Int = 3) -> [String] {
    operations.flatMap { $0.failures(limit: limit) }
  }

  /// How many operations passed, and what was not run.
  public var summary: String {
    let failed = operations.count { !$0.passed }
    let reasons = operations.flatMap(\.checks).filter { $0.verdict == .notRun }.map {
      "\($0.comparison.rawValue) not run: \($0.reasonNotRun ?? "nothing to compare")"
    }
    var distinct: [String] = []
    for reason in reasons where !distinct.contains(reason) { distinct.append(reason) }
    let verdict =
      passed
      ? "all \(operations.count) operations passed" : "\(failed) of \(operations.count) failed"
    return ([verdict] + distinct).joined(separator: "; ")
  }
}

extension Finding {
  /// The message, after the kind where a comparison's name does not say it.
  fileprivate var line: String {
    switch kind {
    case .gradient, .convention, .parity: message
    case .inconclusive, .contract, .execution: description
    }
  }
}

extension CheckReport {
  /// The worst error in units of its tolerance, or why there is none.
  fileprivate var cell: String {
    switch verdict {
    case .notRun: "not run"
    case .passed: worstUnits.units
    case .failed: worstUnits > 1 ? "\(worstUnits.units) FAILED" : "FAILED"
    }
  }
}

extension Double {
  /// A multiple of a tolerance with two decimals, or with two digits where that would be long.
  fileprivate var units: String { String(format: self < 1000 ? "%.2f" : "%.1e", self) }
}
