/// The type of a tensor's elements.
public enum DType: String, CaseIterable, Sendable, Codable {
  /// IEEE 754 binary32; what every device computes in.
  case float32
  /// IEEE 754 binary64; present on a device only where it reports double precision.
  case float64
  /// IEEE 754 binary16; storage only, read and written by conversion.
  case float16
  /// The upper half of a binary32; storage only, read and written by conversion.
  case bfloat16
  /// A signed integer of 32 bits.
  case int32
  /// A signed integer of 64 bits.
  case int64
  /// An unsigned integer of 8 bits.
  case uint8

  /// The size of one element in bytes.
  public var byteCount: Int {
    switch self {
    case .uint8: 1
    case .float16, .bfloat16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// Whether the type holds floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float32, .float64, .float16, .bfloat16: true
    case .int32, .int64, .uint8: false
    }
  }

  /// Whether arithmetic is done in this type, rather than in a wider one it is converted to.
  public var isComputed: Bool { self == .float32 || self == .float64 }
}

extension DType: CustomStringConvertible {
  /// The type's name, such as `float32`.
  public var description: String { rawValue }
}

/// The number type in which a pointwise expression is evaluated.
public enum ComputeType: Sendable, Hashable {
  case float32, float64, int64

  /// The type that holds every operand: the widest floating-point type, or int64 without one.
  public init(_ dtypes: some Sequence<DType>) {
    var type = ComputeType.int64
    for dtype in dtypes {
      switch dtype {
      case .float64: type = .float64
      case .float32, .float16, .bfloat16: if type == .int64 { type = .float32 }
      case .int32, .int64, .uint8: break
      }
    }
    self = type
  }
}
