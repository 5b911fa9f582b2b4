import Compute

/// What a view on any backend is made from: where its elements lie, and their bits.
struct HostView {
  let dtype: DType
  let shape: Shape
  let strides: [Int]
  let offset: Int
  /// The storage's elements; nil where no view looks, and where an output is still to be written.
  private(set) var cells: [UInt64?]

  /// Elements before and after those of a view: more than any kernel takes at once.
  private static let margin = 160

  /// A view to be written: nothing is known of its elements.
  init(_ shape: Shape, _ dtype: DType, _ layout: Layout = .contiguous) {
    self.dtype = dtype
    self.shape = shape
    let (strides, lowest, highest) = layout.place(shape)
    self.strides = strides
    offset = Self.margin - lowest
    cells = Array(repeating: nil, count: highest - lowest + 1 + 2 * Self.margin)
  }

  /// A view of given bits, row-major; of elements that lie at one place the last one counts.
  init(bits: [UInt64], _ shape: Shape, _ dtype: DType, _ layout: Layout = .contiguous) {
    self.init(shape, dtype, layout)
    precondition(bits.count == shape.count)
    for (position, bits) in zip(positions, bits) { cells[position] = bits }
  }

  /// A view of given numbers, row-major; of elements that lie at one place the last one counts.
  init(_ values: [Double], _ shape: Shape, _ dtype: DType, _ layout: Layout = .contiguous) {
    self.init(bits: values.map(dtype.bits), shape, dtype, layout)
  }

  /// Where the elements lie, row-major, from the definition of a view.
  var positions: [Int] {
    zip(shape.dimensions, strides).reduce([offset]) { positions, axis in
      positions.flatMap { position in (0..<axis.0).map { position + $0 * axis.1 } }
    }
  }

  /// The elements, row-major.
  var values: [Double] { positions.map { dtype.number(cells[$0] ?? 0) } }

  /// The same numbers, in float64 what was in float32.
  var widened: HostView {
    guard dtype == .float32 else { return self }
    return HostView(copying: self, dtype: .float64) {
      $0.map { DType.float64.bits(DType.float32.number($0)) }
    }
  }

  private init(copying other: HostView, dtype: DType, _ convert: (UInt64?) -> UInt64?) {
    self.dtype = dtype
    (shape, strides, offset) = (other.shape, other.strides, other.offset)
    cells = other.cells.map(convert)
  }

  /// The storage's bytes, a pattern where nothing is known.
  func bytes(pattern: UInt8) -> [UInt8] {
    let size = dtype.byteCount
    var bytes = [UInt8](repeating: pattern, count: cells.count * size)
    for (position, bits) in cells.enumerated() {
      guard let bits else { continue }
      for byte in 0..<size {
        bytes[position * size + byte] = UInt8(truncatingIfNeeded: bits >> (8 * UInt64(byte)))
      }
    }
    return bytes
  }

  /// The elements' bits in a storage's bytes, row-major.
  func bits(in bytes: [UInt8]) -> [UInt64] {
    let size = dtype.byteCount
    return positions.map { position in
      (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[position * size + $1]) << (8 * UInt64($1)) }
    }
  }
}

/// How the elements of a view lie.
enum Layout: String, CaseIterable {
  case contiguous
  /// The first axis innermost.
  case transposed
  /// Every second element of every axis, with a gap at its end.
  case sliced
  /// Backwards along every axis.
  case reversed
  /// One element, or row, for the whole of the first axis.
  case repeated
  /// One element for the whole of the last axis.
  case spread

  /// Those in which each element has a place of its own.
  static let distinct: [Layout] = [.contiguous, .transposed, .sliced, .reversed]

  /// The strides, and the lowest and highest position seen from the first element.
  func place(_ shape: Shape) -> (strides: [Int], lowest: Int, highest: Int) {
    let rank = shape.rank
    var strides = [Int](repeating: 0, count: rank)
    var order = Array((0..<rank).reversed())
    switch self {
    case .transposed: order.reverse()
    case .repeated: order.removeAll { $0 == 0 }
    case .spread: order.removeAll { $0 == rank - 1 }
    default: break
    }
    var length = 1
    for axis in order {
      strides[axis] = self == .sliced ? 2 * length : length
      length = strides[axis] * shape.dimensions[axis] + (self == .sliced ? 3 : 0)
      if self == .reversed { strides[axis].negate() }
    }
    let ends = zip(shape.dimensions, strides).map { max(0, $0 - 1) * $1 }
    return (strides, ends.filter { $0 < 0 }.reduce(0, +), ends.filter { $0 > 0 }.reduce(0, +))
  }
}

extension DType {
  /// The bits of a number that the type holds.
  func bits(_ value: Double) -> UInt64 {
    switch self {
    case .float32: UInt64(Float(value).bitPattern)
    case .float64: value.bitPattern
    case .bfloat16: UInt64(Float(value).bitPattern >> 16)
    case .int32: UInt64(UInt32(bitPattern: Int32(value)))
    case .int64: UInt64(bitPattern: Int64(value))
    case .uint8: UInt64(UInt8(value))
    case .float16: fatalError("float16 numbers are given in bits")
    }
  }

  /// The number that bits stand for.
  func number(_ bits: UInt64) -> Double {
    switch self {
    case .float32: Double(Float(bitPattern: UInt32(bits)))
    case .float64: Double(bitPattern: bits)
    case .bfloat16: Double(Float(bitPattern: UInt32(bits) << 16))
    case .int32: Double(Int32(truncatingIfNeeded: bits))
    case .int64: Double(Int64(bitPattern: bits))
    case .uint8: Double(bits)
    case .float16: float16(bits)
    }
  }

  private func float16(_ bits: UInt64) -> Double {
    let (exponent, fraction) = (Int(bits >> 10 & 31), Double(bits & 1023))
    let magnitude =
      switch exponent {
      case 0: fraction * 0x1p-24
      case 31: fraction == 0 ? Double.infinity : .nan
      default: Double(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
      }
    return bits >> 15 == 0 ? magnitude : -magnitude
  }

  /// The distance from 1 to the next number, of a type that is computed in.
  var epsilon: Double { self == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne) }

  /// The least normal magnitude, of a type that is computed in.
  var leastNormal: Double {
    self == .float64 ? .leastNormalMagnitude : Double(Float.leastNormalMagnitude)
  }
}
