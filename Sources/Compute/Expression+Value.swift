extension InstructionSequence {
  /// The values of all steps for the given inputs, computed here in Float64.
  ///
  /// Traps when a step refers to an input that is not given.
  public func values(_ inputs: [Double]) -> [Double] {
    var values: [Double] = []
    values.reserveCapacity(instructions.count)
    for instruction in instructions {
      let value: Double =
        switch instruction {
        case .input(let number): inputs[number]
        case .constant(let number): number
        case .unary(let function, let x): function.evaluate(values[x])
        case .binary(let function, let x, let y): function.evaluate(values[x], values[y])
        case .select(let condition, let x, let y): values[condition] != 0 ? values[x] : values[y]
        }
      values.append(value)
    }
    return values
  }
}

extension Expression {
  /// The expression as a function of one number in Float64, laid out once for many calls.
  ///
  /// The function traps when the expression refers to another input than `input(0)`.
  public var function: @Sendable (Double) -> Double {
    let sequence = InstructionSequence([self])
    let result = sequence.results[0]
    return { sequence.values([$0])[result] }
  }

  /// Where the formula, as a function of `input(0)`, may turn from one piece into another.
  ///
  /// These are the points at which a comparison changes its outcome, the argument of a magnitude
  /// or a sign is 0, two numbers of which the smaller or larger is taken are equal, and a divisor,
  /// the base of a power or the argument of a root or logarithm is 0. The function need not have a
  /// kink at each, but it is smooth between them.
  ///
  /// Found numerically: the range is walked in steps of 2⁻⁷, and what changes its sign or touches 0
  /// on the way is traced to the last place; points nearer to each other than a step may be missed.
  public func switchPoints(in range: ClosedRange<Double>) -> [Double] {
    let step = 0x1p-7
    var points: Set<Double> = []
    let first = (range.lowerBound / step).rounded(.up)
    let last = (range.upperBound / step).rounded(.down)
    guard first <= last else { return [] }
    let grid = stride(from: first, through: last, by: 1).map { $0 * step }
    // All at once, since they mostly share their parts.
    let quantities = Array(switchingQuantities)
    let sequence = InstructionSequence(quantities)
    let table = grid.map { point in
      let values = sequence.values([point])
      return sequence.results.map { values[$0] }
    }
    for (column, quantity) in quantities.enumerated() {
      points.formUnion(
        roots(of: quantity.function, grid: grid, values: table.map { $0[column] }))
    }
    // The same place may be found by several formulas, each with a rounding of its own.
    var distinct: [Double] = []
    for point in points.sorted() where distinct.last.map({ point - $0 > 1e-9 }) ?? true {
      distinct.append(point == 0 ? 0 : point)
    }
    return distinct
  }

  /// The expressions whose change of sign, or of being 0, changes the piece.
  private var switchingQuantities: Set<Expression> {
    var quantities: Set<Expression> = []
    var seen: Set<ObjectIdentifier> = []
    func visit(_ expression: Expression) {
      guard seen.insert(expression.identity).inserted else { return }
      switch expression.form {
      case .input, .constant: break
      case .unary(let function, let x):
        switch function {
        case .magnitude, .sign, .log, .squareRoot, .reciprocalSquareRoot: quantities.insert(x)
        case .logOnePlus: quantities.insert(x + 1)
        case .negate, .exp, .expMinusOne, .sin, .cos, .tanh, .sigmoid, .erf, .isFinite: break
        }
      case .binary(let function, let x, let y):
        switch function {
        case .minimum, .maximum, .less, .lessOrEqual, .equal, .notEqual: quantities.insert(x - y)
        case .divide: quantities.insert(y)
        case .power: quantities.insert(x)
        case .add, .subtract, .multiply: break
        }
      case .select(let condition, _, _): quantities.insert(condition)
      }
      for part in expression.parts { visit(part) }
    }
    visit(self)
    return quantities.filter { !$0.isStepwise }
  }

  /// Whether the value only jumps, where a comparison that it is made of does.
  private var isStepwise: Bool {
    switch form {
    case .input: return false
    case .constant: return true
    case .unary(.sign, _), .unary(.isFinite, _): return true
    case .binary(let function, _, _):
      switch function {
      case .less, .lessOrEqual, .equal, .notEqual: return true
      case .add, .subtract, .multiply, .divide, .power, .minimum, .maximum: break
      }
    case .unary, .select: break
    }
    return parts.allSatisfy(\.isStepwise)
  }
}

/// Where a function changes its sign or becomes 0, each to the last place.
private func roots(
  of function: (Double) -> Double, grid: [Double], values: [Double]
) -> [Double] {
  var roots: [Double] = []
  for index in grid.indices {
    let here = values[index]
    if here == 0 {
      // Of a stretch of zeros only the ends.
      let continuesLeft = index == 0 || values[index - 1] == 0
      let continuesRight = index + 1 == grid.count || values[index + 1] == 0
      if !(continuesLeft && continuesRight) { roots.append(grid[index]) }
    } else if index + 1 < grid.count, values[index + 1] != 0,
      (here < 0) != (values[index + 1] < 0), !here.isNaN, !values[index + 1].isNaN
    {
      roots.append(bisection(of: function, grid[index], grid[index + 1]))
    } else if index > 0, index + 1 < grid.count, here.magnitude < values[index - 1].magnitude,
      here.magnitude < values[index + 1].magnitude, values[index - 1] != 0, values[index + 1] != 0
    {
      // A valley that may touch 0 between the points of the grid.
      let (place, depth) = valley(of: { function($0).magnitude }, grid[index - 1], grid[index + 1])
      if depth <= 1e-12 * values[index - 1].magnitude { roots.append(place) }
    }
  }
  return roots
}

/// The place between two points of different sign where the sign changes.
private func bisection(
  of function: (Double) -> Double, _ left: Double, _ right: Double
) -> Double {
  var (left, right) = (left, right)
  let isNegative = function(left) < 0
  while true {
    let middle = left + (right - left) / 2
    guard middle > left, middle < right else { return right }
    let value = function(middle)
    if value == 0 { return middle }
    if (value < 0) == isNegative { left = middle } else { right = middle }
  }
}

/// The lowest place between two points, and the value there, by halving thirds.
private func valley(
  of function: (Double) -> Double, _ left: Double, _ right: Double
) -> (place: Double, value: Double) {
  var (left, right) = (left, right)
  for _ in 0..<100 {
    let (a, b) = (left + (right - left) / 3, right - (right - left) / 3)
    if function(a) < function(b) { right = b } else { left = a }
  }
  let place = left + (right - left) / 2
  return (place, function(place))
}
