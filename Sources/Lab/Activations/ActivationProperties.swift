public import Tensors

/// What the field's texts tabulate of an activation, found numerically from its formula.
///
/// The function f and its derivative are looked at in steps of 2⁻⁷ from −32 to 32, on both sides of
/// every place where the formula may turn from one piece into another, and far out to ±10¹². Bounds
/// are within 10⁻⁶ and places within 10⁻⁶; means are within 10⁻⁹. What is narrower than a step and
/// no turn of the formula may be missed.
public struct ActivationProperties: Sendable, Hashable {
  /// How a function moves.
  public enum Monotonicity: String, Sendable, Hashable, Encodable {
    /// It never falls.
    case increasing
    /// It never rises.
    case decreasing
    /// It neither rises nor falls.
    case constant
    /// It does both.
    case none
  }

  /// The activation's name.
  public let name: String

  /// The greatest number that no output is below; nil where there is none.
  public let lowerBound: Double?
  /// The least number that no output is above; nil where there is none.
  public let upperBound: Double?
  /// The least number that no derivative's magnitude is above; nil where there is none.
  ///
  /// Above 1 gradients may grow from layer to layer; far below it they vanish, as the sigmoid's ¼.
  public let slopeBound: Double?
  /// Where the function has no derivative: the slopes on the two sides differ, or it jumps.
  public let kinks: [Double]
  /// Whether it rises or falls throughout.
  public let monotonicity: Monotonicity

  /// The input at which a unit turns from off to on; nil where it does not do so once.
  ///
  /// A unit that is never positive below an input and never negative above it turns on there. One
  /// that is positive everywhere, and monotone, does so half-way between its limits, or, where it
  /// has no upper one, where its slope is half-way to that on the right.
  public let threshold: Double?
  /// Whether f(−x) = −f(x).
  public let isOdd: Bool
  /// Whether f(−x) = f(x).
  public let isEven: Bool

  /// The input below which the derivative stays within ``saturationSlope``; nil without one.
  public let saturationBelow: Double?
  /// The input above which the derivative stays within ``saturationSlope``; nil without one.
  public let saturationAbove: Double?

  /// The mean output, for an input that is normal with mean 0 and variance 1; nil without one.
  public let meanOutput: Double?
  /// The mean square of the output, for such an input: the share of the signal's power passed on;
  /// nil without one.
  public let meanSquare: Double?
  /// The share of such inputs that pass on more than ``saturationSlope`` of a gradient.
  public let fractionPassed: Double
  /// Whether a unit can die: from some turn of the formula on the derivative is 0, so that a unit
  /// whose inputs all lie there learns no more.
  public let canDie: Bool

  /// What it costs on a device; nil where it was not measured.
  public var cost: ActivationCost?

  /// The derivative below which a unit counts as saturated: one five-hundredth.
  ///
  /// By it the sigmoid is saturated beyond 6.2 and tanh beyond 3.8, where texts say 6 and 4.
  public static let saturationSlope = 0.002

  /// Whether the output is bounded on both sides.
  public var isBounded: Bool { lowerBound != nil && upperBound != nil }

  /// Whether the threshold is 0.
  public var isThresholdAtZero: Bool { threshold.map { $0.magnitude <= 1e-6 } ?? false }

  /// Whether the mean output is 0 for an input that is normal with mean 0.
  public var isZeroCentered: Bool {
    meanOutput.map { $0.magnitude <= 1e-9 * max(1, meanSquare ?? 1) } ?? false
  }

  /// The |x| beyond which a unit is saturated on either side; nil where it is not so on both.
  public var saturation: Double? {
    saturationBelow.flatMap { below in
      saturationAbove.map { max(below.magnitude, $0.magnitude) }
    }
  }

  /// Finds the properties of an activation.
  ///
  /// - Parameters:
  ///   - activation: The function.
  ///   - device: Where the cost is measured; nil to leave it out.
  /// - Returns: The properties. Throws where the device fails.
  public static func of(
    _ activation: Activation, measuringOn device: Device? = nil
  ) throws -> ActivationProperties {
    var properties = ActivationProperties(activation)
    properties.cost = try device.map { try ActivationCost(of: activation, on: $0) }
    return properties
  }

  private init(_ activation: Activation) {
    let probe = ActivationProbe(activation)
    name = activation.name
    lowerBound = probe.bound(of: { -probe.function($0) }).map { 0 - $0 }
    upperBound = probe.bound(of: probe.function)
    slopeBound = probe.bound(of: { probe.derivative($0).magnitude })
    kinks = probe.kinks
    monotonicity = probe.monotonicity
    threshold = probe.threshold
    isOdd = probe.isSymmetric(sign: -1)
    isEven = probe.isSymmetric(sign: 1)
    saturationBelow = probe.saturation(fromTheLeft: true)
    saturationAbove = probe.saturation(fromTheLeft: false)
    func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }
    meanOutput = finite(activation.normalMean { $0 })
    meanSquare = finite(activation.normalMean { $0 * $0 })
    fractionPassed = probe.fractionPassed
    canDie = probe.canDie
  }
}

extension ActivationProperties: Encodable {
  private enum Key: String, CodingKey {
    case name, lowerBound, upperBound, isBounded, slopeBound, kinks, monotonicity
    case threshold, isThresholdAtZero, isOdd, isEven, isZeroCentered
    case saturationBelow, saturationAbove, saturation
    case meanOutput, meanSquare, fractionPassed, canDie, cost
  }

  /// Writes what is found and what follows from it; what there is none of is null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(name, forKey: .name)
    try container.encode(lowerBound, forKey: .lowerBound)
    try container.encode(upperBound, forKey: .upperBound)
    try container.encode(isBounded, forKey: .isBounded)
    try container.encode(slopeBound, forKey: .slopeBound)
    try container.encode(kinks, forKey: .kinks)
    try container.encode(monotonicity, forKey: .monotonicity)
    try container.encode(threshold, forKey: .threshold)
    try container.encode(isThresholdAtZero, forKey: .isThresholdAtZero)
    try container.encode(isOdd, forKey: .isOdd)
    try container.encode(isEven, forKey: .isEven)
    try container.encode(isZeroCentered, forKey: .isZeroCentered)
    try container.encode(saturationBelow, forKey: .saturationBelow)
    try container.encode(saturationAbove, forKey: .saturationAbove)
    try container.encode(saturation, forKey: .saturation)
    try container.encode(meanOutput, forKey: .meanOutput)
    try container.encode(meanSquare, forKey: .meanSquare)
    try container.encode(fractionPassed, forKey: .fractionPassed)
    try container.encode(canDie, forKey: .canDie)
    try container.encode(cost, forKey: .cost)
  }
}
