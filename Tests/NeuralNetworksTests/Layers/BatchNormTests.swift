import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct BatchNormTests {
  private func layer(
    _ channels: Int, _ setting: Setting, momentum: Double? = 0.1, isAffine: Bool = true
  ) -> BatchNorm {
    let layer = BatchNorm(channels, momentum: momentum, epsilon: 1e-5, isAffine: isAffine)
    layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    return layer
  }

  @Test("Names and starting values are PyTorch's", arguments: Setting.all)
  func starting(setting: Setting) throws {
    let layer = layer(3, setting)
    #expect(Array(layer.parameters.keys) == ["weight", "bias"])
    #expect(
      Array(layer.runningStates.keys) == ["running_mean", "running_var", "num_batches_tracked"])
    try expectEqual(try #require(layer.weight).value, [3], [1, 1, 1])
    try expectEqual(try #require(layer.bias).value, [3], [0, 0, 0])
    try expectEqual(layer.runningMean, [3], [0, 0, 0])
    try expectEqual(layer.runningVariance, [3], [1, 1, 1])
    try expectEqual(layer.batchCount, [], [0])
    #expect(layer.batchCount.dtype == .int64)
    #expect(layer.momentum == 0.1)
    #expect(layer.summary == "BatchNorm(3)")
    #expect(self.layer(3, setting, isAffine: false).parameters.isEmpty)
  }

  @Test(
    "Estimates are blended once for each training pass, the variance unbiased",
    arguments: Setting.all)
  func estimates(setting: Setting) throws {
    let layer = layer(2, setting)
    let x = setting.tensor([[1, 10], [3, 10], [5, 10], [7, 14]])
    // Means 4 and 11; squared distances 20 and 12, over three.
    _ = layer(x)
    try expectClose(layer.runningMean, [0.4, 1.1], .ulps(4))
    try expectClose(layer.runningVariance, [0.9 + 2.0 / 3, 0.9 + 0.4], .ulps(8))
    try expectEqual(layer.batchCount, [], [1])
    _ = layer(x)
    try expectClose(layer.runningMean, [0.76, 2.09], .ulps(8))
    try expectClose(layer.runningVariance, [0.81 + 1.9 * 2 / 3, 0.81 + 1.9 * 0.4], .ulps(8))
    try expectEqual(layer.batchCount, [], [2])
  }

  @Test("Without momentum the estimates are the averages of all batches", arguments: Setting.all)
  func averages(setting: Setting) throws {
    let layer = layer(1, setting, momentum: nil)
    for values in [[0.0, 2], [1, 5], [6, 16]] {
      _ = layer(setting.tensor(values, [2, 1]))
    }
    // Means 1, 3, 11; unbiased variances 2, 8, 50.
    try expectClose(layer.runningMean, [5], .ulps(8))
    try expectClose(layer.runningVariance, [20], .ulps(8))
    try expectEqual(layer.batchCount, [], [3])
  }

  @Test("Statistics are taken over all axes but the channels", arguments: Setting.all)
  func spatial(setting: Setting) throws {
    let layer = layer(2, setting)
    // Channel 0 holds 0…5 and 12…17, channel 1 the others.
    let y = layer(setting.range([2, 2, 2, 3]))
    try expectClose(layer.runningMean, [0.85, 1.45], .ulps(8))
    let values = try y.array(of: Double.self)
    for channel in 0..<2 {
      let own = (0..<24).filter { $0 / 6 % 2 == channel }.map { values[$0] }
      #expect((own.reduce(0, +) / 12).magnitude < 8 * setting.epsilon)
      // x̂² averages to variance / (variance + ε).
      let square = own.reduce(0) { $0 + $1 * $1 } / 12
      let variance = 6.0 * 6 + 35.0 / 12
      #expect((square - variance / (variance + 1e-5)).magnitude < 16 * setting.epsilon)
    }
  }

  @Test("Evaluation uses the estimates and leaves them", arguments: Setting.all)
  func evaluation(setting: Setting) throws {
    let layer = layer(2, setting)
    layer.$runningMean.assign(setting.tensor([1, -2]))
    layer.$runningVariance.assign(setting.tensor([4 - 1e-5, 0.25 - 1e-5]))
    layer.weight?.assign(setting.tensor([3, 1]))
    layer.bias?.assign(setting.tensor([0.5, 0]))
    layer.mode = .evaluation
    // A batch of one will do.
    try expectClose(layer(setting.tensor([[5, -1]])), [6.5, 2], .ulps(16))
    try expectClose(
      layer(setting.tensor([5, 1, -1, -2], [1, 2, 2])), [6.5, 0.5, 2, 0], .ulps(16))
    try expectEqual(layer.batchCount, [], [0])
    try expectClose(layer.runningMean, [1, -2])
    let plain = self.layer(2, setting, isAffine: false)
    plain.mode = .evaluation
    try expectClose(plain(setting.tensor([[5, -1]])), [5, -1], .norm(1e-5))
  }

  @Test("Checks leave the estimates as they are", arguments: Setting.all)
  func freezing(setting: Setting) throws {
    let model = try Sequential(input: [2], seed: 1, on: setting.device, dtype: setting.dtype) {
      Linear(3)
      BatchNorm()
    }
    let before = try model.savedState()
    let x = setting.range([5, 2])
    let values = model.parameters.values.map(\.value)
    let inside = model.substituting(values) {
      // Within a check there may be another, and the first goes on.
      _ = model.substituting(values) { model(x) }
      return model(x)
    }
    #expect(try model.savedState() == before)
    // It is the training pass that was checked.
    let outside = model(x)
    #expect(try outside.array(of: Double.self) == inside.array(of: Double.self))
    #expect(try model.savedState() != before)
  }

  @Test("Each pass of a differentiation is recorded once", arguments: Setting.all)
  func differentiation(setting: Setting) throws {
    let layer = layer(2, setting)
    let x = setting.range([4, 2])
    _ = valueWithGradient(of: layer) { (layer(x) * x).sum() }
    try expectEqual(layer.batchCount, [], [1])
    try expectClose(layer.runningMean, [0.3, 0.4], .ulps(4))
  }

  @Test("A bad batch does not outlive its step", arguments: Setting.all)
  func notFinite(setting: Setting) throws {
    let layer = layer(2, setting)
    _ = layer(setting.tensor([[1, .nan], [3, 1]]))
    try expectClose(layer.runningMean, [0.2, 0], .ulps(4))
    try expectClose(layer.runningVariance, [1.1, 1], .ulps(8))
    _ = layer(setting.tensor([[.infinity, 1], [3, 3]]))
    try expectClose(layer.runningMean, [0.2, 0.2], .ulps(4))
  }

  @Test("A batch that failed leaves the estimates as they were")
  func failure() throws {
    let watched = WatchedBackend()
    let here = Setting(watched.device, .float64)
    let layer = layer(2, here)
    let x = here.range([4, 2])
    watched.refuse { call, _ in call == .normalize }
    let y = layer(x)
    watched.refuseNothing()
    #expect(throws: WatchedBackend.Refusal(call: .normalize)) { try y.wait() }
    try expectEqual(layer.runningMean, [2], [0, 0])
    try expectEqual(layer.runningVariance, [2], [1, 1])
  }

  @Test("An empty batch is normalised to nothing and not recorded", arguments: Setting.all)
  func emptyBatch(setting: Setting) throws {
    let layer = layer(3, setting)
    let y = layer(Tensor.zeros([0, 3], dtype: setting.dtype, on: setting.device))
    #expect(y.shape == [0, 3])
    try expectEqual(layer.batchCount, [], [0])
    try expectEqual(layer.runningVariance, [3], [1, 1, 1])
  }

  @Test("An activation in the layer is one behind it, in either mode", arguments: Setting.all)
  func activation(setting: Setting) throws {
    let plain = layer(3, setting)
    let activated = BatchNorm(3, activation: .relu)
    activated.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let x = setting.range([5, 3]) * setting.range([5, 3])
    for mode in [Module.Mode.training, .evaluation] {
      plain.mode = mode
      activated.mode = mode
      try expectClose(activated(x), try relu(plain(x)).array(), .norm(8 * setting.epsilon))
    }
  }
}
