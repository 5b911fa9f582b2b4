/// Something that a check found wrong.
public struct Finding: Sendable, Hashable, Codable {
  /// The ways in which an operation can be wrong.
  public enum Kind: String, Sendable, Hashable, Codable {
    /// The analytic gradient is not the derivative.
    case gradient
    /// The numeric derivative is too uncertain to judge the analytic one.
    case inconclusive
    /// The pullback breaks a rule that holds for every gradient.
    case contract
    /// The derivative at a kink is not the one documented.
    case convention
    /// A device's result is not the reference's.
    case parity
    /// The device failed.
    case execution
  }

  /// The way in which it is wrong.
  public var kind: Kind
  /// One line that says what is wrong, and where.
  public var message: String
  /// The numbers, where there are two to compare.
  public var discrepancy: Discrepancy?

  /// Creates a finding.
  public init(_ kind: Kind, _ message: String, _ discrepancy: Discrepancy? = nil) {
    self.kind = kind
    self.message = message
    self.discrepancy = discrepancy
  }
}

extension Finding: CustomStringConvertible {
  /// The kind and the message.
  public var description: String { "\(kind.rawValue): \(message)" }
}

/// What one check of one subject came to.
public struct CheckReport: Sendable, Hashable {
  /// What is compared with what.
  public enum Comparison: String, Sendable, Hashable, Codable, CaseIterable {
    /// The analytic gradient with finite differences, in Float64.
    case gradient
    /// The gradient at kinks with the documented convention.
    case convention
    /// The device in Float64 with the reference in Float64.
    case float64
    /// The device in Float32 with the reference in Float64.
    case float32
  }

  /// The outcomes of a check.
  public enum Verdict: String, Sendable, Hashable, Codable {
    /// Everything compared was right.
    case passed
    /// Something was wrong.
    case failed
    /// Nothing could be compared; the report says why.
    case notRun
  }

  /// What was checked, such as `matMul.nn` or a module's name.
  public var subject: String
  /// What was compared with what.
  public var comparison: Comparison
  /// Why nothing was compared; nil when the check ran.
  public var reasonNotRun: String?
  /// The number of samples tried.
  public var sampleCount = 0
  /// The number of numbers or projections compared.
  public var comparisonCount = 0
  /// The comparison nearest to, or farthest beyond, its tolerance.
  public var worst: Discrepancy?
  /// What was found wrong; empty when the check passed.
  public var findings: [Finding] = []

  /// Creates the report of a check that has compared nothing yet.
  public init(_ subject: String, _ comparison: Comparison, reasonNotRun: String? = nil) {
    self.subject = subject
    self.comparison = comparison
    self.reasonNotRun = reasonNotRun
  }

  /// The outcome; a check that compared nothing has not passed.
  public var verdict: Verdict {
    if !findings.isEmpty { return .failed }
    return reasonNotRun != nil || comparisonCount == 0 ? .notRun : .passed
  }

  /// Whether the check ran and everything was right.
  public var passed: Bool { verdict == .passed }

  /// The worst error in units of its tolerance; 0 when nothing was compared.
  public var worstUnits: Double { worst?.units ?? 0 }

  /// Counts a comparison, and keeps it if it is the worst so far.
  mutating func compare(_ discrepancy: Discrepancy, count: Int = 1) {
    comparisonCount += count
    if worst == nil || discrepancy.units > worstUnits { worst = discrepancy }
  }

  /// Adds what another sample's check came to.
  mutating func merge(_ other: CheckReport) {
    sampleCount += other.sampleCount
    comparisonCount += other.comparisonCount
    if let theirs = other.worst, worst == nil || theirs.units > worstUnits { worst = theirs }
    findings += other.findings
  }
}

extension CheckReport: CustomStringConvertible {
  /// The outcome in one line, and a line for each finding.
  public var description: String {
    let counts = "\(sampleCount) samples, \(comparisonCount) comparisons"
    var lines: [String]
    switch verdict {
    case .notRun:
      return """
        \(subject), \(comparison.rawValue): not run: \(reasonNotRun ?? "nothing to compare")
        """
    case .passed: lines = ["\(subject), \(comparison.rawValue): passed (\(counts))"]
    case .failed:
      lines = [
        "\(subject), \(comparison.rawValue): failed, \(findings.count) findings (\(counts))"
      ]
    }
    if let worst { lines.append("  worst: \(worst)") }
    return (lines + findings.map { "  \($0)" }).joined(separator: "\n")
  }
}

extension CheckReport: Codable {
  private enum CodingKeys: String, CodingKey {
    case subject, comparison, verdict, reasonNotRun, sampleCount, comparisonCount, worst, findings
  }

  /// Decodes what ``encode(to:)`` wrote.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    subject = try container.decode(String.self, forKey: .subject)
    comparison = try container.decode(Comparison.self, forKey: .comparison)
    reasonNotRun = try container.decodeIfPresent(String.self, forKey: .reasonNotRun)
    sampleCount = try container.decode(Int.self, forKey: .sampleCount)
    comparisonCount = try container.decode(Int.self, forKey: .comparisonCount)
    worst = try container.decodeIfPresent(Discrepancy.self, forKey: .worst)
    findings = try container.decode([Finding].self, forKey: .findings)
  }

  /// Encodes all of the report, and its ``verdict`` besides.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(subject, forKey: .subject)
    try container.encode(comparison, forKey: .comparison)
    try container.encode(verdict, forKey: .verdict)
    try container.encodeIfPresent(reasonNotRun, forKey: .reasonNotRun)
    try container.encode(sampleCount, forKey: .sampleCount)
    try container.encode(comparisonCount, forKey: .comparisonCount)
    try container.encodeIfPresent(worst, forKey: .worst)
    try container.encode(findings, forKey: .findings)
  }
}
