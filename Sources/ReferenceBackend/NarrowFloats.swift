/// A floating-point number of 16 bits that is only stored: arithmetic is done in a wider type.
protocol NarrowFloat: Element {
  /// The sign, the biased exponent and the fraction, from the highest bit down.
  var bits: UInt16 { get }

  /// Creates a number from its bits.
  init(bits: UInt16)

  /// The number of bits of the exponent; those of the fraction are 15 less these.
  static var exponentBits: Int { get }
}

/// IEEE 754 binary16, by its bits, since Swift's `Float16` does not exist on every platform.
struct Float16Bits: NarrowFloat {
  let bits: UInt16
  static var exponentBits: Int { 5 }
}

/// The upper half of a binary32.
struct BFloat16Bits: NarrowFloat {
  let bits: UInt16
  static var exponentBits: Int { 8 }
}

extension NarrowFloat {
  private static var fractionBits: Int { 15 - exponentBits }
  private static var bias: Int { 1 << (exponentBits - 1) - 1 }
  private static var infinity: Int { (1 << exponentBits - 1) << fractionBits }

  /// The nearest number, ties to even; beyond the largest, infinity.
  init<T: BinaryFloatingPoint>(storing value: T) {
    let value = Double(value)
    let sign = value.sign == .minus ? 0x8000 : 0
    if value.isNaN {
      self.init(bits: UInt16(sign | Self.infinity | 1 << (Self.fractionBits - 1)))
      return
    }
    var magnitude = Self.infinity
    if value.exponent <= Self.bias {
      // Counted in steps of the last place, a fraction that rounds up to the next power of two
      // carries into the exponent, and from the largest number into infinity.
      let exponent = max(value.exponent, 1 - Self.bias)
      let step = Double(sign: .plus, exponent: exponent - Self.fractionBits, significand: 1)
      let steps = Int((value.magnitude / step).rounded(.toNearestOrEven))
      magnitude = (exponent + Self.bias - 1) << Self.fractionBits + steps
    }
    self.init(bits: UInt16(sign | magnitude))
  }

  init(storing value: Int64) { self.init(storing: Double(value)) }

  func loaded<T: BinaryFloatingPoint>(as type: T.Type) -> T {
    let exponent = Int(bits & 0x7fff) >> Self.fractionBits
    let fraction = Int(bits) & (1 << Self.fractionBits - 1)
    let sign: FloatingPointSign = bits & 0x8000 == 0 ? .plus : .minus
    if exponent == 1 << Self.exponentBits - 1 {
      let magnitude = fraction == 0 ? T.infinity : T.nan
      return sign == .plus ? magnitude : -magnitude
    }
    // A subnormal has the least exponent and no leading one.
    let steps = exponent == 0 ? fraction : fraction | 1 << Self.fractionBits
    let power = max(exponent, 1) - Self.bias - Self.fractionBits
    let magnitude = T(steps) * T(sign: .plus, exponent: T.Exponent(power), significand: 1)
    return sign == .plus ? magnitude : -magnitude
  }

  var integer: Int64 { Int64(storing: loaded(as: Double.self)) }
}
