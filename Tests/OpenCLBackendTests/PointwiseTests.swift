import Compute
import OpenCLBackend
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct PointwiseTests {
  private let x = Expression.input(0)
  private let y = Expression.input(1)

  /// Numbers around which functions change, and random ones of all sizes.
  private func samples(_ generator: inout SeededGenerator) -> [Double] {
    let special: [Double] = [
      0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 0x1p-20, -0x1p-20, 0x1p-100, -0x1p-100, 0x1p100,
      -0x1p100, 80, -80, 90, -90, .infinity, -.infinity, .nan, 0x1.921fb6p+1, 16_777_216,
    ]
    return special
      + (0..<300).map { _ in
        let magnitude = Double(Float.random(in: 1..<2, using: &generator))
        let exponent = Int.random(in: -30...7, using: &generator)
        return Double(
          sign: Bool.random(using: &generator) ? .plus : .minus, exponent: exponent,
          significand: magnitude)
      }
  }

  /// Expects functions in one launch to be within what the specification allows.
  private func check(_ functions: [UnaryIntrinsic], at values: [Double], _ setting: Setting) throws
  {
    let result = try Comparison(
      on: setting.target, [HostView(values, [values.count], setting.dtype)],
      into: functions.map { _ in HostView([values.count], setting.dtype) }
    ) { backend, inputs, outputs in
      try backend.map(functions.map { $0(x) }, of: [.view(inputs[0])], into: outputs)
    }
    result.expectWithin(ulps: functions.map(\.ulps))
  }

  /// Functions of one number, together, of which some keep all from being computed on vectors.
  @Test(arguments: Setting.own)
  func unaryIntrinsics(setting: Setting) throws {
    var generator = SeededGenerator(1)
    try check(UnaryIntrinsic.allCases, at: samples(&generator), setting)
  }

  /// Functions that are computed on vectors, by themselves, where their parts meet and results end.
  @Test(arguments: Setting.own)
  func functionsOfVectors(setting: Setting) throws {
    var generator = SeededGenerator(6)
    let ends: [Double] = [
      0.55, 10, 87.3365402, 87.33654785, 88, 88.3762626647, 88.7228317, 88.7228394,
    ]
    let near = ends.flatMap { end in
      [end.nextDown, end, end.nextUp, Double(Float(end).nextDown), Double(Float(end).nextUp)]
    }
    let values =
      samples(&generator) + near + near.map { -$0 } + [Double(Float(nan: 1, signaling: false))]
      + (0..<8000).map { number in
        let most: Float = number.isMultiple(of: 2) ? 110 : 3
        return Double(Float.random(in: -most...most, using: &generator))
      }
    try check(UnaryIntrinsic.allCases.filter { $0.vectorForm != .inexact }, at: values, setting)
  }

  /// Functions of two numbers, within what the specification allows.
  @Test(arguments: Setting.own)
  func binaryIntrinsics(setting: Setting) throws {
    var generator = SeededGenerator(2)
    let values = samples(&generator)
    let pairs =
      values.prefix(25).flatMap { a in values.prefix(25).map { (a, $0) } }
      + zip(values, values.reversed()).map { ($0, $1) }
    let functions = BinaryIntrinsic.allCases
    let result = try Comparison(
      on: setting.target,
      [
        HostView(pairs.map(\.0), [pairs.count], setting.dtype),
        HostView(pairs.map(\.1), [pairs.count], setting.dtype),
      ],
      into: functions.map { _ in HostView([pairs.count], setting.dtype) }
    ) { backend, inputs, outputs in
      try backend.map(
        functions.map { $0(x, y) }, of: inputs.map(Operand.view), into: outputs)
    }
    result.expectWithin(ulps: functions.map(\.ulps))
  }

  /// Layouts of two operands and an output.
  private static let arrangements: [[Layout]] = [
    [.transposed, .contiguous, .contiguous], [.sliced, .repeated, .contiguous],
    [.spread, .reversed, .contiguous], [.contiguous, .sliced, .transposed],
    [.reversed, .spread, .sliced],
  ]

  /// Integers are exact wherever they lie.
  @Test(arguments: Target.lanes, arrangements)
  func layouts(target: Target, layouts: [Layout]) throws {
    try checkLayouts(target, layouts, [[17, 33], [3, 129], [5, 2], [3, 5, 7], [2, 3, 4, 5]])
  }

  /// Every size, with axes that merge.
  @Test(arguments: Target.all)
  func sizes(target: Target) throws {
    try checkLayouts(
      target, [.contiguous, .contiguous, .contiguous],
      [
        [], [0], [1], [2], [3], [17], [31], [33], [64], [65], [127], [129], [257], [3, 0], [1, 65],
        [17, 33], [3, 5, 7],
      ])
    try checkLayouts(
      target, [.transposed, .contiguous, .contiguous], [[1, 1], [31, 64], [2, 1, 9]])
  }

  private func checkLayouts(_ target: Target, _ layouts: [Layout], _ shapes: [Shape]) throws {
    var generator = SeededGenerator(3)
    for shape in shapes {
      let result = try Comparison(
        on: target,
        [
          generator.integers(shape, .float32, layouts[0]),
          generator.integers(shape, .float32, layouts[1]),
        ],
        into: [HostView(shape, .float32, layouts[2])], "\(shape)"
      ) { backend, inputs, outputs in
        try backend.map(
          [x * 3 - y * .input(2)],
          of: [.view(inputs[0]), .view(inputs[1]), .scalar(0.5)], into: outputs)
      }
      result.expectExact()
    }
  }

  /// More rows than a dimension of the work size holds.
  @Test(arguments: Target.lanes)
  func manyRows(target: Target) throws {
    var generator = SeededGenerator(4)
    for shape in [[40_000, 3], [1 << 15, 3]] as [Shape] {
      let result = try Comparison(
        on: target, [generator.integers(shape, .float32, .transposed)],
        into: [HostView(shape, .float32)], "\(shape)"
      ) { backend, inputs, outputs in
        try backend.map([x + 1], of: [.view(inputs[0])], into: outputs)
      }
      result.expectExact()
    }
  }

  /// An output may take an operand's place, and several are made at once.
  @Test(arguments: Target.own)
  func inPlace(target: Target) throws {
    var generator = SeededGenerator(5)
    for layout in [Layout.contiguous, .sliced] {
      let shape: Shape = [9, 13]
      let result = try Comparison(
        on: target,
        [generator.integers(shape, .float32, layout), generator.integers(shape, .float32, layout)],
        into: [
          HostView(shape, .float32), HostView(shape, .float32),
          HostView(shape, .int32, .transposed),
        ], inPlace: [0: 1, 1: 0]
      ) { backend, inputs, outputs in
        // Each output needs both operands, which the other two outputs replace.
        try backend.map(
          [x - y, x + 2 * y, x * y], of: inputs.map(Operand.view), into: outputs)
      }
      result.expectExact()
    }
  }

  /// A product and a sum are rounded apart, so that an expression has the same bits everywhere.
  @Test(arguments: Setting.own)
  func nothingIsContracted(setting: Setting) throws {
    var generator = SeededGenerator(6)
    let inputs = (0..<3).map { _ in generator.reals([1000], setting.dtype) }
    let result = try Comparison(
      on: setting.target, inputs,
      into: [HostView([1000], setting.dtype), HostView([1000], setting.dtype)]
    ) { backend, inputs, outputs in
      try backend.map(
        [x * y + .input(2), x * x - y * y], of: inputs.map(Operand.view), into: outputs)
    }
    result.expectReferenceBits()
  }

  /// A longer formula, and selects.
  @Test(arguments: Setting.own)
  func formulas(setting: Setting) throws {
    var generator = SeededGenerator(7)
    let gelu = 0.5 * x * (1 + (x / .constant(2.0.squareRoot())).erf)
    let elu = select(x .> 0, x, x.expMinusOne * 0.5)
    let result = try Comparison(
      on: setting.target, [generator.reals([500], setting.dtype, in: -6...6)],
      into: (0..<3).map { _ in HostView([500], setting.dtype) }
    ) { backend, inputs, outputs in
      try backend.map(
        [gelu, elu, gelu.derivative(withRespectTo: 0)], of: [.view(inputs[0])], into: outputs)
    }
    result.expectCloseAsReference()
  }

  /// Numbers that are part of the source.
  @Test(arguments: Setting.own)
  func constants(setting: Setting) throws {
    let values: [Double] = [
      0, -0.0, 1, -1, 0.1, -0.1, .pi, 1e-30, 1e30, 1e-300, 1e300, 16_777_217, 1 / 3.0, .infinity,
      -.infinity, .nan, Double(Float.greatestFiniteMagnitude), Double(Float.leastNormalMagnitude),
    ]
    let result = try Comparison(
      on: setting.target, [], into: values.map { _ in HostView([2], setting.dtype) }
    ) { backend, _, outputs in
      try backend.map(values.map(Expression.constant), of: [], into: outputs)
    }
    result.expectReferenceBits()
  }

  // MARK: Types

  /// Bits of each type that conversions differ in, and random ones.
  private func bits(_ dtype: DType, _ generator: inout SeededGenerator) -> [UInt64] {
    func random(_ mask: UInt64) -> [UInt64] { (0..<500).map { _ in generator.next() & mask } }
    switch dtype {
    case .uint8: return Array(0...255)
    case .int32:
      return [0, 1, 255, 256, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 16_777_217, 65_519, 65_520]
        + random(0xFFFF_FFFF)
    case .int64:
      return [0, 1, 1 << 31, 1 << 32, 1 << 63, .max, .max >> 1, 1 << 53 + 1, 1 << 24 + 1, 65_520]
        + random(.max) + random(0xFFFF_FFFF)
    // Subnormals of a narrow type are normal in the type of arithmetic.
    case .float16: return Array(stride(from: 0, to: 0x10000, by: 5))
    case .bfloat16: return stride(from: 0, to: 0x10000, by: 5).filter { $0 & 0x7F80 != 0 }
    case .float32: return numbers(&generator).map(DType.float32.bits)
    case .float64: return numbers(&generator).map(DType.float64.bits)
    }
  }

  /// Numbers on both sides of, and halfway between, those of narrower types and integers.
  private func numbers(_ generator: inout SeededGenerator) -> [Double] {
    let edges: [Double] = [
      0, 0.5, 1, 1.5, 254.999, 255, 255.5, 256, 65_504, 65_519, 65_519.996, 65_520, 65_536, 1e6,
      2_147_483_520, 2_147_483_647, 2_147_483_648, 4_294_967_296, 9.223371e18, 0x1p63, 1e20, 3e38,
      .infinity, .nan, 0x1p-24, 0x1p-25, 0x1.000002p-25, 0x1.8p-25, 0x1p-26, 0x1.ffcp-15,
      // Ties of float16 and bfloat16, to an even and to an odd one, and just beside them: in
      // float64 so near that float32 would make ties of them.
      1 + 0x1p-11, 1 + 0x3p-11, 1 + 0x1p-11 + 0x1p-23, 1 + 0x1p-11 + 0x1p-40,
      1 + 0x1p-11 - 0x1p-40, 1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1p-8 + 0x1p-23, 1 + 0x1p-8 + 0x1p-40,
      1 + 0x1p-8 - 0x1p-40, 1 + 0x1p-24, 1 + 0x3p-24, 0x1.feffffp127, 0x1.ffp127,
    ]
    return edges.flatMap { [$0, -$0] }
      + (0..<1000).map { _ in
        let number = Double(
          sign: Bool.random(using: &generator) ? .plus : .minus,
          exponent: Int.random(in: -30...40, using: &generator),
          significand: Double.random(in: 1..<2, using: &generator))
        return number
      }
  }

  /// Every type is read and written in the types of arithmetic, rounding as the reference does.
  @Test(arguments: Target.own, DType.allCases)
  func conversions(target: Target, dtype: DType) throws {
    var generator = SeededGenerator(8)
    let bits = bits(dtype, &generator)
    let types: [[DType]] = [
      dtype.isFloatingPoint ? [] : [.int32, .int64, .uint8],
      dtype == .float64 ? [] : DType.allCases.filter { $0 != .float64 }, DType.allCases,
    ]
    for outputs in types where !outputs.isEmpty {
      guard (outputs + [dtype]).allSatisfy(target.backend.supports) else { continue }
      let result = try Comparison(
        on: target, [HostView(bits: bits, [bits.count], dtype, .sliced)],
        into: outputs.map { HostView([bits.count], $0, .reversed) }, "\(dtype) to \(outputs)"
      ) { backend, inputs, outputs in
        try backend.map(
          outputs.map { _ in x }, of: [.view(inputs[0])], into: outputs)
      }
      result.expectReferenceBits()
    }
  }

  /// Integers alone are computed with as integers of 64 bits that wrap around.
  @Test(arguments: Target.own)
  func integerArithmetic(target: Target) throws {
    let values: [UInt64] = [
      0, 1, 2, 3, 7, 63, 1 << 31, 1 << 32 + 1, .max >> 1, 1 << 63, .max, .max - 1, .max - 6,
    ]
    let pairs = values.flatMap { a in values.map { (a, $0) } }
    // The reference multiplies as often as the exponent says.
    let powers = pairs.map { $1 < 100 || $1 >> 63 == 1 ? $1 : 5 }
    let unary: [UnaryIntrinsic] = [.negate, .magnitude, .sign, .isFinite]
    let binary = BinaryIntrinsic.allCases.filter { $0 != .power }
    let count = unary.count + binary.count + 3
    let result = try Comparison(
      on: target,
      [
        HostView(bits: pairs.map(\.0), [pairs.count], .int64),
        HostView(bits: pairs.map(\.1), [pairs.count], .int64),
        HostView(bits: powers, [pairs.count], .int64),
      ],
      into: (0..<count).map { _ in HostView([pairs.count], .int64) }
    ) { backend, inputs, outputs in
      try backend.map(
        unary.map { $0(x) } + binary.map { $0(x, y) } + [
          x.power(.input(2)), select(x .< y, x + .input(3), y),
          x * .constant(-9.3e18) + .constant(2.9),
        ], of: inputs.map(Operand.view) + [.scalar(-2.9)], into: outputs)
    }
    result.expectReferenceBits()
  }
}
