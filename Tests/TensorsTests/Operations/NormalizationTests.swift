import Compute
import Tensors
import TestSupport
import Testing

@Suite struct NormalizationTests {
  /// What normalising means, element by element, on the host.
  private struct Host {
    let geometry: NormalizationGeometry
    let mode: NormalizationMode
    let epsilon: Double
    let x: [Double]

    /// The set of statistics of an element, and its channel.
    func set(_ i: Int) -> Int {
      let g = geometry
      let model = i / (g.outer * g.groups * g.inner)
      return model * g.groups + i / g.inner % g.groups
    }
    func channel(_ i: Int) -> Int {
      let g = geometry
      let perModel = g.outer * g.groups * g.inner
      return i / perModel * g.channels + i % perModel / g.channelStride % g.channels
    }
    var means: [Double] {
      guard mode.subtractsMean else {
        return [Double](repeating: 0, count: geometry.models * geometry.groups)
      }
      return sums { self.x[$0] }.map { $0 / Double(geometry.groupCount) }
    }
    var inverseDeviations: [Double] {
      let means = means
      let squares = sums { (self.x[$0] - means[self.set($0)]) * (self.x[$0] - means[self.set($0)]) }
      return squares.map { square in
        switch mode {
        case .mean: 1
        case .sumOfSquares: 1 / (square + epsilon).squareRoot()
        case .meanAndVariance, .meanSquare:
          1 / (square / Double(geometry.groupCount) + epsilon).squareRoot()
        }
      }
    }
    private func sums(_ value: (Int) -> Double) -> [Double] {
      var sums = [Double](repeating: 0, count: geometry.models * geometry.groups)
      for i in x.indices { sums[set(i)] += value(i) }
      return sums
    }
    func output(_ scale: [Double]?, _ shift: [Double]?) -> [Double] {
      let (means, factors) = (means, inverseDeviations)
      return x.indices.map { i in
        (x[i] - means[set(i)]) * factors[set(i)] * (scale?[channel(i)] ?? 1)
          + (shift?[channel(i)] ?? 0)
      }
    }
  }

  private static let geometries: [(Shape, NormalizationGeometry)] = [
    ([9, 5], .batch([9, 5])), ([257, 3], .batch([257, 3])), ([3, 4, 5], .batch([3, 4, 5])),
    ([2, 3, 3, 7], .batch([2, 3, 3, 7])), ([3, 17], .layer([3, 17])),
    ([2, 3, 5], .layer([2, 3, 5])),
    ([3, 6, 5], .group([3, 6, 5], groups: 2)), ([2, 4, 3, 3], .group([2, 4, 3, 3], groups: 4)),
    ([3, 6], .group([3, 6], groups: 3)), ([4, 6, 2], .group([4, 6, 2], groups: 1)),
    // Two networks beside each other.
    (
      [2, 5, 3],
      NormalizationGeometry(models: 2, outer: 5, groups: 3, inner: 1, channels: 3, channelStride: 1)
    ),
  ]

  /// Modes and operands, each of which is a kernel to build on a device.
  ///
  /// That a device's kernels agree with the reference is shown elsewhere, in every combination.
  private func isTried(
    _ setting: Setting, first: Bool, _ mode: NormalizationMode, hasAll: Bool = true
  ) -> Bool {
    if setting.device == .reference { return true }
    return hasAll && mode == .meanAndVariance || first && setting.dtype == .float32
  }

  @Test("Every mode on every geometry, with and without scale and shift", arguments: Setting.all)
  func modes(setting: Setting) throws {
    var random = SeededGenerator(1)
    for (number, (shape, geometry)) in Self.geometries.enumerated() {
      let array = random.array(shape, bound: 4)
      let channels = geometry.models * geometry.channels
      let (scale, shift) = (random.values(channels), random.values(channels))
      for mode in NormalizationMode.allCases {
        let host = Host(geometry: geometry, mode: mode, epsilon: 1e-3, x: array.values)
        for (hasScale, hasShift) in [(false, false), (true, false), (false, true), (true, true)]
        where isTried(setting, first: number == 0, mode, hasAll: hasScale && hasShift) {
          let result = normalize(
            setting.tensor(array, hasShift ? .transposed : .contiguous), geometry: geometry,
            mode: mode, epsilon: 1e-3,
            scale: hasScale ? setting.tensor(scale) : nil,
            shift: hasShift ? setting.tensor(shift) : nil)
          let label = "\(shape) \(mode) \(hasScale) \(hasShift)"
          // Sums of up to 257 terms.
          let close = Tolerance.norm(32 * setting.epsilon)
          try expectClose(
            result.output,
            HostArray(shape, host.output(hasScale ? scale : nil, hasShift ? shift : nil)),
            close, label)
          try expectClose(result.mean, host.means, .absolute(64 * setting.epsilon), label)
          try expectClose(result.inverseDeviation, host.inverseDeviations, close, label)
        }
      }
    }
  }

  @Test("Each operand has its own gradient, whichever others there are", arguments: Setting.all)
  func gradientsOfEachOperand(setting: Setting) throws {
    var random = SeededGenerator(2)
    let shape: Shape = [9, 5]
    let x = random.tensor(shape, setting)
    let scale = random.tensor([5], setting)
    let shift = random.tensor([5], setting)
    let cotangent = random.tensor(shape, setting)
    for mode in NormalizationMode.allCases where isTried(setting, first: false, mode) {
      func gradients(_ hasScale: Bool, _ hasShift: Bool) throws -> [[Double]] {
        // A scale of one and a shift of zero stand for those that are left out.
        let factor = hasScale ? scale : Tensor.ones([5], dtype: setting.dtype, on: setting.device)
        let term = hasShift ? shift : Tensor.zeros([5], dtype: setting.dtype, on: setting.device)
        let (_, all) = valueWithPullback(at: [x, factor, term]) {
          normalize(
            $0[0], geometry: .batch(shape), mode: mode, epsilon: 1e-3, scale: $0[1], shift: $0[2]
          ).output
        }
        let (_, some) = valueWithPullback(
          at: [x] + (hasScale ? [scale] : []) + (hasShift ? [shift] : [])
        ) {
          normalize(
            $0[0], geometry: .batch(shape), mode: mode, epsilon: 1e-3,
            scale: hasScale ? $0[1] : nil, shift: hasShift ? $0[hasScale ? 2 : 1] : nil
          ).output
        }
        let expected = all(cotangent)
        let actual = some(cotangent)
        let wanted =
          [expected[0]] + (hasScale ? [expected[1]] : []) + (hasShift ? [expected[2]] : [])
        for (one, other) in zip(actual, wanted) {
          try expectClose(
            one, try other.array(), .norm(16 * setting.epsilon), "\(mode) \(hasScale) \(hasShift)")
        }
        return try expected.map { try $0.array() }
      }
      for (hasScale, hasShift) in [(false, false), (true, false), (false, true)] {
        _ = try gradients(hasScale, hasShift)
      }
      // The gradient of a shift is the sum of the cotangents.
      let sums = try cotangent.sum(axes: [0]).array(of: Double.self)
      expectNear(try gradients(true, true)[2], sums, 64 * setting.epsilon, "\(mode)")
    }
  }

  private func expectNear(
    _ actual: [Double], _ expected: [Double], _ bound: Double, _ label: String
  ) {
    let closeness = Closeness(actual, expected, .absolute(bound), dtype: .float64)
    #expect(closeness.holds, "\(label): \(closeness)")
  }

  @Test("A mean of ten thousand times the deviation does not cancel", arguments: Setting.all)
  func largeMean(setting: Setting) throws {
    var random = SeededGenerator(3)
    let shape: Shape = [64, 3]
    let small = random.whole(shape, -8...8)
    let large = HostArray(shape, small.values.map { $0 + 65_536 })
    func output(_ x: HostArray) throws -> [Double] {
      try normalize(
        setting.tensor(x), geometry: .batch(shape), mode: .meanAndVariance, epsilon: 1e-5
      ).output.array()
    }
    // The mean itself is rounded to an ulp of 65,536, in units of the deviation.
    let bound = 65_536 * setting.epsilon
    expectNear(try output(large), try output(small), bound, "\(setting)")
  }

  @Test(
    "An activation in the same launch is one behind it, with its gradient", arguments: Setting.all)
  func activation(setting: Setting) throws {
    var random = SeededGenerator(4)
    for shape in [[9, 5], [3, 4, 5]] as [Shape] {
      let x = random.tensor(shape, setting)
      let (scale, shift) = (
        random.tensor([shape[1]], setting), random.tensor([shape[1]], setting)
      )
      let cotangent = random.tensor(shape, setting)
      let isOnDevice = setting.device != .reference
      for activation in isOnDevice ? [Activation.softplus] : [.relu, .tanh, .softplus, .square] {
        let (fused, fusedBack) = valueWithPullback(at: [x, scale, shift]) {
          normalize(
            $0[0], geometry: .batch(shape), mode: .meanAndVariance, epsilon: 1e-5, scale: $0[1],
            shift: $0[2], activation: activation
          ).output
        }
        let (plain, plainBack) = valueWithPullback(at: [x, scale, shift]) {
          activation(
            normalize(
              $0[0], geometry: .batch(shape), mode: .meanAndVariance, epsilon: 1e-5, scale: $0[1],
              shift: $0[2]
            ).output)
        }
        let close = Tolerance.norm(32 * setting.epsilon)
        try expectClose(fused, try plain.array(), close, activation.name)
        for (one, other) in zip(fusedBack(cotangent), plainBack(cotangent)) {
          try expectClose(one, try other.array(), close, activation.name)
        }
      }
    }
  }

  @Test("Nothing is normalised to nothing", arguments: Setting.all)
  func nothing(setting: Setting) throws {
    let scale = setting.tensor([2, 3, 4])
    for shape in [[0, 3], [0, 3, 5], [2, 3, 0]] as [Shape] {
      let x = Tensor.zeros(shape, dtype: setting.dtype, on: setting.device)
      var result: Normalized?
      let (value, gradients) = valueWithGradient(at: x, scale) { x, scale in
        let normalized = normalize(
          x, geometry: .batch(shape), mode: .meanAndVariance, epsilon: 0.25, scale: scale)
        result = normalized
        return normalized.output
      }
      try expectEqual(value, shape, [])
      try expectEqual(gradients.0, shape, [])
      try expectEqual(gradients.1, [3], [0, 0, 0])
      try expectEqual(try #require(result).mean, [3], [0, 0, 0])
      try expectEqual(try #require(result).inverseDeviation, [3], [2, 2, 2])
    }
  }

  @Test("Given statistics are constants, and broadcast with x", arguments: Setting.all)
  func givenStatistics(setting: Setting) throws {
    let x = setting.tensor([[1, 2], [3, -6]])
    let (mean, variance) = (setting.tensor([1, -2]), setting.tensor([3.75, 0.75]))
    let (value, pullback) = valueWithPullback(at: [x, mean, variance]) {
      normalize($0[0], mean: $0[1], variance: $0[2], epsilon: 0.25, scale: nil, shift: nil)
    }
    try expectClose(value, [0, 4, 1, -4], .ulps(4))
    let gradients = pullback(setting.tensor([[1, 1], [2, 3]]))
    try expectClose(gradients[0], [0.5, 1, 1, 3], .ulps(4))
    try expectClose(gradients[1], [0, 0])
    try expectClose(gradients[2], [0, 0])
    let scaled = normalize(
      x, mean: mean, variance: variance, epsilon: 0.25, scale: setting.tensor([2, 1]),
      shift: setting.tensor([10, 20]))
    try expectClose(scaled, [10, 24, 12, 16], .ulps(4))
  }
}
