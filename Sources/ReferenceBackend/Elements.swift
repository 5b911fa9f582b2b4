import Compute
import RealModule

/// A type of which a storage holds elements; one for each `DType`.
protocol Element: BitwiseCopyable, Sendable {
  /// The nearest element, ties to even; an integer is what C's cast gives, truncated towards
  /// zero, and where C leaves the result undefined the nearest end of its range, or 0 for NaN.
  init<T: BinaryFloatingPoint>(storing value: T)

  /// The nearest element; an integer keeps the low bits, as C's cast does.
  init(storing value: Int64)

  /// The element as a floating-point number, rounded once.
  func loaded<T: BinaryFloatingPoint>(as type: T.Type) -> T

  /// The element as an integer, as `init(storing:)` makes one.
  var integer: Int64 { get }
}

extension Element where Self: BinaryFloatingPoint {
  init<T: BinaryFloatingPoint>(storing value: T) { self.init(value) }
  init(storing value: Int64) { self.init(value) }
  func loaded<T: BinaryFloatingPoint>(as type: T.Type) -> T { T(self) }
  var integer: Int64 { Int64(storing: self) }
}

extension Element where Self: FixedWidthInteger {
  init<T: BinaryFloatingPoint>(storing value: T) {
    let whole = value.rounded(.towardZero)
    self = value.isNaN ? 0 : Self(exactly: whole) ?? (value < 0 ? .min : .max)
  }
  init(storing value: Int64) { self.init(truncatingIfNeeded: value) }
  func loaded<T: BinaryFloatingPoint>(as type: T.Type) -> T { T(self) }
  var integer: Int64 { Int64(self) }
}

extension Float: Element {}
extension Double: Element {}
extension Int32: Element {}
extension Int64: Element {}
extension UInt8: Element {}

/// A type in which expressions are evaluated; one for each `ComputeType`.
protocol Scalar: Element, Comparable, AdditiveArithmetic {
  /// The scalar that an element stands for.
  init<E: Element>(loading element: E)

  /// The element that a scalar is stored as.
  func stored<E: Element>(as type: E.Type) -> E

  /// The value of a function of one scalar.
  static func evaluate(_ function: UnaryIntrinsic, _ x: Self) -> Self

  /// The value of a function of two scalars.
  static func evaluate(_ function: BinaryIntrinsic, _ x: Self, _ y: Self) -> Self
}

/// A floating-point type in which the reference computes.
protocol RealScalar: Scalar, Real, BinaryFloatingPoint, SIMDScalar, Codable {
  /// A vector of 32 bytes: two registers of the least x86-64, one of a wider machine.
  associatedtype Lanes: SIMD where Lanes.Scalar == Self
}

extension RealScalar {
  init<E: Element>(loading element: E) { self = element.loaded(as: Self.self) }
  func stored<E: Element>(as type: E.Type) -> E { E(storing: self) }

  static func evaluate(_ function: UnaryIntrinsic, _ x: Self) -> Self { function.evaluate(x) }

  static func evaluate(_ function: BinaryIntrinsic, _ x: Self, _ y: Self) -> Self {
    function.evaluate(x, y)
  }
}

extension Float: RealScalar { typealias Lanes = SIMD8<Float> }
extension Double: RealScalar { typealias Lanes = SIMD4<Double> }

extension Int64: Scalar {
  init<E: Element>(loading element: E) { self = element.integer }
  func stored<E: Element>(as type: E.Type) -> E { E(storing: self) }

  static func evaluate(_ function: UnaryIntrinsic, _ x: Int64) -> Int64 {
    guard let value = function.evaluate(x) else {
      fatalError(
        "Pointwise: \(function.rawValue) came with integers alone; it is defined on floating-point "
          + "numbers")
    }
    return value
  }

  static func evaluate(_ function: BinaryIntrinsic, _ x: Int64, _ y: Int64) -> Int64 {
    function.evaluate(x, y)
  }
}

// MARK: - From a type's name to the type

// Here alone a `DType` or `ComputeType` becomes a Swift type. The functions are inlined, so that
// each arm calls its own specialisation of the generic code in the closure.

/// Calls a closure with the type of a dtype's elements.
@inline(__always)
func withElementType<R>(of dtype: DType, _ body: (any Element.Type) throws -> R) rethrows -> R {
  switch dtype {
  case .float32: try body(Float.self)
  case .float64: try body(Double.self)
  case .float16: try body(Float16Bits.self)
  case .bfloat16: try body(BFloat16Bits.self)
  case .int32: try body(Int32.self)
  case .int64: try body(Int64.self)
  case .uint8: try body(UInt8.self)
  }
}

/// Calls a closure with the type in which views of these dtypes are computed.
@inline(__always)
func withScalarType<R>(of dtypes: [DType], _ body: (any Scalar.Type) throws -> R) rethrows -> R {
  switch ComputeType(dtypes) {
  case .float32: try body(Float.self)
  case .float64: try body(Double.self)
  case .int64: try body(Int64.self)
  }
}

/// Calls a closure with the floating-point type in which views of these dtypes are computed.
///
/// Traps, naming the operation, when all of them are integers.
@inline(__always)
func withRealType<R>(
  of dtypes: [DType], for operation: String, _ body: (any RealScalar.Type) throws -> R
) rethrows -> R {
  switch ComputeType(dtypes) {
  case .float32: return try body(Float.self)
  case .float64: return try body(Double.self)
  case .int64:
    fatalError("\(operation): dtypes are \(dtypes); a floating-point type was expected")
  }
}
