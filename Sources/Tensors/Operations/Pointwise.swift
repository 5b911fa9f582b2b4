public import Compute

// Elementwise arithmetic. Each operation is one expression, and its gradient that expression's
// derivative; there is no other code for it anywhere.

/// Elementwise arithmetic and functions, for the gradient check and the parity suite.
public enum PointwiseOperation: String, OperationFamily {
  case add, subtract, multiply, divide, power, minimum, maximum
  case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual
  case negate, exp, expMinusOne, log, logOnePlus, squareRoot, reciprocalSquareRoot, magnitude
  case sign, sin, cos, tanh, sigmoid, erf, isFinite, powerByScalar
  case clamp, select, cast, scalarArithmetic, broadcastArithmetic, fused
  case fusedOfThree

  /// The operation on inputs of several shapes, with its kinks kept away from.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    func binary(
      _ function: PointwiseFunction, _ left: SampleValues = .normal,
      _ right: SampleValues = .normal, _ apply: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> [OperationSample] {
      source.elementwise(left, right).map { inputs in
        OperationSample(inputs, accuracy: .pointwise(function, inputs: 2)) { apply($0[0], $0[1]) }
      }
    }
    func unary(
      _ function: PointwiseFunction, _ values: SampleValues = .normal, scalars: [Double] = [],
      _ apply: @escaping @Sendable (Tensor) -> Tensor
    ) -> [OperationSample] {
      source.elementwise(values).map { inputs in
        OperationSample(
          inputs, label: scalars.map { "\($0)" }.joined(separator: ", "),
          accuracy: .pointwise(function, inputs: 1, scalars: scalars)
        ) { apply($0[0]) }
      }
    }
    /// Two operands whose elements are never equal, and differ by more than a difference step.
    func apart(
      _ function: PointwiseFunction, _ apply: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> [OperationSample] {
      binary(function, SampleValues.apart.left, SampleValues.apart.right, apply)
    }
    typealias F = Functions
    return switch self {
    case .add: binary(F.add) { $0 + $1 }
    case .subtract: binary(F.subtract) { $0 - $1 }
    case .multiply: binary(F.multiply) { $0 * $1 }
    case .divide: binary(F.divide, .normal, .awayFromZero) { $0 / $1 }
    case .power: binary(F.power, .positive, .normal) { $0.power($1) }
    case .minimum: apart(F.minimum) { min($0, $1) }
    case .maximum: apart(F.maximum) { max($0, $1) }
    case .less: apart(F.less) { $0 .< $1 }
    case .lessOrEqual: apart(F.lessOrEqual) { $0 .<= $1 }
    case .greater: apart(F.greater) { $0 .> $1 }
    case .greaterOrEqual: apart(F.greaterOrEqual) { $0 .>= $1 }
    case .equal: apart(F.equal) { $0 .== $1 }
    case .notEqual: apart(F.notEqual) { $0 .!= $1 }
    case .negate: unary(F.negate) { -$0 }
    case .exp: unary(F.exp) { $0.exp }
    case .expMinusOne: unary(F.expMinusOne) { $0.expMinusOne }
    case .log: unary(F.log, .positive) { $0.log }
    case .logOnePlus: unary(F.logOnePlus, .positive) { $0.logOnePlus }
    case .squareRoot: unary(F.squareRoot, .positive) { $0.squareRoot }
    case .reciprocalSquareRoot:
      unary(F.reciprocalSquareRoot, .positive) { $0.reciprocalSquareRoot }
    case .magnitude: unary(F.magnitude, .awayFromZero) { $0.magnitude }
    case .sign: unary(F.sign, .awayFromZero) { $0.sign }
    case .sin: unary(F.sin) { $0.sin }
    case .cos: unary(F.cos) { $0.cos }
    case .tanh: unary(PointwiseFunction("tanh") { $0.tanh }) { x in Tensors.fused(x) { $0.tanh } }
    case .sigmoid:
      unary(PointwiseFunction("sigmoid") { $0.sigmoid }) { x in
        Tensors.fused(x) { $0.sigmoid }
      }
    case .erf: unary(F.erf) { $0.erf }
    case .isFinite: unary(F.isFinite) { $0.isFinite }
    case .powerByScalar:
      [3, -1, 2].flatMap { exponent in
        unary(F.power, .awayFromZero, scalars: [exponent]) { $0.power(exponent) }
      } + unary(F.power, .positive, scalars: [-1.5]) { $0.power(-1.5) }
    case .clamp:
      unary(F.clamp, .awayFrom([-0.5, 0.75]), scalars: [-0.5, 0.75]) { $0.clamped(-0.5, 0.75) }
    case .select:
      binary(
        PointwiseFunction("select") { Compute.select($0 .< 0, $0, $1) }, .awayFromZero, .normal
      ) { ($0.detached .< 0.0).select($0, $1) }
    case .cast: source.elementwise(.normal).map { OperationSample($0, function: castThere) }
    case .scalarArithmetic:
      source.elementwise(.awayFromZero).map { inputs in
        OperationSample(inputs) { x in 2.0 / x[0] + (3.0 - x[0]) * 0.5 }
      }
    case .broadcastArithmetic: broadcastSamples()
    case .fused:
      binary(PointwiseFunction("fused") { ($0 * $1).tanh + $0 * $0 }) { x, y in
        Tensors.fused(x, y) { ($0 * $1).tanh + $0 * $0 }
      }
    case .fusedOfThree:
      source.elementwise(.normal, .awayFromZero, .normal).map { inputs in
        OperationSample(
          inputs,
          accuracy: .pointwise(
            PointwiseFunction("fused", 3, .input(0) / .input(1) - .input(2).sin), inputs: 3)
        ) { Tensors.fused($0[0], $0[1], $0[2]) { $0 / $1 - $2.sin } }
      }
    }
  }

  /// Operands that are repeated along leading, inner and all axes, one of them or both.
  private func broadcastSamples() -> [OperationSample] {
    let pairs: [(left: Shape, right: Shape)] = [
      ([3, 17], [17]), ([3, 17], [3, 1]), ([3, 1], [1, 33]), ([2, 3, 5], [3, 1]), ([4, 5], []),
      ([0, 3], [3]), ([65, 3], [1, 3]), ([1], [127]), ([257, 1], [2]), ([2, 0], [2, 1]),
    ]
    return pairs.map { pair in
      OperationSample([.init(pair.left), .init(pair.right, .awayFromZero)]) { $0[0] * $0[1] }
    } + [
      OperationSample([
        .init([3, 17], layout: .transposed), .init([17], .awayFromZero, layout: .sliced),
      ]) { $0[0] / $0[1] },
      OperationSample([
        .init([3, 1], layout: .transposed), .init([17, 3, 17], .awayFromZero, layout: .transposed),
      ]) { $0[0] / $0[1] },
      OperationSample([.init([17], layout: .sliced), .init([3, 1], .awayFromZero)]) {
        $0[0] / $0[1]
      },
    ]
  }
}

/// Twice the elements, computed in the other of the dtypes that are computed in.
///
/// The samples' numbers are exact in both; a device without float64 stays in float32.
@Sendable private func castThere(_ inputs: [Tensor]) -> Tensor {
  let x = inputs[0]
  let other: DType =
    x.dtype == .float64 ? .float32 : x.device.supports(.float64) ? .float64 : .float32
  return (x.cast(to: other) * 2.0).cast(to: x.dtype)
}

/// The functions behind the operators; kept, so that their derivatives are made once.
private enum Functions {
  static let add = PointwiseFunction("add") { $0 + $1 }
  static let subtract = PointwiseFunction("subtract") { $0 - $1 }
  static let multiply = PointwiseFunction("multiply") { $0 * $1 }
  static let divide = PointwiseFunction("divide") { $0 / $1 }
  static let less = PointwiseFunction("less") { $0 .< $1 }
  static let lessOrEqual = PointwiseFunction("lessOrEqual") { $0 .<= $1 }
  static let greater = PointwiseFunction("greater") { $0 .> $1 }
  static let greaterOrEqual = PointwiseFunction("greaterOrEqual") { $0 .>= $1 }
  static let equal = PointwiseFunction("equal") { $0 .== $1 }
  static let notEqual = PointwiseFunction("notEqual") { $0 .!= $1 }
  static let exp = PointwiseFunction("exp") { $0.exp }
  static let expMinusOne = PointwiseFunction("expMinusOne") { $0.expMinusOne }
  static let log = PointwiseFunction("log") { $0.log }
  static let logOnePlus = PointwiseFunction("logOnePlus") { $0.logOnePlus }
  static let squareRoot = PointwiseFunction("squareRoot") { $0.squareRoot }
  static let reciprocalSquareRoot = PointwiseFunction("reciprocalSquareRoot") {
    $0.reciprocalSquareRoot
  }
  static let magnitude = PointwiseFunction("magnitude") { $0.magnitude }
  static let sign = PointwiseFunction("sign") { $0.sign }
  static let sin = PointwiseFunction("sin") { $0.sin }
  static let cos = PointwiseFunction("cos") { $0.cos }
  static let erf = PointwiseFunction("erf") { $0.erf }
  static let isFinite = PointwiseFunction("isFinite") { $0.isFinite }
  static let negate = PointwiseFunction("negate") { -$0 }
  static let power = PointwiseFunction("power") { $0.power($1) }
  static let minimum = PointwiseFunction("min") { min($0, $1) }
  static let maximum = PointwiseFunction("max") { max($0, $1) }
  static let clamp = PointwiseFunction(
    "clamp", 3, Expression.input(0).clamped(.input(1), .input(2)))
  static let select = PointwiseFunction(
    "select", 3, Compute.select(.input(0), .input(1), .input(2)))
  static let cast = PointwiseFunction("cast", 1, .input(0))
}

extension Tensor {
  /// The sum, elementwise with broadcasting.
  public static func + (left: Tensor, right: Tensor) -> Tensor {
    Functions.add([.tensor(left), .tensor(right)])
  }
  /// The sum, elementwise with broadcasting.
  public static func + (left: Tensor, right: Double) -> Tensor {
    Functions.add([.tensor(left), .scalar(right)])
  }
  /// The sum, elementwise with broadcasting.
  public static func + (left: Double, right: Tensor) -> Tensor {
    Functions.add([.scalar(left), .tensor(right)])
  }
  /// The difference, elementwise with broadcasting.
  public static func - (left: Tensor, right: Tensor) -> Tensor {
    Functions.subtract([.tensor(left), .tensor(right)])
  }
  /// The difference, elementwise with broadcasting.
  public static func - (left: Tensor, right: Double) -> Tensor {
    Functions.subtract([.tensor(left), .scalar(right)])
  }
  /// The difference, elementwise with broadcasting.
  public static func - (left: Double, right: Tensor) -> Tensor {
    Functions.subtract([.scalar(left), .tensor(right)])
  }
  /// The product, elementwise with broadcasting.
  public static func * (left: Tensor, right: Tensor) -> Tensor {
    Functions.multiply([.tensor(left), .tensor(right)])
  }
  /// The product, elementwise with broadcasting.
  public static func * (left: Tensor, right: Double) -> Tensor {
    Functions.multiply([.tensor(left), .scalar(right)])
  }
  /// The product, elementwise with broadcasting.
  public static func * (left: Double, right: Tensor) -> Tensor {
    Functions.multiply([.scalar(left), .tensor(right)])
  }
  /// The quotient, elementwise with broadcasting.
  public static func / (left: Tensor, right: Tensor) -> Tensor {
    Functions.divide([.tensor(left), .tensor(right)])
  }
  /// The quotient, elementwise with broadcasting.
  public static func / (left: Tensor, right: Double) -> Tensor {
    Functions.divide([.tensor(left), .scalar(right)])
  }
  /// The quotient, elementwise with broadcasting.
  public static func / (left: Double, right: Tensor) -> Tensor {
    Functions.divide([.scalar(left), .tensor(right)])
  }
  /// 1 where the left is less than the right, else 0, in the operands' dtype.
  public static func .< (left: Tensor, right: Tensor) -> Tensor {
    Functions.less([.tensor(left), .tensor(right)])
  }
  /// 1 where the left is less than the right, else 0, in the operands' dtype.
  public static func .< (left: Tensor, right: Double) -> Tensor {
    Functions.less([.tensor(left), .scalar(right)])
  }
  /// 1 where the left is less than the right, else 0, in the operands' dtype.
  public static func .< (left: Double, right: Tensor) -> Tensor {
    Functions.less([.scalar(left), .tensor(right)])
  }
  /// 1 where the left is at most the right, else 0, in the operands' dtype.
  public static func .<= (left: Tensor, right: Tensor) -> Tensor {
    Functions.lessOrEqual([.tensor(left), .tensor(right)])
  }
  /// 1 where the left is at most the right, else 0, in the operands' dtype.
  public static func .<= (left: Tensor, right: Double) -> Tensor {
    Functions.lessOrEqual([.tensor(left), .scalar(right)])
  }
  /// 1 where the left is at most the right, else 0, in the operands' dtype.
  public static func .<= (left: Double, right: Tensor) -> Tensor {
    Functions.lessOrEqual([.scalar(left), .tensor(right)])
  }
  /// 1 where the left is greater than the right, else 0, in the operands' dtype.
  public static func .> (left: Tensor, right: Tensor) -> Tensor {
    Functions.greater([.tensor(left), .tensor(right)])
  }
  /// 1 where the left is greater than the right, else 0, in the operands' dtype.
  public static func .> (left: Tensor, right: Double) -> Tensor {
    Functions.greater([.tensor(left), .scalar(right)])
  }
  /// 1 where the left is greater than the right, else 0, in the operands' dtype.
  public static func .> (left: Double, right: Tensor) -> Tensor {
    Functions.greater([.scalar(left), .tensor(right)])
  }
  /// 1 where the left is at least the right, else 0, in the operands' dtype.
  public static func .>= (left: Tensor, right: Tensor) -> Tensor {
    Functions.greaterOrEqual([.tensor(left), .tensor(right)])
  }
  /// 1 where the left is at least the right, else 0, in the operands' dtype.
  public static func .>= (left: Tensor, right: Double) -> Tensor {
    Functions.greaterOrEqual([.tensor(left), .scalar(right)])
  }
  /// 1 where the left is at least the right, else 0, in the operands' dtype.
  public static func .>= (left: Double, right: Tensor) -> Tensor {
    Functions.greaterOrEqual([.scalar(left), .tensor(right)])
  }
  /// 1 where both are equal, else 0, in the operands' dtype.
  public static func .== (left: Tensor, right: Tensor) -> Tensor {
    Functions.equal([.tensor(left), .tensor(right)])
  }
  /// 1 where both are equal, else 0, in the operands' dtype.
  public static func .== (left: Tensor, right: Double) -> Tensor {
    Functions.equal([.tensor(left), .scalar(right)])
  }
  /// 1 where both are equal, else 0, in the operands' dtype.
  public static func .== (left: Double, right: Tensor) -> Tensor {
    Functions.equal([.scalar(left), .tensor(right)])
  }
  /// 1 where both differ, else 0, in the operands' dtype.
  public static func .!= (left: Tensor, right: Tensor) -> Tensor {
    Functions.notEqual([.tensor(left), .tensor(right)])
  }
  /// 1 where both differ, else 0, in the operands' dtype.
  public static func .!= (left: Tensor, right: Double) -> Tensor {
    Functions.notEqual([.tensor(left), .scalar(right)])
  }
  /// 1 where both differ, else 0, in the operands' dtype.
  public static func .!= (left: Double, right: Tensor) -> Tensor {
    Functions.notEqual([.scalar(left), .tensor(right)])
  }
  /// The negative of each element.
  public static prefix func - (x: Tensor) -> Tensor { Functions.negate([.tensor(x)]) }

  /// eˣ of each element.
  public var exp: Tensor { Functions.exp(floating: "exp", self) }
  /// eˣ − 1 of each element, accurate near 0.
  public var expMinusOne: Tensor { Functions.expMinusOne(floating: "expMinusOne", self) }
  /// The natural logarithm of each element.
  public var log: Tensor { Functions.log(floating: "log", self) }
  /// log(1 + x) of each element, accurate near 0.
  public var logOnePlus: Tensor { Functions.logOnePlus(floating: "logOnePlus", self) }
  /// √x of each element.
  public var squareRoot: Tensor { Functions.squareRoot(floating: "squareRoot", self) }
  /// 1/√x of each element.
  public var reciprocalSquareRoot: Tensor {
    Functions.reciprocalSquareRoot(floating: "reciprocalSquareRoot", self)
  }
  /// |x| of each element; the derivative at 0 is 0.
  public var magnitude: Tensor { Functions.magnitude(floating: "magnitude", self) }
  /// −1, 0 or 1 for each element; NaN stays NaN.
  public var sign: Tensor { Functions.sign(floating: "sign", self) }
  /// The sine of each element, in radians.
  public var sin: Tensor { Functions.sin(floating: "sin", self) }
  /// The cosine of each element, in radians.
  public var cos: Tensor { Functions.cos(floating: "cos", self) }
  /// The error function of each element.
  public var erf: Tensor { Functions.erf(floating: "erf", self) }
  /// 1 where an element is neither infinite nor NaN, else 0.
  public var isFinite: Tensor { Functions.isFinite(floating: "isFinite", self) }

  /// Each element to the power of an exponent, as C's `pow` has it.
  public func power(_ exponent: Double) -> Tensor {
    Functions.power([.tensor(self), .scalar(exponent)])
  }

  /// Each element to the power of another, with broadcasting.
  public func power(_ exponent: Tensor) -> Tensor {
    Functions.power([.tensor(self), .tensor(exponent)])
  }

  /// Each element held between two bounds; the derivative is 1 on the bounds themselves.
  public func clamped(_ lower: Double, _ upper: Double) -> Tensor {
    Functions.clamp([.tensor(self), .scalar(lower), .scalar(upper)])
  }

  /// `x` where this tensor is not zero, else `y`, with broadcasting.
  ///
  /// The three have one dtype. No gradient flows to the condition.
  public func select(_ x: Tensor, _ y: Tensor) -> Tensor {
    Functions.select([.tensor(self.detached), .tensor(x), .tensor(y)])
  }

  /// The elements converted to another dtype.
  ///
  /// Floating-point numbers are rounded to nearest, and truncated towards zero into integers. The
  /// gradient is converted back; from or to integers there is none.
  public func cast(to dtype: DType) -> Tensor {
    guard dtype != self.dtype else { return self }
    let source = self.detached
    let result = Functions.cast([.tensor(source)], as: dtype)
    guard self.dtype.isComputed && dtype.isComputed else { return result }
    return result.recorded("cast", from: [self]) { cotangent, _ in
      [cotangent.cast(to: source.dtype)]
    }
  }
}

/// The smaller of two, elementwise; NaN if either is; of equals each has half the gradient.
public func min(_ x: Tensor, _ y: Tensor) -> Tensor {
  Functions.minimum([.tensor(x), .tensor(y)])
}

/// The larger of two, elementwise; NaN if either is; of equals each has half the gradient.
public func max(_ x: Tensor, _ y: Tensor) -> Tensor {
  Functions.maximum([.tensor(x), .tensor(y)])
}

/// A chain of arithmetic in one launch, forward, and one back.
///
///     let y = fused(x, w) { x, w in (x * w).tanh + x }
///
/// The tensors are broadcast to one shape and have one dtype. Constants are compiled into the
/// kernel: pass what changes from call to call as a tensor.
public func fused(_ x: Tensor, _ build: (Expression) -> Expression) -> Tensor {
  PointwiseFunction("fused", build)([.tensor(x)])
}

/// A chain of arithmetic on two tensors in one launch, forward, and one back.
public func fused(
  _ x: Tensor, _ y: Tensor, _ build: (Expression, Expression) -> Expression
) -> Tensor {
  PointwiseFunction("fused", build)([.tensor(x), .tensor(y)])
}

/// A chain of arithmetic on three tensors in one launch, forward, and one back.
public func fused(
  _ x: Tensor, _ y: Tensor, _ z: Tensor,
  _ build: (Expression, Expression, Expression) -> Expression
) -> Tensor {
  PointwiseFunction("fused", 3, build(.input(0), .input(1), .input(2)))(
    [.tensor(x), .tensor(y), .tensor(z)])
}

/// A chain of arithmetic on any number of tensors in one launch, forward, and one back.
public func fused(_ tensors: [Tensor], _ build: ([Expression]) -> Expression) -> Tensor {
  PointwiseFunction("fused", tensors.count, build(tensors.indices.map { .input($0) }))(
    tensors.map { .tensor($0) })
}

extension PointwiseFunction {
  /// Applies a function that has no value in integers.
  fileprivate func callAsFunction(floating operation: String, _ x: Tensor) -> Tensor {
    require(
      x.dtype.isFloatingPoint,
      "\(operation): the operand is \(x.dtype); convert it with cast(to: .float32)")
    return self([.tensor(x)])
  }
}
