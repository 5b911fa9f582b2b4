public import Compute

/// A Swift number that tensors are made from and read into.
public protocol TensorScalar: BitwiseCopyable, Sendable {
  /// The dtype whose elements have this type's bits.
  static var dtype: DType { get }
  /// The nearest value of this type; integers truncate towards zero and stop at their bounds.
  init(nearest value: Double)
  /// The value as a Double.
  var doubleValue: Double { get }
}

extension Float: TensorScalar {
  /// float32.
  public static var dtype: DType { .float32 }
  /// Rounds to the nearest Float.
  public init(nearest value: Double) { self = Float(value) }
  /// The value, exactly.
  public var doubleValue: Double { Double(self) }
}

extension Double: TensorScalar {
  /// float64.
  public static var dtype: DType { .float64 }
  /// The value itself.
  public init(nearest value: Double) { self = value }
  /// The value itself.
  public var doubleValue: Double { self }
}

extension TensorScalar where Self: FixedWidthInteger {
  /// Truncates towards zero and stops at the bounds; NaN is 0.
  public init(nearest value: Double) {
    if value.isNaN {
      self = 0
    } else if value >= Double(Self.max) {
      self = Self.max
    } else if value <= Double(Self.min) {
      self = Self.min
    } else {
      self = Self(value)
    }
  }
  /// The value, rounded to a Double.
  public var doubleValue: Double { Double(self) }
}

extension Int32: TensorScalar {
  /// int32.
  public static var dtype: DType { .int32 }
}

extension Int64: TensorScalar {
  /// int64.
  public static var dtype: DType { .int64 }
}

extension Int: TensorScalar {
  /// int64.
  public static var dtype: DType { .int64 }
}

extension UInt8: TensorScalar {
  /// uint8.
  public static var dtype: DType { .uint8 }
}

/// A float16 or bfloat16 number by its bits, for moving elements between host and device.
enum HalfPrecision {
  /// The Float that a bfloat16's bits stand for.
  static func float(bfloat16 bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// The bits of the nearest bfloat16, ties to even.
  static func bfloat16(_ value: Double) -> UInt16 {
    if value.isNaN { return 0x7FC0 }
    // The float between the value and zero, its last bit set if it is not exact: rounding that
    // again gives what rounding the value once would.
    var bits = Float(value).bitPattern
    if Double(Float(value)).magnitude > value.magnitude { bits -= 1 }
    if Double(Float(bitPattern: bits)) != value { bits |= 1 }
    return UInt16((bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
  }
}
