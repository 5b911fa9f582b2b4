import Compute

/// A derivative by central differences, with the error it reports of itself.
struct FiniteDifference {
  /// The derivative.
  var derivative: Double
  /// How far it may be off; infinite when the function was not finite nearby.
  var error: Double

  /// The first steps of successive attempts, each followed by its half and quarter.
  ///
  /// The first is the best for a function that varies on a scale of 1. The later ones serve where
  /// the function varies faster, or has a kink near by; rounding costs them more.
  private static let steps = [0x1p-10, 0x1p-13, 0x1p-16, 0x1p-19]

  /// The derivative at t = 0 of ⟨weights, values(t)⟩.
  ///
  /// Central differences D(h), D(h/2), D(h/4) are combined by Richardson's extrapolation, which
  /// cancels the terms in h² and h⁴:
  ///
  ///     E(h) = (4·D(h/2) − D(h)) / 3        R = (16·E(h/2) − E(h)) / 15
  ///
  /// The error is |R − E(h/2)|, which bounds what the last extrapolation left, plus the rounding
  /// of the values themselves, ε·wₖ(|fₖ(t)| + |fₖ(−t)|)/2t of those that changed; since the weights
  /// have random signs, these add up as their squares do. Where the quotients do not draw together
  /// as those of a smooth function, the error is their distance instead. When it is not small
  /// against `magnitude`, smaller steps are tried and the attempt with the least error is taken:
  /// its closeness to the analytic gradient plays no part in the choice.
  ///
  /// Source: C. J. F. Ridders, "Accurate computation of F′(x) and F′(x)F″(x)", Advances in
  /// Engineering Software 4(2), 1982.
  init(
    weights: [Double], magnitude: Double, values: (_ t: Double) throws -> [Double]
  ) rethrows {
    self.init(derivative: .nan, error: .infinity)
    for step in Self.steps {
      let attempt = try Self.extrapolated(weights, step: step, values)
      if attempt.error < error { self = attempt }
      if error <= Self.ample * max(magnitude, abs(derivative)) { break }
    }
  }

  private init(derivative: Double, error: Double) {
    self.derivative = derivative
    self.error = error
  }

  /// The relative error below which no further attempt is made.
  private static let ample = 0x1p-30

  private static func extrapolated(
    _ weights: [Double], step: Double, _ values: (Double) throws -> [Double]
  ) rethrows -> FiniteDifference {
    let coarse = try difference(weights, step, values)
    let middle = try difference(weights, step / 2, values)
    let fine = try difference(weights, step / 4, values)
    let first = (4 * middle.quotient - coarse.quotient) / 3
    let second = (4 * fine.quotient - middle.quotient) / 3
    let result = (16 * second - first) / 15
    var error = abs(result - second) + fine.rounding
    // Between steps of h, h/2, h/4 a smooth function's quotients draw together fourfold. Where it
    // bends, they do so twofold or not at all, and the extrapolation does not see how far it is off.
    let (before, after) = (
      abs(coarse.quotient - middle.quotient), abs(middle.quotient - fine.quotient)
    )
    if after > 0.4 * before + 4 * fine.rounding { error = max(error, after) }
    return FiniteDifference(
      derivative: result, error: error.isFinite ? error : .infinity)
  }

  private static func difference(
    _ weights: [Double], _ step: Double, _ values: (Double) throws -> [Double]
  ) rethrows -> (quotient: Double, rounding: Double) {
    let above = try values(step)
    let below = try values(-step)
    var sum = 0.0
    var squares = 0.0
    // Outputs are subtracted one by one: what a step does not reach cancels without rounding.
    for (weight, (up, down)) in zip(weights, zip(above, below)) where up != down {
      sum += weight * (up - down)
      let scale = weight * (abs(up) + abs(down))
      squares += scale * scale
    }
    return (sum / (2 * step), squares.squareRoot() * Double.ulpOfOne / (2 * step))
  }
}

extension Double {
  /// The power of two that a step at this point is multiplied by: max(1, |x|), rounded down.
  var stepScale: Double {
    let magnitude = Swift.max(1, self.magnitude)
    return magnitude.isFinite
      ? Double(sign: .plus, exponent: magnitude.exponent, significand: 1) : 1
  }
}
