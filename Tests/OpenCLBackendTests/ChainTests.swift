import Compute
import OpenCLBackend
import Testing

/// Launches in one kernel do what they do one by one, to the bit.
@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct ChainTests {
  /// The kernels that divide their work at the sizes of tests: the most stages that are different.
  private static let settings = Setting.on(
    Target.chaining.filter { $0.name.hasSuffix("lanes") }, .float32)
  /// The device's own kernels too, and doubles.
  private static let allSettings =
    Setting.on(Target.chaining, .float32) + Setting.on(Target.chaining, .float64)
  private static let geometries = NamedGeometry.all.filter {
    ["many columns", "images", "large groups", "columns that are not channels"].contains($0.name)
  }

  private let x = Expression.input(0), y = Expression.input(1), z = Expression.input(2)

  /// Runs an operation twice, so that it is more than one launch, and then the same from a replay.
  private func check(
    _ setting: Setting, _ inputs: [HostView], into outputs: [HostView], _ label: String,
    _ operation: Operation
  ) throws {
    let comparison = try Comparison(on: setting.target, inputs, into: outputs, label) {
      backend, inputs, outputs in
      guard let recorder = backend.makeRecorder() else {
        return try operation(backend, inputs, outputs)
      }
      func contents() throws -> [[UInt8]] {
        try outputs.map { view in
          try [UInt8](unsafeUninitializedCapacity: view.storage.byteCount) { buffer, count in
            try backend.read(view.storage, atByte: 0, into: UnsafeMutableRawBufferPointer(buffer))
            count = view.storage.byteCount
          }
        }
      }
      let before = try contents()
      for _ in 0..<2 { try operation(recorder.backend, inputs, outputs) }
      let replay = try recorder.finish(inputs: []).makeReplay()
      let expected = try contents()
      for (view, bytes) in zip(outputs, before) {
        try bytes.withUnsafeBytes { try backend.write($0, to: view.storage, atByte: 0) }
      }
      let launches = backend.statistics.launches
      try replay.launch(inputs: [])
      #expect(backend.statistics.launches == launches + 1, "\(label): launches were not chained")
      #expect(try contents() == expected, "\(label): a chain gives other bits")
    }
    comparison.expectCloseAsReference(condition: 64)
  }

  @Test(arguments: allSettings)
  func pointwise(setting: Setting) throws {
    var generator = SeededGenerator(71)
    let dtype = setting.dtype
    for (shape, layouts) in [
      (Shape([257]), [Layout.contiguous, .contiguous]), ([7, 33], [.transposed, .sliced]),
      ([3, 5, 17], [.repeated, .reversed]), ([1], [.contiguous, .contiguous]),
      ([2, 3, 4, 5], [.spread, .transposed]),
    ] {
      let inputs = [
        generator.reals(shape, dtype, layouts[0]), generator.reals(shape, dtype, layouts[1]),
        generator.integers(shape, .int32),
      ]
      let outputs = [HostView(shape, dtype), HostView(shape, dtype, .sliced)]
      try check(setting, inputs, into: outputs, "\(shape) \(layouts)") { backend, inputs, outputs in
        try backend.map(
          [x * y + z - 0.1, select(x .< y, x.tanh, -y.exp)], of: inputs.map { .view($0) },
          into: outputs)
      }
    }
  }

  @Test(arguments: settings)
  func reduction(setting: Setting) throws {
    var generator = SeededGenerator(72)
    for (shape, axes, kept) in [
      (Shape([5, 67]), [1], Shape([5, 1])), ([67, 5], [0], [1, 5]),
      ([3, 4, 33], [0, 2], [1, 4, 1]),
      ([9001], [0], [1]), ([4099, 3], [0], [1, 3]),
    ] {
      let input = generator.reals(shape, setting.dtype)
      for (reduction, dtype) in [
        (Reduction.sum, setting.dtype), (.maximum, setting.dtype), (.argmax, .int32),
      ] {
        try check(setting, [input], into: [HostView(kept, dtype)], "\(reduction) of \(shape)") {
          backend, inputs, outputs in
          try backend.reduce(
            reduction, of: x * 0.5, operands: [.view(inputs[0])], axes: axes, scale: 1,
            into: outputs[0])
        }
      }
    }
  }

  @Test(arguments: settings)
  func product(setting: Setting) throws {
    var generator = SeededGenerator(73)
    for (rows, depth, columns, layout) in [
      (1, 1, 1, Layout.contiguous), (33, 7, 65, .contiguous), (129, 66, 31, .transposed),
      (5, 64, 64, .transposed), (70, 3, 300, .contiguous),
    ] {
      let inputs = [
        generator.reals([rows, depth], setting.dtype, layout),
        generator.reals([depth, columns], setting.dtype, layout),
        generator.reals([columns], setting.dtype),
      ]
      try check(
        setting, inputs,
        into: [HostView([rows, columns], setting.dtype), HostView([rows], setting.dtype)],
        "\(rows)×\(depth)×\(columns) \(layout)"
      ) { backend, inputs, outputs in
        let bias = try #require(inputs[2].broadcast(to: [rows, columns]))
        try backend.multiply(
          inputs[0], inputs[1], epilogue: Epilogue(bias: bias, activation: max(x, 0)),
          into: outputs[0], rowSums: outputs[1])
      }
    }
  }

  @Test(arguments: settings, geometries)
  func normalization(setting: Setting, named: NamedGeometry) throws {
    var generator = SeededGenerator(74)
    let (geometry, dtype) = (named.geometry, setting.dtype)
    let elements: Shape = [geometry.count]
    let groups: Shape = [geometry.models * geometry.groups]
    let channels: Shape = [geometry.models * geometry.channels]
    let inputs = [
      generator.reals(elements, dtype), generator.reals(elements, dtype),
      generator.reals(channels, dtype, in: 0.5...2), generator.reals(channels, dtype),
    ]
    let outputs = [elements, groups, groups, elements, channels, channels].map {
      HostView($0, dtype)
    }
    try check(setting, inputs, into: outputs, named.name) { backend, inputs, outputs in
      try backend.normalize(
        inputs[0], geometry: geometry, mode: .meanAndVariance, epsilon: 0.1, scale: inputs[2],
        shift: inputs[3], activation: x.tanh, into: outputs[0], mean: outputs[1],
        inverseDeviation: outputs[2])
      try backend.normalizeGradient(
        inputs[1], x: inputs[0], mean: outputs[1], inverseDeviation: outputs[2],
        geometry: geometry, mode: .meanAndVariance, scale: inputs[2], shift: inputs[3],
        activationDerivative: 1 - x.tanh * x.tanh, into: outputs[3], scaleGradient: outputs[4],
        shiftGradient: outputs[5])
    }
  }

  @Test(arguments: settings)
  func rowsByNumber(setting: Setting) throws {
    var generator = SeededGenerator(75)
    let (rows, count, width) = (7, 33, 19)
    let inputs = [
      generator.reals([rows, width], setting.dtype),
      generator.integers([count], .int64, in: 0...rows - 1),
    ]
    let outputs = [
      HostView([count, width], setting.dtype), HostView([rows, width], setting.dtype),
    ]
    try check(setting, inputs, into: outputs, "rows") { backend, inputs, outputs in
      try backend.gather(inputs[0], indices: inputs[1], into: outputs[0])
      try backend.scatterAdd(outputs[0], indices: inputs[1], into: outputs[1])
    }
  }

  @Test(arguments: allSettings)
  func classLossAndRandomNumbers(setting: Setting) throws {
    var generator = SeededGenerator(76)
    let (rows, classes) = (13, 10)
    let inputs = [
      generator.reals([rows, classes], setting.dtype),
      generator.integers([rows], .int32, in: 0...classes - 1),
      generator.reals([rows], setting.dtype),
    ]
    let outputs = [[rows], [2, rows], [rows, classes], [5, 7], [5, 7]].map {
      HostView(Shape($0), setting.dtype)
    }
    try check(setting, inputs, into: outputs, "class loss") { backend, inputs, outputs in
      let loss = ClassLoss.crossEntropy(smoothing: 0)
      try backend.classLoss(
        loss, scores: inputs[0], targets: inputs[1], weights: nil, into: outputs[0],
        statistics: outputs[1])
      try backend.classLossGradient(
        loss, cotangent: inputs[2], scores: inputs[0], targets: inputs[1], weights: nil,
        statistics: outputs[1], into: outputs[2], targetGradient: nil)
      for (distribution, output) in [
        (RandomDistribution.uniform, outputs[3]), (.normal, outputs[4]),
      ] {
        try backend.random(distribution, key: RandomKey(seed: 5), draw: nil, into: output)
      }
    }
  }

  @Test(arguments: settings)
  func convolutionAndPooling(setting: Setting) throws {
    var generator = SeededGenerator(77)
    let dtype = setting.dtype
    let axis = WindowAxis(input: 8, output: 4, kernel: 3, stride: 2, padding: 1)
    let geometry = ConvolutionGeometry(
      images: 2, inputChannels: 3, outputChannels: 5, rows: axis, columns: axis)
    let window = WindowAxis(input: 4, output: 2, kernel: 2, stride: 2)
    let pooling = PoolingGeometry(planes: 10, rows: window, columns: window)
    let inputs = [
      generator.reals(geometry.inputShape, dtype), generator.reals(geometry.weightShape, dtype),
      generator.reals([5], dtype), generator.reals(geometry.outputShape, dtype),
    ]
    let outputs =
      [geometry.outputShape, geometry.inputShape, geometry.weightShape].map { HostView($0, dtype) }
      + [
        HostView(pooling.outputShape, dtype), HostView(pooling.outputShape, .uint8),
        HostView(pooling.inputShape, dtype), HostView([5], dtype),
      ]
    try check(setting, inputs, into: outputs, "images") { backend, inputs, outputs in
      try backend.convolve(
        inputs[0], weight: inputs[1], bias: inputs[2], activation: max(x, 0), geometry: geometry,
        into: outputs[0])
      try backend.convolveTransposed(
        inputs[3], weight: inputs[1], bias: nil, activation: nil, geometry: geometry,
        into: outputs[1])
      try backend.convolutionWeightGradient(
        inputs[3], x: inputs[0], geometry: geometry, into: outputs[2],
        biasGradient: outputs[6])
      let planes = outputs[0].with(
        shape: pooling.inputShape, strides: pooling.inputShape.contiguousStrides)
      try backend.pool(
        planes, .maximum, geometry: pooling, into: outputs[3], taps: outputs[4])
      try backend.poolGradient(
        outputs[3], .maximum, geometry: pooling, taps: outputs[4],
        epilogue: Epilogue(.input(0) * .input(1), operand: planes), into: outputs[5])
    }
  }
}
