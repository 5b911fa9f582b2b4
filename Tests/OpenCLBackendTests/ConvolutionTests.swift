import Compute
import OpenCLBackend
import OpenCLRuntime
import Testing

/// Windows that overlap, leave gaps, are spread, and reach over the edges.
struct NamedConvolution: Sendable, CustomTestStringConvertible {
  let name: String
  let geometry: ConvolutionGeometry
  var testDescription: String { name }

  private init(
    _ name: String, images: Int = 2, channels: (Int, Int), groups: Int = 1, rows: WindowAxis,
    columns: WindowAxis
  ) {
    self.name = name
    geometry = ConvolutionGeometry(
      images: images, inputChannels: channels.0, outputChannels: channels.1, groups: groups,
      rows: rows, columns: columns)
  }

  /// The axis with all positions within the padded input.
  private static func axis(
    _ input: Int, _ kernel: Int, stride: Int = 1, padding: Int = 0, after: Int? = nil,
    dilation: Int = 1
  ) -> WindowAxis {
    let room = input + padding + (after ?? padding) - (kernel - 1) * dilation - 1
    return WindowAxis(
      input: input, output: room / stride + 1, kernel: kernel, stride: stride, padding: padding,
      dilation: dilation)
  }

  static let all = [
    NamedConvolution(
      "3 × 3, padded", channels: (3, 9), rows: axis(7, 3, padding: 1),
      columns: axis(13, 3, padding: 1)),
    NamedConvolution(
      "many tiles", images: 3, channels: (17, 33), rows: axis(9, 3, padding: 1),
      columns: axis(35, 3, padding: 1)),
    NamedConvolution(
      "wide", images: 1, channels: (2, 5), rows: axis(3, 3), columns: axis(150, 3)),
    NamedConvolution(
      "a stride", channels: (3, 5), rows: axis(8, 3, stride: 2, padding: 1),
      columns: axis(11, 3, stride: 2, padding: 1)),
    NamedConvolution(
      "gaps", channels: (2, 3), rows: axis(8, 2, stride: 3), columns: axis(11, 1, stride: 2)),
    NamedConvolution(
      "spread", channels: (2, 3), rows: axis(9, 3, stride: 2, padding: 2, dilation: 2),
      columns: axis(12, 2, stride: 3, padding: 1, dilation: 4)),
    NamedConvolution(
      "lopsided", channels: (3, 4), rows: axis(6, 2, padding: 0, after: 1),
      columns: axis(7, 4, padding: 3, after: 1)),
    NamedConvolution(
      "groups", channels: (6, 9), groups: 3, rows: axis(6, 3, padding: 1),
      columns: axis(7, 3, padding: 1)),
    NamedConvolution(
      "depthwise", channels: (5, 5), groups: 5, rows: axis(6, 3, padding: 1),
      columns: axis(19, 3, padding: 1)),
    NamedConvolution("1 × 1", channels: (7, 9), rows: axis(5, 1), columns: axis(6, 1)),
    // More blocks of positions than work-items, and a weight whose channels are divided among them.
    NamedConvolution(
      "many images", images: 70, channels: (3, 5), rows: axis(5, 3), columns: axis(6, 3)),
    NamedConvolution(
      "many channels", images: 20, channels: (128, 256), rows: axis(4, 3, padding: 1),
      columns: axis(4, 3, padding: 1)),
    NamedConvolution(
      "a row", channels: (3, 4), rows: axis(1, 1), columns: axis(40, 5, padding: 2)),
    NamedConvolution(
      "more padding than window", images: 1, channels: (1, 2), rows: axis(2, 2, padding: 3),
      columns: axis(1, 1, padding: 2)),
    NamedConvolution(
      "rows that no window reaches", channels: (2, 3),
      rows: WindowAxis(input: 12, output: 3, kernel: 2, stride: 2, padding: 1),
      columns: axis(6, 3)),
  ]

  static let empty = [
    NamedConvolution(
      "no images", images: 0, channels: (3, 4), rows: axis(5, 3), columns: axis(6, 3)),
    NamedConvolution("no channels", channels: (0, 4), rows: axis(5, 3), columns: axis(6, 3)),
    NamedConvolution("no outputs", channels: (3, 0), rows: axis(5, 3), columns: axis(6, 3)),
  ]
}

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct ConvolutionTests {
  /// What becomes of each element: nothing, an activation of the sum with a bias, and a multiple of it
  /// by what lies at its place.
  private enum Ending { case none, biased, multiplied }

  private func epilogue(_ ending: Ending, _ inputs: [View], of result: View) -> Epilogue? {
    switch ending {
    case .none: nil
    case .biased:
      Epilogue(
        bias: inputs[2].with(shape: result.shape, strides: [0, 1, 0, 0]),
        activation: select(.input(0) .> 0, .input(0), .input(0) * 2))
    case .multiplied:
      Epilogue(.input(0) * select(.input(1) .> 0, .input(1), 3), operand: inputs[2])
    }
  }

  /// The three operations, of whole numbers, of which sums of products are exact.
  private func check(
    _ setting: Setting, _ named: NamedConvolution, _ generator: inout SeededGenerator,
    _ ending: Ending = .none
  ) throws {
    let (target, dtype, geometry) = (setting.target, setting.dtype, named.geometry)
    let x = generator.integers(geometry.inputShape, dtype)
    let weight = generator.integers(geometry.weightShape, dtype)
    let y = generator.integers(geometry.outputShape, dtype)
    func operand(_ shape: Shape) -> [HostView] {
      switch ending {
      case .none: []
      case .biased: [generator.integers([shape[1]], dtype)]
      case .multiplied: [generator.integers(shape, dtype)]
      }
    }
    let forward = try Comparison(
      on: target, [x, weight] + operand(geometry.outputShape),
      into: [HostView(geometry.outputShape, dtype)], named.name
    ) { backend, inputs, outputs in
      try backend.convolve(
        inputs[0], weight: inputs[1], epilogue: epilogue(ending, inputs, of: outputs[0]),
        geometry: geometry, into: outputs[0])
    }
    forward.expectExact()
    let transposed = try Comparison(
      on: target, [y, weight] + operand(geometry.inputShape),
      into: [HostView(geometry.inputShape, dtype)], "\(named.name), transposed"
    ) { backend, inputs, outputs in
      try backend.convolveTransposed(
        inputs[0], weight: inputs[1], epilogue: epilogue(ending, inputs, of: outputs[0]),
        geometry: geometry, into: outputs[0])
    }
    transposed.expectExact()
    guard ending == .none else { return }
    let gradient = try Comparison(
      on: target, [y, x],
      into: [HostView(geometry.weightShape, dtype), HostView([geometry.outputChannels], dtype)],
      "\(named.name), weight and bias"
    ) { backend, inputs, outputs in
      try backend.convolutionWeightGradient(
        inputs[0], x: inputs[1], geometry: geometry, into: outputs[0], biasGradient: outputs[1])
    }
    gradient.expectExact()
  }

  /// Each kind of kernel on the windows that it could get wrong; each window is kernels to build.
  private static let cases: [(setting: Setting, names: Set<String>?)] = {
    func cases(_ targets: [Target], _ dtype: DType, _ names: Set<String>? = nil) -> [(
      setting: Setting, names: Set<String>?
    )] {
      Setting.on(targets, dtype).map { ($0, names) }
    }
    return cases(Target.own, .float32)
      + cases(Target.own, .float64, ["many tiles", "groups"])
      + cases(Target.lanes, .float32, ["many tiles", "wide", "spread", "groups", "depthwise"])
      + cases(Target.groups, .float32, ["many tiles", "lopsided", "spread", "groups"])
  }()

  @Test(arguments: cases)
  func integers(setting: Setting, names: Set<String>?) throws {
    var generator = SeededGenerator(61)
    for named in NamedConvolution.all + NamedConvolution.empty
    where names?.contains(named.name) ?? true {
      try check(setting, named, &generator)
    }
  }

  @Test(arguments: Target.all)
  func epilogue(target: Target) throws {
    var generator = SeededGenerator(62)
    let chosen = NamedConvolution.all.filter {
      ["3 × 3, padded", "rows that no window reaches"].contains($0.name)
    }
    for named in chosen + NamedConvolution.empty {
      let setting = Setting(target: target, dtype: .float32)
      try check(setting, named, &generator, .biased)
      try check(setting, named, &generator, .multiplied)
    }
  }

  /// The error of a sum of K products is within c·√K·ε·Σ|aᵢbᵢ|.
  @Test(arguments: Setting.all)
  func roundingErrors(setting: Setting) throws {
    var generator = SeededGenerator(63)
    let (target, dtype) = (setting.target, setting.dtype)
    let axis = WindowAxis(input: 11, output: 11, kernel: 3, padding: 1)
    let geometry = ConvolutionGeometry(
      images: 3, inputChannels: 19, outputChannels: 10, rows: axis, columns: axis)
    let x = generator.reals(geometry.inputShape, dtype)
    let weight = generator.reals(geometry.weightShape, dtype)
    let y = generator.reals(geometry.outputShape, dtype)
    func check(
      _ inputs: [HostView], _ shape: Shape, terms: Int, _ operation: @escaping Operation
    ) throws {
      let result = try Comparison(
        on: target, inputs, into: [HostView(shape, dtype)], "\(terms) terms"
      ) { try operation($0, $1, $2) }
      // The same sums of magnitudes.
      let sizes = try Comparison(
        on: target, inputs.map { HostView($0.values.map(abs), $0.shape, dtype) },
        into: [HostView(shape, dtype)]
      ) { try operation($0, $1, $2) }.outputs[0].truth
      let share = 2 * Double(terms).squareRoot() * dtype.epsilon / 2
      result.expectWithin([sizes.map { share * $0 }])
    }
    try check([x, weight], geometry.outputShape, terms: 19 * 9) { backend, inputs, outputs in
      try backend.convolve(
        inputs[0], weight: inputs[1], bias: nil, activation: nil, geometry: geometry,
        into: outputs[0])
    }
    try check([y, weight], geometry.inputShape, terms: 10 * 9) { backend, inputs, outputs in
      try backend.convolveTransposed(
        inputs[0], weight: inputs[1], bias: nil, activation: nil, geometry: geometry,
        into: outputs[0])
    }
    try check([y, x], geometry.weightShape, terms: 3 * 121) { backend, inputs, outputs in
      try backend.convolutionWeightGradient(
        inputs[0], x: inputs[1], geometry: geometry, into: outputs[0], biasGradient: nil)
    }
  }

  /// What is not finite reaches the windows that lie on it, and no other.
  @Test(arguments: Target.all)
  func specialValues(target: Target) throws {
    var generator = SeededGenerator(64)
    for named in NamedConvolution.all where ["many tiles", "spread"].contains(named.name) {
      let geometry = named.geometry
      for isTransposed in [false, true] {
        let shape = isTransposed ? geometry.outputShape : geometry.inputShape
        var values = generator.integers(shape, .float32, in: 1...4).values
        values[0] = .nan
        values[values.count / 2] = .infinity
        values[values.count - 1] = -.infinity
        let result = try Comparison(
          on: target,
          [
            HostView(values, shape, .float32),
            generator.integers(geometry.weightShape, .float32, in: 1...4),
          ],
          into: [
            HostView(isTransposed ? geometry.inputShape : geometry.outputShape, .float32)
          ], named.name
        ) { backend, inputs, outputs in
          if isTransposed {
            try backend.convolveTransposed(
              inputs[0], weight: inputs[1], bias: nil, activation: nil, geometry: geometry,
              into: outputs[0])
          } else {
            try backend.convolve(
              inputs[0], weight: inputs[1], bias: nil, activation: nil, geometry: geometry,
              into: outputs[0])
          }
        }
        result.expectExact()
      }
    }
  }

  /// Sizes at which every shape of tiles is chosen.
  @Test(arguments: Target.groups)
  func tiles(target: Target) throws {
    var generator = SeededGenerator(65)
    for (inputs, outputs) in [(3, 1), (2, 6), (5, 20), (3, 40), (9, 70)] {
      let rows = WindowAxis(input: 9, output: 9, kernel: 3, padding: 1)
      let columns = WindowAxis(input: 31, output: 31, kernel: 3, padding: 1)
      let geometry = ConvolutionGeometry(
        images: 2 * target.backend.device.computeUnits, inputChannels: inputs,
        outputChannels: outputs, rows: rows, columns: columns)
      let result = try Comparison(
        on: target,
        [
          generator.integers(geometry.inputShape, .float32),
          generator.integers(geometry.weightShape, .float32),
        ], into: [HostView(geometry.outputShape, .float32)], "\(inputs) to \(outputs) channels"
      ) { backend, inputs, outputs in
        try backend.convolve(
          inputs[0], weight: inputs[1], bias: nil, activation: nil, geometry: geometry,
          into: outputs[0])
      }
      result.expectExact()
    }
  }
}
