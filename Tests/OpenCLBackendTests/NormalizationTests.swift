import Compute
import OpenCLBackend
import Testing

/// A geometry with a name for test reports.
struct NamedGeometry: Sendable, CustomTestStringConvertible {
  let name: String
  let geometry: NormalizationGeometry
  var testDescription: String { name }

  /// Those that are walked by rows; all but two by groups that are not channels.
  static let rows = all.filter {
    $0.name.hasSuffix("layer") || $0.name.hasSuffix("groups") || $0.name.hasSuffix("images")
  }

  /// What layers ask for, at sizes on both sides of every division of the work.
  static let all: [NamedGeometry] = [
    // [models, outer, groups, inner], channels of so many neighbours.
    ("batch of columns", (1, 5, 3, 1), 3, 1), ("many columns", (2, 33, 19, 1), 19, 1),
    ("short columns", (1, 2, 37, 1), 37, 1), ("models of short columns", (2, 2, 33, 1), 33, 1),
    ("models of many short columns", (3, 2, 213, 1), 213, 1),
    ("one row of columns", (1, 1, 7, 1), 7, 1), ("one column", (2, 65, 1, 1), 1, 1),
    ("images", (1, 4, 3, 5), 3, 5), ("large images", (2, 3, 5, 37), 5, 37),
    ("layer", (1, 1, 4, 7), 7, 1), ("long layer", (2, 1, 9, 65), 65, 1),
    ("group", (1, 1, 2 * 3, 2 * 5), 6, 5), ("large groups", (2, 1, 3 * 2, 3 * 17), 6, 17),
    ("instance", (2, 1, 2 * 3, 33), 3, 33), ("rows of a weight", (1, 1, 4, 31), 4, 31),
    ("columns that are not channels", (1, 31, 6, 1), 3, 2), ("one element", (1, 1, 1, 1), 1, 1),
    ("one group for all", (3, 2, 1, 64), 1, 128),
  ].map { name, lengths, channels, stride in
    NamedGeometry(
      name: name,
      geometry: NormalizationGeometry(
        models: lengths.0, outer: lengths.1, groups: lengths.2, inner: lengths.3,
        channels: channels, channelStride: stride))
  }
}

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct NormalizationTests {
  private let x = Expression.input(0)

  /// Normalises and takes the gradient of that.
  private func check(
    _ setting: Setting, _ geometry: NormalizationGeometry, _ mode: NormalizationMode,
    x input: HostView, affine: Bool, activation: Expression? = nil, epsilon: Double = 1e-3,
    inPlace: Bool = false, condition: Double = 1, _ label: String,
    _ generator: inout SeededGenerator
  ) throws {
    let elements: Shape = [geometry.count]
    let groups: Shape = [geometry.models * geometry.groups]
    let channels: Shape = [geometry.models * geometry.channels]
    func output(_ shape: Shape) -> HostView { HostView(shape, setting.dtype) }
    let scale = generator.reals(channels, setting.dtype, in: 0.5...2)
    let shift = generator.reals(channels, setting.dtype, in: -1...1)
    let cotangent = generator.reals(elements, setting.dtype)

    let forward = try Comparison(
      on: setting.target, [input, scale, shift],
      into: [output(elements), output(groups), output(groups)], inPlace: inPlace ? [0: 0] : [:],
      "\(label) forward"
    ) { backend, inputs, outputs in
      try backend.normalize(
        inputs[0], geometry: geometry, mode: mode, epsilon: epsilon,
        scale: affine ? inputs[1] : nil, shift: affine ? inputs[2] : nil, activation: activation,
        into: outputs[0], mean: outputs[1], inverseDeviation: outputs[2])
    }
    // A mean that is corrected by what it was off is NaN where the numbers have no mean.
    forward.expectCloseAsReference(condition: condition, infinityIsNaN: true)

    // The same statistics for all, rounded to the dtype.
    let statistics = forward.outputs[1...].map {
      HostView(bits: $0.referenceBits, groups, setting.dtype)
    }
    let gradient = try Comparison(
      on: setting.target, [cotangent, input] + statistics + [scale, shift],
      into: [output(elements)] + (affine ? [output(channels), output(channels)] : []),
      inPlace: inPlace ? [0: 0] : [:], "\(label) gradient"
    ) { backend, inputs, outputs in
      try backend.normalizeGradient(
        inputs[0], x: inputs[1], mean: inputs[2], inverseDeviation: inputs[3], geometry: geometry,
        mode: mode, scale: affine ? inputs[4] : nil, shift: affine ? inputs[5] : nil,
        activationDerivative: activation?.derivative(withRespectTo: 0), into: outputs[0],
        scaleGradient: affine ? outputs[1] : nil, shiftGradient: affine ? outputs[2] : nil)
    }
    gradient.expectCloseAsReference(condition: condition)
  }

  private func check(
    _ setting: Setting, _ geometries: [NamedGeometry], _ mode: NormalizationMode,
    activation: Expression? = nil
  ) throws {
    var generator = SeededGenerator(51)
    for named in geometries {
      for affine in [true, false] {
        try check(
          setting, named.geometry, mode,
          x: generator.reals([named.geometry.count], setting.dtype, in: -1...3), affine: affine,
          activation: activation, "\(named.name) \(mode) \(affine ? "affine" : "plain")", &generator
        )
      }
    }
  }

  @Test(arguments: Target.lanes + Target.groups)
  func geometries(target: Target) throws {
    // Work-items of columns do not share their work.
    let isLanes = target.backend.profile.groupSize == 1
    let named = NamedGeometry.all.filter { isLanes || !$0.name.contains("columns") }
    try check(Setting(target: target, dtype: .float32), named, .meanAndVariance)
  }

  @Test(arguments: Setting.own + Setting.on(Target.gpu, .float32))
  func ownProfile(setting: Setting) throws {
    // Columns that are not divided: of several blocks, and so many that they go two vectors at a time.
    let columns = NamedGeometry.all.filter {
      ["many columns", "models of many short columns"].contains($0.name)
    }
    try check(setting, NamedGeometry.rows + columns, .meanAndVariance)
  }

  /// The modes without a mean, or without a division.
  @Test(arguments: Target.own + Target.lanes, [NormalizationMode.mean, .meanSquare, .sumOfSquares])
  func modes(target: Target, mode: NormalizationMode) throws {
    let named = NamedGeometry.all.filter {
      ["layer", "long layer", "batch of columns", "short columns"].contains($0.name)
    }
    try check(Setting(target: target, dtype: .float32), named, mode)
  }

  /// The activation is fused forward, and its derivative in the gradient.
  @Test(arguments: Target.lanes + Target.groups)
  func activations(target: Target) throws {
    let kind = target.backend.profile.groupSize == 1 ? "columns" : "layer"
    let named = NamedGeometry.all.filter { $0.name.hasSuffix(kind) }
    try check(
      Setting(target: target, dtype: .float32), named, .meanAndVariance, activation: x.tanh)
  }

  /// A mean that is a million deviations from zero: the statistics do not cancel.
  @Test(arguments: Setting.on(Target.lanes + Target.groups, .float32) + Setting.own)
  func largeMeans(setting: Setting) throws {
    var generator = SeededGenerator(53)
    for named in NamedGeometry.rows {
      let geometry = named.geometry
      let input = HostView(
        (0..<geometry.count).map { _ in
          Double(Float(1e4 + 1e-2 * Double.random(in: -2...2, using: &generator)))
        }, [geometry.count], setting.dtype)
      try check(
        setting, geometry, .meanAndVariance, x: input, affine: true, epsilon: 1e-5,
        condition: 1e6, named.name, &generator)
    }
  }

  /// Groups without spread.
  @Test(arguments: Setting.on(Target.lanes + Target.groups, .float32))
  func constants(setting: Setting) throws {
    var generator = SeededGenerator(54)
    for named in NamedGeometry.rows {
      let geometry = named.geometry
      let input = HostView(
        [Double](repeating: 3, count: geometry.count), [geometry.count], setting.dtype)
      try check(
        setting, geometry, .meanAndVariance, x: input, affine: true, epsilon: 1e-5, condition: 1e6,
        named.name,
        &generator)
    }
  }

  /// The results may take the place of x, and of the cotangent.
  @Test(arguments: Setting.on(Target.lanes + Target.groups, .float32))
  func inPlace(setting: Setting) throws {
    var generator = SeededGenerator(55)
    for named in NamedGeometry.rows {
      try check(
        setting, named.geometry, .meanAndVariance,
        x: generator.reals([named.geometry.count], setting.dtype), affine: true, inPlace: true,
        named.name, &generator)
    }
  }

  /// What is not finite stays in its group, or its channel.
  @Test(arguments: Target.lanes + Target.groups)
  func specialValues(target: Target) throws {
    var generator = SeededGenerator(56)
    for named in NamedGeometry.rows {
      let geometry = named.geometry
      for special in [Double.nan, .infinity] {
        var values = generator.reals([geometry.count], .float32, in: -1...3).values
        values[geometry.count / 2] = special
        try check(
          Setting(target: target, dtype: .float32), geometry, .meanAndVariance,
          x: HostView(values, [geometry.count], .float32), affine: true, "\(named.name) \(special)",
          &generator)
      }
    }
  }

  /// Axes of no elements.
  @Test(arguments: Setting.on(Target.own, .float32), NormalizationMode.allCases)
  func emptyAxes(setting: Setting, mode: NormalizationMode) throws {
    var generator = SeededGenerator(57)
    for lengths in [(0, 3, 4, 1), (1, 0, 4, 1), (1, 3, 0, 1), (2, 3, 4, 0)] {
      let geometry = NormalizationGeometry(
        models: lengths.0, outer: lengths.1, groups: lengths.2, inner: lengths.3,
        channels: lengths.2, channelStride: lengths.3)
      try check(
        setting, geometry, mode, x: HostView([], [0], setting.dtype), affine: true, "\(lengths)",
        &generator)
    }
  }
}
