public import RealModule

/// The functions of one value that expressions are built from.
///
/// Everything known of a function stands in this file: its derivative, value, OpenCL spelling and
/// accuracy. The compiler asks for each when a function is added.
public enum UnaryIntrinsic: String, CaseIterable, Sendable {
  case negate, exp, expMinusOne, log, logOnePlus, squareRoot, reciprocalSquareRoot, magnitude
  case sign, sin, cos, tanh, sigmoid, erf, isFinite

  /// The names by which expressions that people write call the function; none for an operator.
  public var usualNames: [String] {
    switch self {
    case .negate: []
    case .exp: ["exp"]
    case .expMinusOne: ["expm1"]
    case .log: ["log", "ln"]
    case .logOnePlus: ["log1p"]
    case .squareRoot: ["sqrt"]
    case .reciprocalSquareRoot: ["rsqrt"]
    case .magnitude: ["abs"]
    case .sign: ["sign"]
    case .sin: ["sin"]
    case .cos: ["cos"]
    case .tanh: ["tanh"]
    case .sigmoid: ["sigmoid"]
    case .erf: ["erf"]
    case .isFinite: ["isfinite"]
    }
  }

  /// The function of an expression, simplified where the result is the same for every number.
  public func callAsFunction(_ x: Expression) -> Expression {
    if let value = x.constantValue { return .constant(evaluate(value)) }
    if self == .negate, case .unary(.negate, let inner) = x.form { return inner }
    return Expression(.unary(self, x))
  }

  /// The derivative at x; `value` is the function of x, for derivatives that are cheaper in it.
  func derivative(_ x: Expression, value y: Expression) -> Expression {
    switch self {
    case .negate: -1
    case .exp: y
    case .expMinusOne: x.exp
    case .log: 1 / x
    case .logOnePlus: 1 / (1 + x)
    case .squareRoot: 0.5 / y
    case .reciprocalSquareRoot: -0.5 * (y / x)
    case .magnitude: x.sign
    case .sign, .isFinite: 0
    case .sin: x.cos
    case .cos: -x.sin
    case .tanh: 1 - y * y
    case .sigmoid: y * (1 - y)
    case .erf: .constant(2 / Double.sqrt(.pi)) * (-(x * x)).exp
    }
  }

  /// The function's value.
  @inlinable
  public func evaluate<T: Real>(_ x: T) -> T {
    switch self {
    case .negate: -x
    case .exp: T.exp(x)
    case .expMinusOne: T.expMinusOne(x)
    case .log: T.log(x)
    case .logOnePlus: T.log(onePlus: x)
    case .squareRoot: T.sqrt(x)
    case .reciprocalSquareRoot: 1 / T.sqrt(x)
    case .magnitude: x.magnitude
    case .sign: x > 0 ? 1 : x < 0 ? -1 : x.isNaN ? x : 0
    case .sin: T.sin(x)
    case .cos: T.cos(x)
    case .tanh: T.tanh(x)
    case .sigmoid: 1 / (1 + T.exp(-x))
    case .erf: T.erf(x)
    case .isFinite: x.isFinite ? 1 : 0
    }
  }

  /// The function's value in integers, or nil where it is none.
  public func evaluate(_ x: Int64) -> Int64? {
    switch self {
    case .negate: 0 &- x
    case .magnitude: x < 0 ? 0 &- x : x
    case .sign: x.signum()
    case .isFinite: 1
    case .exp, .expMinusOne, .log, .logOnePlus, .squareRoot, .reciprocalSquareRoot, .sin, .cos,
      .tanh, .sigmoid, .erf:
      nil
    }
  }

  /// The function as OpenCL C, of a vector where it is wide: `exponential.clh` has what is then
  /// called.
  public func openCL(_ x: String, _ type: ComputeType, isWide: Bool = false) -> String {
    let one = type == .float32 ? "1.0f" : "1.0"
    let integer = type == .int64
    let (exp, tanh) = isWide ? ("exponential", "hyperbolic_tangent") : ("exp", "tanh")
    return switch self {
    case .negate: integer ? wrapping("0", "-", x) : "-\(x)"
    case .exp: "\(exp)(\(x))"
    case .expMinusOne: "expm1(\(x))"
    case .log: "log(\(x))"
    case .logOnePlus: "log1p(\(x))"
    case .squareRoot: "sqrt(\(x))"
    case .reciprocalSquareRoot: "rsqrt(\(x))"
    case .magnitude:
      integer ? "(\(x) < 0 ? \(wrapping("0", "-", x)) : \(x))" : "fabs(\(x))"
    case .sign: integer ? "((\(x) > 0) - (\(x) < 0))" : "(isnan(\(x)) ? \(x) : sign(\(x)))"
    case .sin: "sin(\(x))"
    case .cos: "cos(\(x))"
    case .tanh: "\(tanh)(\(x))"
    case .sigmoid: "(\(one) / (\(one) + \(exp)(-\(x))))"
    case .erf: "erf(\(x))"
    case .isFinite: integer ? "1" : "TRUTH(isfinite(\(x)))"
    }
  }

  /// What drivers of processors make of it for several values at once.
  public var vectorForm: VectorForm {
    switch self {
    case .exp, .expMinusOne, .log, .logOnePlus, .tanh, .sigmoid, .erf: .faster
    // PoCL 3.1 is off by 0.008 where the argument is some tens of thousands.
    case .sin, .cos: .inexact
    case .negate, .squareRoot, .reciprocalSquareRoot, .magnitude, .sign, .isFinite: .alike
    }
  }

  /// The error that a device may make, in units in the last place of float32.
  ///
  /// Source: the OpenCL C specification, "Relative error as ULPs", full profile. Sigmoid is
  /// made of exp, an addition and a division, each with its own error.
  public var ulps: Double {
    switch self {
    case .negate, .magnitude, .sign, .isFinite: 0
    case .exp, .expMinusOne, .log, .squareRoot: 3
    case .logOnePlus, .reciprocalSquareRoot: 2
    case .sin, .cos: 4
    case .tanh: 5
    case .sigmoid: 6.5
    case .erf: 16
    }
  }
}

/// What becomes of a function when it is applied to a vector rather than to each value.
public enum VectorForm: Sendable {
  /// It is much faster.
  case faster
  /// Compilers make vectors of single calls.
  case alike
  /// Some drivers do not keep to the accuracy that OpenCL asks for.
  case inexact
}

/// The functions of two values that expressions are built from; comparisons give 1 or 0.
public enum BinaryIntrinsic: String, CaseIterable, Sendable {
  case add, subtract, multiply, divide, power, minimum, maximum
  case less, lessOrEqual, equal, notEqual

  /// The function of two expressions, simplified where the result is the same for every number.
  ///
  /// Products with 0 and differences of equals stay: they are NaN where an operand is infinite.
  public func callAsFunction(_ x: Expression, _ y: Expression) -> Expression {
    let a = x.constantValue
    let b = y.constantValue
    if let a, let b { return .constant(evaluate(a, b)) }
    switch self {
    case .add:
      if b == 0 { return x }
      if a == 0 { return y }
      if case .unary(.negate, let inner) = y.form { return x - inner }
    case .subtract:
      if b == 0 { return x }
      if a == 0 { return -y }
      if case .unary(.negate, let inner) = y.form { return x + inner }
    case .multiply:
      if b == 1 { return x }
      if a == 1 { return y }
      if b == -1 { return -x }
      if a == -1 { return -y }
    case .divide:
      if b == 1 { return x }
      if b == -1 { return -x }
    case .power:
      if b == 0 { return 1 }
      if b == 1 { return x }
      if b == 2 { return x * x }
      if b == 3 { return x * x * x }
      if b == -1 { return 1 / x }
    case .minimum, .maximum, .less, .lessOrEqual, .equal, .notEqual: break
    }
    return Expression(.binary(self, x, y))
  }

  /// The partial derivatives, each made only when asked for.
  func derivatives(_ x: Expression, _ y: Expression, value: Expression)
    -> (x: () -> Expression, y: () -> Expression)
  {
    switch self {
    case .add: ({ 1 }, { 1 })
    case .subtract: ({ 1 }, { -1 })
    case .multiply: ({ y }, { x })
    case .divide: ({ 1 / y }, { -(value / y) })
    case .power:
      ({ y * x.power(y - 1) }, { select(x .== 0, 0, value * x.log) })
    case .minimum:
      ({ select(x .== y, 0.5, x .< y) }, { select(x .== y, 0.5, y .< x) })
    case .maximum:
      ({ select(x .== y, 0.5, y .< x) }, { select(x .== y, 0.5, x .< y) })
    case .less, .lessOrEqual, .equal, .notEqual: ({ 0 }, { 0 })
    }
  }

  /// The function's value.
  @inlinable
  public func evaluate<T: Real>(_ x: T, _ y: T) -> T {
    switch self {
    case .add: x + y
    case .subtract: x - y
    case .multiply: x * y
    case .divide: x / y
    case .power: raise(x, to: y)
    case .minimum: x < y || x.isNaN ? x : y
    case .maximum: x > y || x.isNaN ? x : y
    case .less: x < y ? 1 : 0
    case .lessOrEqual: x <= y ? 1 : 0
    case .equal: x == y ? 1 : 0
    case .notEqual: x != y ? 1 : 0
    }
  }

  /// The function's value in integers; a quotient by 0 is 0, a negative power 0.
  public func evaluate(_ x: Int64, _ y: Int64) -> Int64 {
    switch self {
    case .add: x &+ y
    case .subtract: x &- y
    case .multiply: x &* y
    case .divide: y == 0 ? 0 : x.dividedReportingOverflow(by: y).partialValue
    case .power: y < 0 ? 0 : (0..<y).reduce(1) { product, _ in product &* x }
    case .minimum: Swift.min(x, y)
    case .maximum: Swift.max(x, y)
    case .less: x < y ? 1 : 0
    case .lessOrEqual: x <= y ? 1 : 0
    case .equal: x == y ? 1 : 0
    case .notEqual: x != y ? 1 : 0
    }
  }

  /// The function as OpenCL C.
  public func openCL(_ x: String, _ y: String, _ type: ComputeType) -> String {
    let integer = type == .int64
    return switch self {
    case .add: integer ? wrapping(x, "+", y) : "\(x) + \(y)"
    case .subtract: integer ? wrapping(x, "-", y) : "\(x) - \(y)"
    case .multiply: integer ? wrapping(x, "*", y) : "\(x) * \(y)"
    case .divide:
      // The one quotient that is too large stops some processors.
      integer
        ? "(\(y) == 0 ? 0 : \(y) == -1 ? \(wrapping("0", "-", x)) : \(x) / \(y))"
        : "\(x) / \(y)"
    case .power: integer ? "integer_power(\(x), \(y))" : "pow(\(x), \(y))"
    case .minimum: integer ? "min(\(x), \(y))" : "(\(x) < \(y) || isnan(\(x)) ? \(x) : \(y))"
    case .maximum: integer ? "max(\(x), \(y))" : "(\(x) > \(y) || isnan(\(x)) ? \(x) : \(y))"
    case .less: "TRUTH(\(x) < \(y))"
    case .lessOrEqual: "TRUTH(\(x) <= \(y))"
    case .equal: "TRUTH(\(x) == \(y))"
    case .notEqual: "TRUTH(\(x) != \(y))"
    }
  }

  /// What drivers of processors make of it for several values at once.
  public var vectorForm: VectorForm {
    // PoCL 3.1 gives 0 where the power is infinite.
    self == .power ? .inexact : .alike
  }

  /// The error that a device may make, in units in the last place of float32.
  ///
  /// Source: the OpenCL C specification, "Relative error as ULPs", full profile.
  public var ulps: Double {
    switch self {
    case .add, .subtract, .multiply: 0.5
    case .divide: 2.5
    case .power: 16
    case .minimum, .maximum, .less, .lessOrEqual, .equal, .notEqual: 0
    }
  }
}

/// Arithmetic on integers whose overflow wraps around: in OpenCL C, that of unsigned ones alone.
private func wrapping(_ x: String, _ symbol: String, _ y: String) -> String {
  "(long)((ulong)\(x) \(symbol) (ulong)\(y))"
}

/// x to the power of y as C's `pow` has it: a negative base has integer powers, and x⁰ is 1.
@inlinable
func raise<T: Real>(_ x: T, to y: T) -> T {
  if y == 0 || x == 1 { return 1 }
  guard x < 0 else { return T.pow(x, y) }
  let isWhole = y == y.rounded(.towardZero)
  // Beyond all numbers a power is even, and so is that of −∞ to anything but a whole number.
  guard isWhole || x == -.infinity else { return .nan }
  let isOdd = isWhole && y.isFinite && (y / 2) != (y / 2).rounded(.towardZero)
  let magnitude = T.pow(-x, y)
  return isOdd ? -magnitude : magnitude
}
