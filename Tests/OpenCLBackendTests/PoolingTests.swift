import Compute
import OpenCLBackend
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct PoolingTests {
  private static func geometry(
    _ planes: Int, _ rows: (input: Int, kernel: Int, stride: Int, padding: Int),
    _ columns: (input: Int, kernel: Int, stride: Int, padding: Int)
  ) -> PoolingGeometry {
    func axis(_ of: (input: Int, kernel: Int, stride: Int, padding: Int)) -> WindowAxis {
      WindowAxis(
        input: of.input, output: (of.input + 2 * of.padding - of.kernel) / of.stride + 1,
        kernel: of.kernel, stride: of.stride, padding: of.padding)
    }
    return PoolingGeometry(planes: planes, rows: axis(rows), columns: axis(columns))
  }

  /// Windows side by side, with gaps, overlapping, over the edges, of one element, and of so many
  /// that their taps take more than a byte; and no planes.
  static let geometries = [
    geometry(5, (8, 2, 2, 0), (37, 2, 2, 0)), geometry(3, (9, 2, 3, 0), (11, 1, 2, 0)),
    geometry(4, (9, 3, 2, 1), (10, 3, 2, 1)), geometry(3, (7, 4, 1, 2), (6, 3, 1, 1)),
    geometry(2, (1, 1, 1, 0), (5, 1, 1, 0)), geometry(2, (19, 17, 2, 0), (20, 18, 1, 9)),
    geometry(0, (8, 2, 2, 0), (6, 2, 2, 0)),
  ]

  /// All of them for one of a pair in float32, else two: each is kernels to build.
  private static func chosen(_ setting: Setting, _ pooling: Pooling) -> [PoolingGeometry] {
    let isThorough =
      setting.dtype == .float32 && [.maximum, .averageWithoutPadding].contains(pooling)
    return isThorough ? geometries : [geometries[0], geometries[2]]
  }

  private func pool(
    _ target: Target, _ x: HostView, _ pooling: Pooling, _ geometry: PoolingGeometry,
    writesTaps: Bool
  ) throws -> Comparison {
    var outputs = [HostView(geometry.outputShape, x.dtype)]
    if writesTaps { outputs.append(HostView(geometry.outputShape, geometry.tapDType)) }
    return try Comparison(on: target, [x], into: outputs, "\(pooling) \(geometry)") {
      backend, inputs, outputs in
      try backend.pool(
        inputs[0], pooling, geometry: geometry, into: outputs[0],
        taps: writesTaps ? outputs[1] : nil)
    }
  }

  private func spread(
    _ target: Target, _ cotangent: HostView, taps: HostView?, _ pooling: Pooling,
    _ geometry: PoolingGeometry, slope: HostView? = nil
  ) throws -> Comparison {
    let slopes: [HostView] = slope.map { [$0] } ?? []
    return try Comparison(
      on: target, [cotangent] + slopes + (taps.map { [$0] } ?? []),
      into: [HostView(geometry.inputShape, cotangent.dtype)], "gradient of \(pooling) \(geometry)"
    ) { backend, inputs, outputs in
      try backend.poolGradient(
        inputs[0], pooling, geometry: geometry, taps: taps == nil ? nil : inputs[inputs.count - 1],
        epilogue: slope == nil ? nil : Epilogue(.input(0) * .input(1) + 1, operand: inputs[1]),
        into: outputs[0])
    }
  }

  /// Few different numbers, so that many are equal: the choice must be the first.
  @Test(arguments: Setting.all, [Pooling.maximum, .minimum])
  func choices(setting: Setting, pooling: Pooling) throws {
    var generator = SeededGenerator(81)
    for geometry in Self.chosen(setting, pooling) {
      let x = generator.integers(geometry.inputShape, setting.dtype)
      let pooled = try pool(setting.target, x, pooling, geometry, writesTaps: true)
      pooled.expectExact()
      try pool(setting.target, x, pooling, geometry, writesTaps: false).expectExact()
      let taps = HostView(pooled.outputs[1].truth, geometry.outputShape, geometry.tapDType)
      let cotangent = generator.integers(geometry.outputShape, setting.dtype)
      try spread(setting.target, cotangent, taps: taps, pooling, geometry).expectExact()
      guard geometry.rows.padding > 0 || geometry.planes == 0 || geometry == Self.geometries[0]
      else { continue }
      let slope = generator.integers(geometry.inputShape, setting.dtype)
      try spread(setting.target, cotangent, taps: taps, pooling, geometry, slope: slope)
        .expectExact()
    }
  }

  /// A sum of few whole numbers is exact, and its quotient is rounded as OpenCL rounds one.
  @Test(arguments: Setting.all, [Pooling.average, .averageWithoutPadding])
  func averages(setting: Setting, pooling: Pooling) throws {
    var generator = SeededGenerator(82)
    for geometry in Self.chosen(setting, pooling) {
      let x = generator.integers(geometry.inputShape, setting.dtype)
      try pool(setting.target, x, pooling, geometry, writesTaps: false).expectWithin(ulps: [2.5])
      // Shares of several windows are rounded each: multiples of all divisors are not.
      let multiples = HostView(
        generator.integers(geometry.outputShape, setting.dtype).values.map { $0 * 9 * 34 * 80 },
        geometry.outputShape, setting.dtype)
      try spread(setting.target, multiples, taps: nil, pooling, geometry)
        .expectCloseAsReference(condition: 64)
    }
  }

  @Test(arguments: Target.all, Pooling.allCases)
  func specialValues(target: Target, pooling: Pooling) throws {
    var generator = SeededGenerator(83)
    for geometry in [Self.geometries[0], Self.geometries[2]] {
      var values = generator.integers(geometry.inputShape, .float32).values
      for (step, value) in [(7, Double.nan), (5, .infinity), (3, -.infinity)] {
        for position in stride(from: step, to: values.count, by: step * step) {
          values[position] = value
        }
      }
      let x = HostView(values, geometry.inputShape, .float32)
      let pooled = try pool(target, x, pooling, geometry, writesTaps: pooling.chooses)
      pooling.chooses ? pooled.expectExact() : pooled.expectWithin(ulps: [2.5])
      // Every element is as bad as padding could be.
      let worst = HostView(
        values.map { _ in pooling == .minimum ? .infinity : -.infinity }, geometry.inputShape,
        .float32)
      try pool(target, worst, pooling, geometry, writesTaps: pooling.chooses).expectExact()
    }
  }
}
