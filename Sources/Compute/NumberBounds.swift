/// The numbers that a setting may have.
public enum NumberBounds: Sendable, Hashable {
  /// Every finite number.
  case any
  /// Above 0.
  case positive
  /// 0 or above.
  case nonNegative
  /// From 0, which counts, to 1, which does not.
  case fraction
  /// From 0, which does not count, to 1, which does.
  case share

  /// Whether a number is within the bounds.
  public func contains(_ value: Double) -> Bool {
    guard value.isFinite else { return false }
    return switch self {
    case .any: true
    case .positive: value > 0
    case .nonNegative: value >= 0
    case .fraction: value >= 0 && value < 1
    case .share: value > 0 && value <= 1
    }
  }

  /// What is expected, such as `a number above 0`.
  public var description: String {
    switch self {
    case .any: "a number"
    case .positive: "a number above 0"
    case .nonNegative: "a number of at least 0"
    case .fraction: "a number from 0 to below 1"
    case .share: "a number above 0 and at most 1"
    }
  }
}

/// A number that the maker of something built in takes, such as the slope of a leaky ReLU.
public struct NumericSetting: Sendable, Hashable {
  /// The setting's name, in configurations.
  public let name: String
  /// Its value where none is given; nil where one must be.
  public let usual: Double?
  /// The values it may have.
  public let bounds: NumberBounds

  /// Creates a setting.
  public init(_ name: String, usual: Double? = nil, _ bounds: NumberBounds = .any) {
    self.name = name
    self.usual = usual
    self.bounds = bounds
  }
}
