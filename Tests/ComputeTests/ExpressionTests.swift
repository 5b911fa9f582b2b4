import Compute
import Testing

/// The value of an expression in Float64.
func value(_ expression: Expression, _ inputs: [Double]) -> Double {
  let sequence = InstructionSequence([expression])
  var values: [Double] = []
  for instruction in sequence.instructions {
    switch instruction {
    case .input(let number): values.append(inputs[number])
    case .constant(let value): values.append(value)
    case .unary(let function, let x): values.append(function.evaluate(values[x]))
    case .binary(let function, let x, let y):
      values.append(function.evaluate(values[x], values[y]))
    case .select(let condition, let x, let y):
      values.append(values[condition] != 0 ? values[x] : values[y])
    }
  }
  return values[sequence.results[0]]
}

/// The derivative by central differences, with Richardson's extrapolation, and its error.
private func difference(
  _ expression: Expression, at point: [Double], _ input: Int
) -> (value: Double, error: Double) {
  func slope(_ step: Double) -> Double {
    var (above, below) = (point, point)
    above[input] += step
    below[input] -= step
    return (value(expression, above) - value(expression, below)) / (above[input] - below[input])
  }
  let (coarse, fine) = (slope(2e-4), slope(1e-4))
  let extrapolated = fine + (fine - coarse) / 3
  return (extrapolated, abs(extrapolated - fine))
}

@Suite struct DerivativeTests {
  private let x = Expression.input(0)
  private let y = Expression.input(1)

  /// Points where the function is smooth, on both sides of its kinks.
  private func points(_ function: UnaryIntrinsic) -> [Double] {
    switch function {
    case .log, .squareRoot, .reciprocalSquareRoot: [0.3, 1.1, 7]
    case .logOnePlus: [-0.6, 0.01, 4]
    case .negate, .exp, .expMinusOne, .magnitude, .sign, .sin, .cos, .tanh, .sigmoid, .erf,
      .isFinite:
      [-2.3, -0.4, 0.7, 1.9]
    }
  }

  private func points(_ function: BinaryIntrinsic) -> [[Double]] {
    switch function {
    case .power: [[0.4, 1.7], [2.1, -1.3], [1.5, 3]]
    case .add, .subtract, .multiply, .divide, .minimum, .maximum, .less, .lessOrEqual, .equal,
      .notEqual:
      [[0.4, 1.7], [1.7, 0.4], [-2.1, 1.3], [-0.8, -1.1]]
    }
  }

  private func expectDerivative(of expression: Expression, at point: [Double]) {
    for input in point.indices {
      let numeric = difference(expression, at: point, input)
      let analytic = value(expression.derivative(withRespectTo: input), point)
      #expect(
        abs(analytic - numeric.value) <= 10 * numeric.error + 1e-10 * (1 + abs(analytic)),
        "\(analytic) against \(numeric) at \(point)")
    }
  }

  @Test(arguments: UnaryIntrinsic.allCases)
  func unary(function: UnaryIntrinsic) {
    for point in points(function) { expectDerivative(of: function(x), at: [point]) }
    for point in points(function) { expectDerivative(of: function(x * 1.5 - 0.5 * x), at: [point]) }
  }

  @Test(arguments: BinaryIntrinsic.allCases)
  func binary(function: BinaryIntrinsic) {
    for point in points(function) { expectDerivative(of: function(x, y), at: point) }
    for point in points(function) { expectDerivative(of: function(x, x * y), at: point) }
  }

  @Test func conventionsAtKinks() {
    func slope(_ expression: Expression, _ point: Double) -> Double {
      value(expression.derivative(withRespectTo: 0), [point])
    }
    #expect(slope(select(x .> 0, x, 0), 0) == 0)
    #expect(slope(x.magnitude, 0) == 0)
    #expect(slope(max(x, 1), 1) == 0.5)
    #expect(slope(min(x, 1), 1) == 0.5)
    #expect(slope(x.clamped(-1, 1), 1) == 1)
    #expect(slope(x.clamped(-1, 1), 1.01) == 0)
    #expect(slope(x.power(3), 0) == 0)
  }

  @Test func anAbsentInputHasNoDerivative() {
    #expect((1 / x).derivative(withRespectTo: 3) == 0)
    #expect(value((1 / x * y).derivative(withRespectTo: 1), [0, 1]) == .infinity)
  }

  @Test func branchesDifferentiateApart() {
    let expression = select(x .> y, x * x, y.exp)
    expectDerivative(of: expression, at: [2, 1])
    expectDerivative(of: expression, at: [1, 2])
  }

  @Test(arguments: 0..<300)
  func randomComposites(seed: Int) {
    var generator = SeededGenerator(seed)
    let expression = smoothExpression(depth: 5, using: &generator)
    let point = (0..<3).map { _ in Double.random(in: -1.5...1.5, using: &generator) }
    expectDerivative(of: expression, at: point)
  }

  /// A random function of three inputs, smooth and bounded in value and slope.
  private func smoothExpression(
    depth: Int, using generator: inout SeededGenerator
  ) -> Expression {
    if depth == 0 {
      let leaf = Int.random(in: 0..<4, using: &generator)
      return leaf < 3 ? .input(leaf) : .constant(.random(in: -2...2, using: &generator))
    }
    let a = smoothExpression(depth: depth - 1, using: &generator)
    if Bool.random(using: &generator) {
      let functions: [(Expression) -> Expression] = [
        { $0.sin }, { $0.cos }, { $0.tanh }, { $0.sigmoid }, { $0.erf }, { -$0 },
        { $0.tanh.exp }, { ($0 * $0).logOnePlus }, { (1 + $0 * $0).squareRoot },
        { (2 + $0.sin).log }, { (1 + $0 * $0).reciprocalSquareRoot },
        { ($0.sigmoid + 0.5).power(2.5) }, { $0.tanh.expMinusOne },
      ]
      return functions[Int.random(in: 0..<functions.count, using: &generator)](a)
    }
    let b = smoothExpression(depth: depth - 1, using: &generator)
    let functions: [(Expression, Expression) -> Expression] = [
      { $0 + $1 }, { $0 - $1 }, { $0.sin * $1 }, { $0 / (2 + $1.cos) },
      { (1.5 + $0.sin).power($1.tanh) },
    ]
    return functions[Int.random(in: 0..<functions.count, using: &generator)](a, b)
  }
}

@Suite struct SimplificationTests {
  private let x = Expression.input(0)

  @Test func identitiesVanish() {
    #expect(x + 0 == x)
    #expect(0 + x == x)
    #expect(x * 1 == x)
    #expect(x / 1 == x)
    #expect(-(-x) == x)
    #expect(x.power(2) == x * x)
    #expect(Expression.constant(2) * 3 == 6)
    #expect(select(1, x, 0) == x)
    #expect(select(x, 2, 2) == 2)
  }

  @Test func whatMayBeNaNStays() {
    #expect(value(x * 0, [.infinity]).isNaN)
    #expect(value(x - x, [.infinity]).isNaN)
    #expect(value(x / x, [0]).isNaN)
  }

  /// Expressions written through operators have the values of the same forms left as they are.
  ///
  /// The sign of a zero is not kept (0 − x is −x), so nothing is divided here.
  @Test(arguments: 0..<300)
  func valuesStay(seed: Int) {
    var generator = SeededGenerator(seed)
    let (simple, plain) = pair(depth: 4, using: &generator)
    for _ in 0..<8 {
      let point = (0..<2).map { _ in
        [-2, -1, -0.5, 0, 0.5, 1, 3, .infinity].randomElement(using: &generator) ?? 0
      }
      let (a, b) = (value(simple, point), value(plain, point))
      #expect(
        a == b || (a.isNaN && b.isNaN), "\(a) against \(b) at \(point), seed \(seed)")
    }
  }

  private func pair(
    depth: Int, using generator: inout SeededGenerator
  ) -> (simple: Expression, plain: Expression) {
    let choice = Int.random(in: 0..<8, using: &generator)
    if depth == 0 || choice == 0 {
      let leaf: Expression =
        Bool.random(using: &generator)
        ? .input(Int.random(in: 0..<2, using: &generator))
        : .constant([-1, 0, 1, 2, 3, 0.5].randomElement(using: &generator) ?? 0)
      return (leaf, leaf)
    }
    let a = pair(depth: depth - 1, using: &generator)
    if choice == 1 { return (-a.simple, Expression(.unary(.negate, a.plain))) }
    let b = pair(depth: depth - 1, using: &generator)
    if choice == 2 {
      let c = pair(depth: depth - 1, using: &generator)
      return (
        select(a.simple, b.simple, c.simple), Expression(.select(a.plain, b.plain, c.plain))
      )
    }
    let functions: [BinaryIntrinsic] = [
      .add, .subtract, .multiply, .maximum, .lessOrEqual,
    ]
    let function = functions.randomElement(using: &generator) ?? .add
    return (function(a.simple, b.simple), Expression(.binary(function, a.plain, b.plain)))
  }
}

@Suite struct SharingTests {
  private let x = Expression.input(0)

  private func chain(_ length: Int) -> Expression {
    (0..<length).reduce(x) { value, _ in value * value + value }
  }

  @Test func aChainStaysSmall() {
    let chain = chain(200)
    #expect(InstructionSequence([chain]).instructions.count == 401)
    let derivative = chain.derivative(withRespectTo: 0)
    #expect(InstructionSequence([derivative]).instructions.count < 2000)
    #expect(chain.inputCount == 1)
    #expect(value(chain.substituting { _ in -1 }, []) == 0)
  }

  @Test func equalChainsAreEqual() {
    #expect(chain(200) == chain(200))
    #expect(chain(200) != chain(199))
    #expect(InstructionSequence([chain(100), chain(100)]).instructions.count == 201)
  }

  @Test func substitution() {
    let y = Expression.input(1)
    let replaced = (x * x + y).substituting { $0 == 0 ? y : 2 }
    #expect(replaced == y * y + 2)
    #expect(replaced.inputCount == 2)
    #expect(Expression.constant(1).inputCount == 0)
  }
}
