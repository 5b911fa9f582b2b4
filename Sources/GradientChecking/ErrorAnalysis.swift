import Compute

/// A number that was computed in Float32, and how far it may be off.
struct BoundedValue {
  /// The number without error.
  var value: Double
  /// The largest distance of what a device may have in its place.
  var error = 0.0

  /// A number that the host rounds to Float32.
  static func rounded(_ number: Double) -> BoundedValue {
    BoundedValue(value: number, error: abs(number - Double(Float(number))))
  }
}

/// The error that a device may make in evaluating expressions in Float32.
///
/// A running error analysis (J. H. Wilkinson, "Rounding errors in algebraic processes", 1963): each
/// function adds the ULP that OpenCL allows it to what the errors of its operands move it by. How
/// far that is, is found by evaluating the function at the ends of its operands' ranges.
struct ErrorAnalysis {
  private let sequence: InstructionSequence

  /// Prepares the analysis of expressions.
  init(_ expressions: [Expression]) { sequence = InstructionSequence(expressions) }

  /// The error of each expression at the given inputs.
  func errors(at inputs: [BoundedValue]) -> [Double] {
    var values: [BoundedValue] = []
    for instruction in sequence.instructions {
      let value: BoundedValue =
        switch instruction {
        case .input(let number): inputs[number]
        case .constant(let number): .rounded(number)
        case .unary(let function, let x): apply(function, values[x])
        case .binary(let function, let x, let y): apply(function, values[x], values[y])
        case .select(let condition, let x, let y):
          select(values[condition], values[x], values[y])
        }
      values.append(value)
    }
    return sequence.results.map { values[$0].error }
  }

  private func apply(_ function: UnaryIntrinsic, _ x: BoundedValue) -> BoundedValue {
    let value = function.evaluate(x.value)
    return BoundedValue(
      value: value,
      error: rounding(function.ulps, value)
        + spread(of: x, around: value) { function.evaluate($0) })
  }

  private func apply(
    _ function: BinaryIntrinsic, _ x: BoundedValue, _ y: BoundedValue
  ) -> BoundedValue {
    let value = function.evaluate(x.value, y.value)
    // Sums and products are rounded to nearest, so those that Float32 holds are exact.
    if function.ulps == 0.5, x.error == 0, y.error == 0, Double(Float(value)) == value {
      return BoundedValue(value: value)
    }
    return BoundedValue(
      value: value,
      error: rounding(function.ulps, value)
        + spread(of: x, around: value) { function.evaluate($0, y.value) }
        + spread(of: y, around: value) { function.evaluate(x.value, $0) })
  }

  private func select(
    _ condition: BoundedValue, _ x: BoundedValue, _ y: BoundedValue
  ) -> BoundedValue {
    let chosen = condition.value != 0 ? x : y
    guard condition.error != 0 else { return chosen }
    // The device may choose the other.
    return BoundedValue(
      value: chosen.value, error: max(x.error, y.error) + abs(x.value - y.value))
  }

  private func rounding(_ ulps: Double, _ value: Double) -> Double {
    ulps * Double(Float.ulpOfOne) * abs(value)
  }

  /// How far a function moves while its operand moves to the ends of its range.
  private func spread(
    of operand: BoundedValue, around value: Double, _ function: (Double) -> Double
  ) -> Double {
    guard operand.error != 0 else { return 0 }
    let moves = [operand.value + operand.error, operand.value - operand.error].map {
      abs(function($0) - value)
    }
    // An end where the function has no value leaves the error unknown, which no result satisfies.
    return moves.contains(where: \.isNaN) ? .nan : max(moves[0], moves[1])
  }
}
