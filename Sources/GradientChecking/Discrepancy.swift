import Foundation

/// A number beside the number it was held to.
public struct Discrepancy: Sendable, Hashable {
  /// The sample: its label and the shapes and layouts of its inputs.
  public var sample: String
  /// What was compared: the value, or the gradient with respect to an input or parameter.
  public var subject: String
  /// The indices of the element that is farthest off; empty for a scalar or a projection.
  public var index: [Int]
  /// What came: the analytic gradient, or the device's result.
  public var actual: Double
  /// What it was held to: the numeric gradient, or the reference's result.
  public var expected: Double
  /// The error: the distance of the two, or of the whole tensors in the Euclidean norm.
  public var error: Double
  /// The error that is allowed.
  public var tolerance: Double

  /// Creates a discrepancy.
  public init(
    sample: String, subject: String, index: [Int], actual: Double, expected: Double,
    error: Double, tolerance: Double
  ) {
    self.sample = sample
    self.subject = subject
    self.index = index
    self.actual = actual
    self.expected = expected
    self.error = error
    self.tolerance = tolerance
  }

  /// The error in units of its tolerance: up to 1 is right; infinite where either is not finite.
  public var units: Double {
    if error == 0 { return 0 }
    return error.isFinite && tolerance.isFinite ? error / tolerance : .infinity
  }

  /// Whether the error is allowed.
  public var isAccepted: Bool { units <= 1 }
}

extension Discrepancy: Codable {
  private enum CodingKeys: String, CodingKey {
    case sample, subject, index, actual, expected, error, tolerance, units
  }

  /// Decodes what ``encode(to:)`` wrote.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    sample = try container.decode(String.self, forKey: .sample)
    subject = try container.decode(String.self, forKey: .subject)
    index = try container.decode([Int].self, forKey: .index)
    actual = try container.decode(WrittenNumber.self, forKey: .actual).value
    expected = try container.decode(WrittenNumber.self, forKey: .expected).value
    error = try container.decode(WrittenNumber.self, forKey: .error).value
    tolerance = try container.decode(WrittenNumber.self, forKey: .tolerance).value
  }

  /// Encodes all numbers, and ``units`` besides; JSON has no NaN and no infinity, so they are
  /// written as strings.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(sample, forKey: .sample)
    try container.encode(subject, forKey: .subject)
    try container.encode(index, forKey: .index)
    try container.encode(WrittenNumber(value: actual), forKey: .actual)
    try container.encode(WrittenNumber(value: expected), forKey: .expected)
    try container.encode(WrittenNumber(value: error), forKey: .error)
    try container.encode(WrittenNumber(value: tolerance), forKey: .tolerance)
    try container.encode(WrittenNumber(value: units), forKey: .units)
  }
}

/// A Double as a number where the format has one for it, else as a string such as `"nan"`.
private struct WrittenNumber: Codable {
  var value: Double

  init(value: Double) { self.value = value }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Double.self) {
      value = number
    } else {
      value = Double(try container.decode(String.self)) ?? .nan
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if value.isFinite {
      try container.encode(value)
    } else {
      try container.encode("\(value)")
    }
  }
}

extension Discrepancy: CustomStringConvertible {
  /// The place, both numbers, and the error in units of its tolerance.
  public var description: String {
    """
    \(place): \(actual), expected \(expected); off by \(error.brief), \(units.brief) of the \
    tolerance \(tolerance.brief)
    """
  }

  /// The sample, what was compared, and the element.
  public var place: String {
    "\(sample): \(subject)" + (index.isEmpty ? "" : " at \(index)")
  }
}

extension Double {
  /// The number with three significant digits, for people.
  var brief: String { String(format: "%.3g", self) }
}
