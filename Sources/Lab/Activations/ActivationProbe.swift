import Compute
import Tensors

/// Looks at an activation and its derivative in many places.
struct ActivationProbe {
  let function: (Double) -> Double
  let derivative: (Double) -> Double

  private let derivativeExpression: Expression
  /// Where the formula, or that of the derivative, may turn, or a kink is declared.
  private let turns: [Double]
  /// Where the function is looked at, in order.
  private let places: [Double]
  private let values: [Double]
  private let slopes: [Double]

  private static let reach = 32.0
  private static let step = 0x1p-7
  /// How far from a turn its two sides are looked at.
  private static let side = 0x1p-20

  init(_ activation: Activation) {
    let derivativeExpression = activation.derivative
    self.derivativeExpression = derivativeExpression
    function = activation.expression.function
    derivative = derivativeExpression.function
    let range = -Self.reach...Self.reach
    turns = Set(
      activation.expression.switchPoints(in: range) + derivativeExpression.switchPoints(in: range)
        + activation.kinks.filter(range.contains)
    ).sorted()
    let count = Self.reach / Self.step
    let grid = stride(from: -count, through: count, by: 1).map { $0 * Self.step }
    let sides = turns.flatMap { [$0 - Self.side, $0, $0 + Self.side] }
    places = Set(grid + sides.filter(range.contains)).sorted()
    values = places.map(function)
    slopes = places.map(derivative)
  }

  // MARK: - Bounds

  /// The least upper bound of a function of x, or nil where it grows without end.
  func bound(of quantity: (Double) -> Double) -> Double? {
    let decades = Self.decades.map { decade -> Double in
      let values = decade.flatMap { [quantity(-$0), quantity($0)] }
      return values.filter { !$0.isNaN }.max() ?? -.infinity
    }
    let last = decades.suffix(4)
    let isGrowing = zip(last, last.dropFirst()).allSatisfy { (low: Double, high: Double) in
      high - low > 1e-3
    }
    let near = places.map(quantity)
    guard var best = near.filter({ !$0.isNaN }).max(), best < .infinity else { return nil }
    if let index = near.firstIndex(of: best), index > 0, index + 1 < places.count {
      best = max(best, Self.peak(of: quantity, places[index - 1], places[index + 1]))
    }
    let far = decades.max() ?? best
    // A wave may happen to be higher from decade to decade, but not higher than near 0.
    guard far < .infinity, !(isGrowing && far > best + 1e-3) else { return nil }
    return Self.settled(max(best, far))
  }

  /// Some places in each power of ten, to 10¹².
  private static let decades: [[Double]] = (2...12).map { (exponent: Int) -> [Double] in
    let power = (0..<exponent).reduce(1.0) { power, _ in power * 10 }
    return (0..<16).map { phase in
      let position = Double(phase) / 32
      return power * (1 + position)
    }
  }

  /// The highest value between two places, by halving thirds.
  private static func peak(
    of quantity: (Double) -> Double, _ left: Double, _ right: Double
  ) -> Double {
    var (left, right) = (left, right)
    for _ in 0..<80 {
      let (a, b) = (left + (right - left) / 3, right - (right - left) / 3)
      if quantity(a) < quantity(b) { left = a } else { right = b }
    }
    return quantity(left + (right - left) / 2)
  }

  /// A number without the dust of its last digits, where it is within a billionth of a round one.
  private static func settled(_ value: Double) -> Double {
    let round = (value * 1e6).rounded() / 1e6
    return (value - round).magnitude < 1e-9 ? round + 0 : value
  }

  // MARK: - Shape

  /// Where the slopes on the two sides differ, or the function jumps.
  var kinks: [Double] {
    turns.filter { turn in
      let (left, right) = (turn - Self.side, turn + Self.side)
      let (leftSlope, rightSlope) = (derivative(left), derivative(right))
      let scale = max(1, leftSlope.magnitude, rightSlope.magnitude)
      if !((leftSlope - rightSlope).magnitude <= 1e-4 * scale) { return true }
      let rise = (function(right) - function(left)).magnitude
      return !(rise <= 4 * scale * (right - left))
    }
  }

  var monotonicity: ActivationProperties.Monotonicity {
    let everywhere = Self.far.reversed().map { function(-$0) } + values + Self.far.map(function)
    var (rises, falls) = (false, false)
    for (here, next) in zip(everywhere, everywhere.dropFirst()) {
      // Roundings are no movement.
      let noise = 1e-12 * max(1, here.magnitude, next.magnitude)
      if next - here > noise { rises = true }
      if here - next > noise { falls = true }
    }
    return switch (rises, falls) {
    case (true, false): .increasing
    case (false, true): .decreasing
    case (false, false): .constant
    case (true, true): .none
    }
  }

  private static let far = decades.flatMap { $0 }

  func isSymmetric(sign: Double) -> Bool {
    places.allSatisfy { place in
      guard place >= 0 else { return true }
      let (left, right) = (function(-place), function(place))
      return (left - sign * right).magnitude <= 1e-9 * max(1, right.magnitude)
    }
  }

  /// The input at which a unit turns on; see ``ActivationProperties/threshold``.
  var threshold: Double? {
    guard monotonicity != .constant else { return nil }
    // What is 0 on the right as well only tends to 0, and is so by rounding.
    if let firstOn = values.firstIndex(where: { $0 > 0 }), firstOn > 0, (values.last ?? 0) > 0,
      values[firstOn...].allSatisfy({ $0 >= 0 }), Self.far.allSatisfy({ function(-$0) <= 0 }),
      Self.far.allSatisfy({ function($0) >= 0 })
    {
      return crossing(places[firstOn - 1], places[firstOn]) { function($0) > 0 }
    }
    guard monotonicity == .increasing, let floor = bound(of: { -function($0) }), floor <= 0 else {
      return nil
    }
    if let ceiling = bound(of: function) {
      let middle = (ceiling - floor) / 2
      return values.firstIndex { $0 >= middle }.flatMap { index in
        index == 0
          ? nil : crossing(places[index - 1], places[index]) { function($0) >= middle }
      }
    }
    guard let last = slopes.last, last.isFinite,
      Self.far.allSatisfy({ derivative($0) <= last * 1.001 })
    else { return nil }
    let half = (slopes[0] + last) / 2
    return slopes.firstIndex { $0 >= half }.flatMap { index in
      index == 0 ? nil : crossing(places[index - 1], places[index]) { derivative($0) >= half }
    }
  }

  /// Where a condition that fails on the left and holds on the right begins to hold.
  private func crossing(
    _ left: Double, _ right: Double, _ condition: (Double) -> Bool
  ) -> Double {
    var (left, right) = (left, right)
    while true {
      let middle = left + (right - left) / 2
      guard middle > left, middle < right, right - left > 1e-12 else { break }
      if condition(middle) { right = middle } else { left = middle }
    }
    return Self.settled(right)
  }

  // MARK: - Saturation

  /// The input from which on, to one side, the derivative stays small.
  func saturation(fromTheLeft: Bool) -> Double? {
    let limit = ActivationProperties.saturationSlope
    func isSmall(_ slope: Double) -> Bool { slope.magnitude <= limit }
    let sign = fromTheLeft ? -1.0 : 1.0
    guard Self.far.allSatisfy({ isSmall(derivative(sign * $0)) }) else { return nil }
    let order = fromTheLeft ? Array(places.indices) : places.indices.reversed()
    guard let first = order.first(where: { !isSmall(slopes[$0]) }) else { return 0 }
    let before = fromTheLeft ? first - 1 : first + 1
    guard places.indices.contains(before) else { return nil }
    return fromTheLeft
      ? crossing(places[before], places[first]) { !isSmall(derivative($0)) }
      : -crossing(-places[before], -places[first]) { !isSmall(derivative(-$0)) }
  }

  /// The share of normal inputs whose derivative is not small.
  var fractionPassed: Double {
    let limit = ActivationProperties.saturationSlope
    let edges = max(derivativeExpression.magnitude, .constant(limit))
      .switchPoints(in: -Self.reach...Self.reach)
    return Activation.normalIntegral(between: edges) { derivative($0).magnitude > limit ? 1 : 0 }
  }

  /// Whether the derivative is 0 from a turn of the formula on, to either side.
  ///
  /// What only tends to 0, and is 0 in the end by rounding, does not end at a turn.
  var canDie: Bool {
    guard let first = slopes.firstIndex(where: { $0 != 0 }),
      let last = slopes.lastIndex(where: { $0 != 0 })
    else { return true }
    func isTurn(_ place: Double) -> Bool {
      turns.contains { ($0 - place).magnitude <= 2 * Self.step }
    }
    let diesLeft =
      first > 0 && isTurn(places[first]) && Self.far.allSatisfy { derivative(-$0) == 0 }
    let diesRight =
      last + 1 < places.count && isTurn(places[last]) && Self.far.allSatisfy { derivative($0) == 0 }
    return diesLeft || diesRight
  }
}
