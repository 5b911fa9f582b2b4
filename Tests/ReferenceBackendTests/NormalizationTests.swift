import Compute
import ReferenceBackend
import Testing

/// A geometry with a name for test reports.
struct NamedGeometry: Sendable, CustomTestStringConvertible {
  let name: String
  let geometry: NormalizationGeometry
  var testDescription: String { name }

  /// The geometries of the design, for `models` networks.
  static let all: [NamedGeometry] = [1, 3].flatMap { models in
    let ofOne: [(name: String, outer: Int, groups: Int, inner: Int, channels: Int, stride: Int)] = [
      ("batch [N, C]", 5, 3, 1, 3, 1), ("batch [N, C, S]", 4, 3, 5, 3, 5),
      ("layer", 1, 4, 7, 7, 1), ("group", 1, 2 * 3, 2 * 5, 6, 5), ("instance", 1, 2 * 3, 5, 3, 5),
      ("rows of a weight", 1, 4, 6, 4, 6), ("one element", 1, 1, 1, 1, 1),
      ("many blocks", 33, 17, 3, 17, 3),
    ]
    return ofOne.map { name, outer, groups, inner, channels, stride in
      NamedGeometry(
        name: "\(name), \(models) models",
        geometry: NormalizationGeometry(
          models: models, outer: outer, groups: groups, inner: inner, channels: channels,
          channelStride: stride))
    }
  }
}

@Suite struct NormalizationTests {
  /// What `normalize` writes.
  struct Result {
    var y: [Double]
    var mean: [Double]
    var inverseDeviation: [Double]
  }

  /// The inputs of one normalisation.
  struct Sample {
    var geometry: NormalizationGeometry
    var mode: NormalizationMode
    var x: [Double]
    var scale: [Double]?
    var shift: [Double]?
    var epsilon = 1e-3

    init(
      _ geometry: NormalizationGeometry, _ mode: NormalizationMode, affine: Bool,
      using generator: inout SeededGenerator
    ) {
      func uniform(_ count: Int, _ range: ClosedRange<Double>) -> [Double] {
        (0..<count).map { _ in Double(Float.random(in: -1...1, using: &generator)) }
          .map { range.lowerBound + (range.upperBound - range.lowerBound) * ($0 + 1) / 2 }
      }
      self.geometry = geometry
      self.mode = mode
      x = uniform(geometry.count, -1...3)
      if affine {
        scale = uniform(geometry.models * geometry.channels, 0.5...2)
        shift = uniform(geometry.models * geometry.channels, -1...1)
      }
    }

    func model(_ i: Int) -> Int { i / (geometry.count / geometry.models) }

    func group(_ i: Int) -> Int {
      model(i) * geometry.groups + i / geometry.inner % geometry.groups
    }

    func channel(_ i: Int) -> Int {
      let within = i % (geometry.count / geometry.models)
      return model(i) * geometry.channels + within / geometry.channelStride % geometry.channels
    }

    /// The definition, written directly.
    func expected(_ activation: (Double) -> Double) -> Result {
      let groups = geometry.models * geometry.groups
      let count = Double(geometry.groupCount)
      var mean = [Double](repeating: 0, count: groups)
      var square = mean
      if mode.subtractsMean { for i in x.indices { mean[group(i)] += x[i] / count } }
      for i in x.indices {
        let centred = x[i] - mean[group(i)]
        square[group(i)] += centred * centred / (mode == .sumOfSquares ? 1 : count)
      }
      let inverse = square.map { mode.divides ? 1 / ($0 + epsilon).squareRoot() : 1 }
      let y = x.indices.map { i in
        activation(
          (x[i] - mean[group(i)]) * inverse[group(i)] * (scale?[channel(i)] ?? 1)
            + (shift?[channel(i)] ?? 0))
      }
      return Result(y: y, mean: mean, inverseDeviation: inverse)
    }

    /// What the backend writes.
    func computed(_ rig: Rig, _ dtype: DType, _ activation: Expression?) throws -> Result {
      let groups: Shape = [geometry.models * geometry.groups]
      let (y, mean, inverse) = (
        try rig.zeros([x.count], dtype), try rig.zeros(groups, dtype), try rig.zeros(groups, dtype)
      )
      try rig.backend.normalize(
        try rig.numbers(x, dtype), geometry: geometry, mode: mode, epsilon: epsilon,
        scale: try scale.map { try rig.numbers($0, dtype) },
        shift: try shift.map { try rig.numbers($0, dtype) }, activation: activation, into: y,
        mean: mean, inverseDeviation: inverse)
      return Result(
        y: try rig.numbers(y), mean: try rig.numbers(mean),
        inverseDeviation: try rig.numbers(inverse))
    }
  }

  private let x = Expression.input(0)

  private func expectClose(
    _ a: [Double], _ b: [Double], _ tolerance: Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(a.count == b.count, sourceLocation: sourceLocation)
    let worst = zip(a, b).map { abs($0 - $1) / (1 + abs($1)) }.max() ?? 0
    #expect(worst <= tolerance, sourceLocation: sourceLocation)
  }

  @Test(arguments: NamedGeometry.all, NormalizationMode.allCases)
  func theDefinition(named: NamedGeometry, mode: NormalizationMode) throws {
    let rig = Rig(seed: 3)
    for affine in [false, true] {
      let sample = Sample(named.geometry, mode, affine: affine, using: &rig.generator)
      for (activation, function) in [
        (nil, { $0 }), (x * x + x, { $0 * $0 + $0 }),
      ] as [(Expression?, (Double) -> Double)] {
        let expected = sample.expected(function)
        let double = try sample.computed(rig, .float64, activation)
        expectClose(double.y, expected.y, 1e-13)
        expectClose(double.mean, expected.mean, 1e-14)
        expectClose(double.inverseDeviation, expected.inverseDeviation, 1e-13)
        let single = try sample.computed(rig, .float32, activation)
        // A single element that equals its mean is divided by √ε, which multiplies its rounding.
        expectClose(single.y, expected.y, 1e-4)
        expectClose(single.mean, expected.mean, 1e-6)
      }
    }
  }

  @Test(arguments: NamedGeometry.all, NormalizationMode.allCases)
  func theGradient(named: NamedGeometry, mode: NormalizationMode) throws {
    let rig = Rig(seed: 5)
    if named.geometry.count > 1000 { return }
    for affine in [false, true] {
      for activation in [nil, x.tanh] {
        let sample = Sample(named.geometry, mode, affine: affine, using: &rig.generator)
        try expectGradient(of: sample, activation, rig)
      }
    }
  }

  /// Compares with central differences of Σ weights·y, by Richardson's extrapolation.
  private func expectGradient(of sample: Sample, _ activation: Expression?, _ rig: Rig) throws {
    let weights = sample.x.map { _ in Double.random(in: -1...1, using: &rig.generator) }
    let geometry = sample.geometry
    let forward = try sample.computed(rig, .float64, activation)
    let xGradient = try rig.zeros([sample.x.count], .float64)
    let channels: Shape = [geometry.models * geometry.channels]
    let scaleGradient = try rig.zeros(channels, .float64)
    let shiftGradient = try rig.zeros(channels, .float64)
    try rig.backend.normalizeGradient(
      try rig.doubles(weights), x: try rig.doubles(sample.x), mean: try rig.doubles(forward.mean),
      inverseDeviation: try rig.doubles(forward.inverseDeviation), geometry: geometry,
      mode: sample.mode, scale: try sample.scale.map { try rig.doubles($0) },
      shift: try sample.shift.map { try rig.doubles($0) },
      activationDerivative: activation?.derivative(withRespectTo: 0), into: xGradient,
      scaleGradient: sample.scale == nil ? nil : scaleGradient,
      shiftGradient: sample.shift == nil ? nil : shiftGradient)

    let function: (Double) -> Double = activation == nil ? { $0 } : UnaryIntrinsic.tanh.evaluate
    func loss(_ sample: Sample) -> Double {
      zip(weights, sample.expected(function).y).reduce(0) { $0 + $1.0 * $1.1 }
    }
    func expect(_ gradient: View, _ part: WritableKeyPath<Sample, [Double]>) throws {
      for (i, analytic) in try rig.numbers(gradient).enumerated() {
        func slope(_ step: Double) -> Double {
          var (above, below) = (sample, sample)
          above[keyPath: part][i] += step
          below[keyPath: part][i] -= step
          return (loss(above) - loss(below))
            / (above[keyPath: part][i] - below[keyPath: part][i])
        }
        let (coarse, fine) = (slope(2e-4), slope(1e-4))
        let numeric = fine + (fine - coarse) / 3
        let tolerance = 10 * abs(numeric - fine) + 1e-8 * (1 + abs(numeric))
        #expect(
          abs(analytic - numeric) <= tolerance,
          "element \(i) of \(part): \(analytic) against \(numeric)")
      }
    }
    try expect(xGradient, \.x)
    if sample.scale != nil {
      try expect(scaleGradient, \.scale.orEmpty)
      try expect(shiftGradient, \.shift.orEmpty)
    }
  }

  /// A large mean must not swallow the variance, as E[x²] − E[x]² would let it.
  @Test func aLargeMeanKeepsTheVariance() throws {
    let rig = Rig()
    let geometry = NormalizationGeometry(
      outer: 1, groups: 1, inner: 1024, channels: 1, channelStride: 1024)
    var sample = Sample(geometry, .meanAndVariance, affine: false, using: &rig.generator)
    sample.epsilon = 0
    sample.x = (0..<1024).map { 4096 + Double($0 % 2) }
    let result = try sample.computed(rig, .float32, nil)
    #expect(result.y == sample.x.map { $0 == 4096 ? -1 : 1 })
  }

  @Test func withoutElements() throws {
    let rig = Rig()
    for geometry in [
      NormalizationGeometry(outer: 0, groups: 3, inner: 2, channels: 3, channelStride: 2),
      NormalizationGeometry(outer: 2, groups: 0, inner: 2, channels: 0, channelStride: 1),
    ] {
      let count = geometry.channels
      let (empty, groups) = (try rig.floats([]), try rig.zeros([geometry.groups], .float32))
      let one = try rig.floats([Float](repeating: 1, count: count))
      try rig.backend.normalize(
        empty, geometry: geometry, mode: .meanAndVariance, epsilon: 1, scale: one, shift: nil,
        activation: nil, into: empty, mean: groups, inverseDeviation: groups)
      let gradient = try rig.floats([Float](repeating: 1, count: count))
      try rig.backend.normalizeGradient(
        empty, x: empty, mean: groups, inverseDeviation: groups, geometry: geometry,
        mode: .meanAndVariance, scale: one, shift: nil, activationDerivative: nil, into: empty,
        scaleGradient: gradient, shiftGradient: nil)
      #expect(try rig.numbers(gradient) == [Double](repeating: 0, count: count))
    }
  }
}

extension Optional<[Double]> {
  /// The numbers, for key paths into samples that have them.
  fileprivate var orEmpty: [Double] {
    get { self ?? [] }
    set { self = newValue }
  }
}
