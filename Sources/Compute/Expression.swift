/// A scalar function of numbered inputs, as data.
///
/// All pointwise work is written as expressions: arithmetic, activations and their gradients,
/// losses, optimiser updates. An expression is differentiated symbolically, simplified, evaluated
/// by the reference backend and printed as OpenCL C, so each formula stands in one place.
///
///     let x = Expression.input(0)
///     let swish = x * x.sigmoid
///     swish.derivative(withRespectTo: 0)
///
/// Equal parts are shared, so a chain that uses its parts many times stays small.
public struct Expression: Sendable {
  /// What an expression is at its root.
  public enum Form: Hashable, Sendable {
    /// The value of an operand.
    case input(Int)
    /// A number known when the kernel is compiled.
    case constant(Double)
    /// A function of one value.
    case unary(UnaryIntrinsic, Expression)
    /// A function of two values.
    case binary(BinaryIntrinsic, Expression, Expression)
    /// The second where the first is not zero, else the third.
    case select(Expression, Expression, Expression)
  }

  private final class Node: Sendable {
    let form: Form
    /// Kept, since hashing the form anew would walk all shared parts again.
    let hash: Int
    init(_ form: Form) {
      self.form = form
      hash = form.hashValue
    }
  }

  private let node: Node

  /// The expression's root.
  public var form: Form { node.form }

  /// Names the node, for tables that must not walk shared parts twice.
  var identity: ObjectIdentifier { ObjectIdentifier(node) }

  /// Creates an expression from its root, as it stands.
  public init(_ form: Form) { node = Node(form) }

  /// The value of operand `number`.
  public static func input(_ number: Int) -> Expression { Expression(.input(number)) }

  /// A number known when the kernel is compiled.
  public static func constant(_ value: Double) -> Expression { Expression(.constant(value)) }

  /// The number, or nil for anything but a constant.
  public var constantValue: Double? { if case .constant(let value) = form { value } else { nil } }

  /// The expressions that the root is computed from.
  public var parts: [Expression] {
    switch form {
    case .input, .constant: []
    case .unary(_, let x): [x]
    case .binary(_, let x, let y): [x, y]
    case .select(let condition, let x, let y): [condition, x, y]
    }
  }

  /// The number of operands that an expression refers to: one more than its highest input.
  public var inputCount: Int {
    InstructionSequence([self]).instructions.reduce(0) { count, instruction in
      if case .input(let number) = instruction { max(count, number + 1) } else { count }
    }
  }

  /// The expression with each input replaced.
  public func substituting(_ replacement: (Int) -> Expression) -> Expression {
    rebuilt { expression in
      if case .input(let number) = expression.form { replacement(number) } else { nil }
    }
  }

  /// Rebuilds bottom-up, visiting a shared part once.
  ///
  /// `leaf` gives the replacement of an expression without parts, or nil to keep it.
  private func rebuilt(_ leaf: (Expression) -> Expression?) -> Expression {
    var done: [ObjectIdentifier: Expression] = [:]
    func visit(_ expression: Expression) -> Expression {
      if let known = done[expression.identity] { return known }
      let result: Expression =
        switch expression.form {
        case .input, .constant: leaf(expression) ?? expression
        case .unary(let function, let x): function(visit(x))
        case .binary(let function, let x, let y): function(visit(x), visit(y))
        case .select(let condition, let x, let y): select(visit(condition), visit(x), visit(y))
        }
      done[expression.identity] = result
      return result
    }
    return visit(self)
  }
}

extension Expression: Hashable {
  /// Whether two expressions are written alike; a test of form, not of mathematics.
  public static func == (left: Expression, right: Expression) -> Bool {
    // Parts found equal are kept: a shared one would be compared anew along each path to it.
    var known: [ObjectIdentifier: ObjectIdentifier] = [:]
    func compare(_ left: Expression, _ right: Expression) -> Bool {
      if left.node === right.node || known[left.identity] == right.identity { return true }
      guard left.node.hash == right.node.hash else { return false }
      let isEqual =
        switch (left.form, right.form) {
        case (.input(let a), .input(let b)): a == b
        case (.constant(let a), .constant(let b)): a == b
        case (.unary(let f, let x), .unary(let g, let y)): f == g && compare(x, y)
        case (.binary(let f, let a, let b), .binary(let g, let x, let y)):
          f == g && compare(a, x) && compare(b, y)
        case (.select(let a, let b, let c), .select(let x, let y, let z)):
          compare(a, x) && compare(b, y) && compare(c, z)
        default: false
        }
      if isEqual { known[left.identity] = right.identity }
      return isEqual
    }
    return compare(left, right)
  }

  /// Feeds the kept hash of the form.
  public func hash(into hasher: inout Hasher) { hasher.combine(node.hash) }
}

extension Expression: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// A constant from a literal such as `0.5`.
  public init(floatLiteral value: Double) { self = .constant(value) }
  /// A constant from a literal such as `2`.
  public init(integerLiteral value: Int) { self = .constant(Double(value)) }
}

// MARK: - Writing expressions

extension Expression {
  /// The sum.
  public static func + (x: Expression, y: Expression) -> Expression { BinaryIntrinsic.add(x, y) }
  /// The difference.
  public static func - (x: Expression, y: Expression) -> Expression {
    BinaryIntrinsic.subtract(x, y)
  }
  /// The product.
  public static func * (x: Expression, y: Expression) -> Expression {
    BinaryIntrinsic.multiply(x, y)
  }
  /// The quotient.
  public static func / (x: Expression, y: Expression) -> Expression {
    BinaryIntrinsic.divide(x, y)
  }
  /// The negative.
  public static prefix func - (x: Expression) -> Expression { UnaryIntrinsic.negate(x) }

  /// 1 where x < y, else 0.
  public static func .< (x: Expression, y: Expression) -> Expression { BinaryIntrinsic.less(x, y) }
  /// 1 where x ≤ y, else 0.
  public static func .<= (x: Expression, y: Expression) -> Expression {
    BinaryIntrinsic.lessOrEqual(x, y)
  }
  /// 1 where x > y, else 0.
  public static func .> (x: Expression, y: Expression) -> Expression { BinaryIntrinsic.less(y, x) }
  /// 1 where x ≥ y, else 0.
  public static func .>= (x: Expression, y: Expression) -> Expression {
    BinaryIntrinsic.lessOrEqual(y, x)
  }
  /// 1 where x = y, else 0.
  public static func .== (x: Expression, y: Expression) -> Expression {
    BinaryIntrinsic.equal(x, y)
  }
  /// 1 where x ≠ y, else 0.
  public static func .!= (x: Expression, y: Expression) -> Expression {
    BinaryIntrinsic.notEqual(x, y)
  }

  /// eˣ.
  public var exp: Expression { UnaryIntrinsic.exp(self) }
  /// eˣ − 1, accurate near 0.
  public var expMinusOne: Expression { UnaryIntrinsic.expMinusOne(self) }
  /// The natural logarithm.
  public var log: Expression { UnaryIntrinsic.log(self) }
  /// log(1 + x), accurate near 0.
  public var logOnePlus: Expression { UnaryIntrinsic.logOnePlus(self) }
  /// √x.
  public var squareRoot: Expression { UnaryIntrinsic.squareRoot(self) }
  /// 1/√x.
  public var reciprocalSquareRoot: Expression { UnaryIntrinsic.reciprocalSquareRoot(self) }
  /// |x|; its derivative at 0 is 0.
  public var magnitude: Expression { UnaryIntrinsic.magnitude(self) }
  /// −1, 0 or 1.
  public var sign: Expression { UnaryIntrinsic.sign(self) }
  /// The sine of x radians.
  public var sin: Expression { UnaryIntrinsic.sin(self) }
  /// The cosine of x radians.
  public var cos: Expression { UnaryIntrinsic.cos(self) }
  /// The hyperbolic tangent.
  public var tanh: Expression { UnaryIntrinsic.tanh(self) }
  /// 1 / (1 + e⁻ˣ).
  public var sigmoid: Expression { UnaryIntrinsic.sigmoid(self) }
  /// The error function, 2/√π ∫₀ˣ e^(−t²) dt.
  public var erf: Expression { UnaryIntrinsic.erf(self) }
  /// 1 where x is neither infinite nor NaN, else 0.
  public var isFinite: Expression { UnaryIntrinsic.isFinite(self) }

  /// x to the power of y.
  public func power(_ exponent: Expression) -> Expression { BinaryIntrinsic.power(self, exponent) }

  /// x held between two bounds; the derivative is 1 on the bounds themselves.
  public func clamped(_ lower: Expression, _ upper: Expression) -> Expression {
    select(self .< lower, lower, select(self .> upper, upper, self))
  }
}

/// The smaller of two, NaN if either is; where they are equal each has half the derivative.
public func min(_ x: Expression, _ y: Expression) -> Expression { BinaryIntrinsic.minimum(x, y) }

/// The larger of two, NaN if either is; where they are equal each has half the derivative.
public func max(_ x: Expression, _ y: Expression) -> Expression { BinaryIntrinsic.maximum(x, y) }

/// `x` where the condition is not zero, else `y`.
public func select(_ condition: Expression, _ x: Expression, _ y: Expression) -> Expression {
  if let known = condition.constantValue { return known != 0 ? x : y }
  return x == y ? x : Expression(.select(condition, x, y))
}
