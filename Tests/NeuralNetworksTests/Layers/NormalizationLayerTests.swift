import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// What the layers that normalise are to each other, and what they promise.
@Suite struct NormalizationLayerTests {
  private func built(_ layer: any Layer, _ input: Shape, _ setting: Setting) throws -> Sequential {
    try Sequential(input: input, seed: 1, on: setting.device, dtype: setting.dtype) { layer }
  }

  private func normal(_ shape: Shape, _ setting: Setting, seed: UInt64 = 3) -> Tensor {
    .normal(shape, key: RandomKey(seed: seed), dtype: setting.dtype, on: setting.device)
  }

  /// Roots and divisions of sums of up to 60 terms, taken in another order.
  private func close(_ setting: Setting) -> Tolerance { .norm(64 * setting.epsilon) }

  // MARK: - Identities

  @Test("GroupNorm of one group is LayerNorm over channels and space", arguments: Setting.all)
  func oneGroup(setting: Setting) throws {
    let x = normal([3, 4, 2, 5], setting)
    let group = try built(GroupNorm(groups: 1, isAffine: false), [4, 2, 5], setting)
    let layer = try built(LayerNorm(axes: 3, isAffine: false), [4, 2, 5], setting)
    try expectClose(group(x), try layer(x).array(), close(setting))
  }

  @Test("GroupNorm of as many groups as channels is InstanceNorm", arguments: Setting.all)
  func everyChannel(setting: Setting) throws {
    let x = normal([3, 4, 2, 5], setting)
    let group = try built(GroupNorm(groups: 4), [4, 2, 5], setting)
    let instance = try built(InstanceNorm(isAffine: true), [4, 2, 5], setting)
    for name in ["0.weight", "0.bias"] {
      let values = normal([4], setting, seed: name == "0.bias" ? 5 : 6)
      group.parameters[name]?.assign(values)
      instance.parameters[name]?.assign(values)
    }
    try expectClose(group(x), try instance(x).array(), close(setting))
  }

  @Test("InstanceNorm does not see contrast and brightness", arguments: Setting.all)
  func contrast(setting: Setting) throws {
    let layer = try built(InstanceNorm(epsilon: 1e-30), [2, 4, 4], setting)
    let x = normal([3, 2, 4, 4], setting)
    let contrasts = setting.tensor([0.5, 3, 7, 0.25, 2, 11], [3, 2, 1, 1])
    let brightnesses = setting.tensor([1, -2, 0.5, 3, 0, -1], [3, 2, 1, 1])
    // Adding a brightness of up to twelve deviations rounds what is left of the image.
    try expectClose(
      layer(x * contrasts + brightnesses), try layer(x).array(), .norm(64 * setting.epsilon))
  }

  @Test("A scale of √(Var + ε) and a shift of E give back the input", arguments: Setting.all)
  func identity(setting: Setting) throws {
    let x = normal([6, 3], setting) * 2.0 + 5.0
    let layer = BatchNorm(3)
    layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    layer.weight?.assign((x.variance(axes: [0]) + layer.epsilon).squareRoot)
    layer.bias?.assign(x.mean(axes: [0]))
    try expectClose(layer(x), try x.array(), close(setting))
  }

  @Test(
    "Mean-only batch norm frees the means of a weight-normalised layer's activations",
    arguments: Setting.all)
  func meanOnly(setting: Setting) throws {
    let model = try Sequential(
      input: [4], seed: 1, on: setting.device, dtype: setting.dtype
    ) {
      WeightNorm(Linear(3, hasBias: false))
      MeanOnlyBatchNorm()
    }
    let shift = [2.0, -1, 0.5]
    model.parameters["1.bias"]?.assign(setting.tensor(shift))
    for (seed, mean) in [(1, 0.0), (2, 4), (3, -7)] {
      let x = normal([9, 4], setting, seed: UInt64(seed)) + mean
      model.parameters["0.weight_v"]?.assign(normal([3, 4], setting, seed: UInt64(seed + 10)))
      // Whatever weights and inputs are, the mean is the shift.
      try expectClose(model(x).mean(axes: [0]), shift, .absolute(64 * setting.epsilon))
    }
  }

  // MARK: - Weight normalisation

  @Test(
    "A weight-normalised layer begins as the plain one of the same direction",
    arguments: Setting.all)
  func weightNorm(setting: Setting) throws {
    let layer = WeightNorm(Linear(4, 3))
    layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    #expect(Array(layer.parameters.keys) == ["weight_g", "weight_v", "bias"])
    #expect(layer.gain.shape == [3, 1])
    #expect(layer.summary == "WeightNorm(Linear(4, 3))")
    let direction = try layer.direction.value.array(of: Double.self)
    try expectClose(layer.weight, direction, .ulps(8))
    // The direction's length does not matter, the gain is the weight's.
    layer.direction.assign(layer.direction.value * 7.5)
    try expectClose(layer.weight, direction, .ulps(8))
    layer.gain.assign(setting.tensor([2, 1, 0.5], [3, 1]))
    let lengths = (layer.weight * layer.weight).sum(axes: [1]).squareRoot
    try expectClose(lengths, [2, 1, 0.5], .ulps(8))
    // A unit without a direction has no weights, and no NaN.
    layer.direction.assign(Tensor.zeros([3, 4], dtype: setting.dtype, on: setting.device))
    try expectClose(layer.weight, [Double](repeating: 0, count: 12))
  }

  @Test("Both of PyTorch's names for the parts of a weight are understood")
  func names() throws {
    let layer = WeightNorm(Linear(4, 3))
    let model = Sequential { layer }
    model.initialize(seed: 1, on: .reference)
    let saved = try model.savedState()
    #expect(Set(saved.arrays.map(\.name)) == ["0.weight_g", "0.weight_v", "0.bias"])
    let newer = [
      "0.weight_g": "0.parametrizations.weight.original0",
      "0.weight_v": "0.parametrizations.weight.original1",
    ]
    let other = Sequential { WeightNorm(Linear(4, 3)) }
    other.initialize(seed: 2, on: .reference)
    try other.load(
      Safetensors(
        saved.arrays.map {
          .init(
            name: newer[$0.name] ?? $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes)
        }))
    #expect(try other.savedState() == saved)
    #expect(throws: CheckpointError.self) { try other.load(Safetensors([])) }
  }

  // MARK: - Batches

  @Test("Mean-only running means are blended or averaged", arguments: Setting.all)
  func runningMeans(setting: Setting) throws {
    for (momentum, expected) in [(0.1, 0.1 * 4 + 0.9 * 0.1 * 2), (nil, 3.0)] {
      let layer = MeanOnlyBatchNorm(1, momentum: momentum)
      layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
      _ = layer(setting.tensor([[1], [3]]))
      _ = layer(setting.tensor([[3], [5]]))
      try expectClose(layer.runningMean, [expected], .ulps(4))
      try expectEqual(layer.batchCount, [], [2])
      layer.mode = .evaluation
      // A batch of one will do.
      try expectClose(layer(setting.tensor([[10]])), [10 - expected], .ulps(4))
      try expectEqual(layer.batchCount, [], [2])
    }
  }

  @Test(
    "Statistics within an example do not depend on the batch, nor on the mode",
    arguments: Setting.all)
  func batchOfOne(setting: Setting) throws {
    let layers: [any Layer] = [
      LayerNorm(), RMSNorm(), GroupNorm(groups: 2), InstanceNorm(isAffine: true),
    ]
    for layer in layers {
      let model = try built(layer, [4, 3], setting)
      let x = normal([5, 4, 3], setting)
      let all = model(x)
      #expect(model.runningStates.isEmpty)
      model.mode = .evaluation
      try expectClose(model(x[2..<3]), try all[2].array(), .exact, layer.summary)
    }
  }

  @Test("Training with batches of one is refused before it begins")
  func refusal() throws {
    let x = Tensor.ones([4, 3], on: .reference)
    let labels = Tensor([0, 1, 0, 1].map(Int32.init), shape: [4], on: .reference)
    let examples = Examples(inputs: x, targets: labels)
    let plan = TrainingPlan(epochs: 1, batchSize: 1)
    for norm in [BatchNorm(), MeanOnlyBatchNorm()] as [any Layer] {
      let model = try Sequential(input: [3], seed: 1, on: .reference) {
        Sequential { norm }
        Linear(2)
      }
      let error = #expect(throws: ModelError.self) {
        try train(
          model, with: SGD(model, learningRate: 0.1), loss: .crossEntropy, on: examples, plan: plan)
      }
      #expect(
        error?.description
          == "layer 0.0 (\(type(of: norm))): in training a batch of one has no variance; use a "
          + "batchSize of 2 or more, or GroupNorm or LayerNorm")
    }
    // What has several positions for each channel takes one example.
    let model = try Sequential(input: [3], seed: 1, on: .reference) {
      Reshape([1, 3])
      BatchNorm()
      Flatten()
      Linear(2)
    }
    try train(
      model, with: SGD(model, learningRate: 0.1), loss: .crossEntropy, on: examples, plan: plan)
  }

  // MARK: - Building

  @Test("Parameters have PyTorch's names and the shapes of what is normalised")
  func shapes() throws {
    func shapes(_ layer: any Layer, _ input: Shape) throws -> [String: Shape] {
      #expect(try layer.build(input: input) == input)
      return Dictionary(
        uniqueKeysWithValues: layer.parameters.map { ($0.key, $0.value.shape ?? []) })
    }
    #expect(try shapes(LayerNorm(), [4, 7]) == ["weight": [7], "bias": [7]])
    #expect(try shapes(LayerNorm(axes: 2), [4, 7]) == ["weight": [4, 7], "bias": [4, 7]])
    #expect(try shapes(LayerNorm([4, 7], hasBias: false), [4, 7]) == ["weight": [4, 7]])
    #expect(try shapes(RMSNorm(), [4, 7]) == ["weight": [7]])
    #expect(try shapes(GroupNorm(groups: 2), [4, 7]) == ["weight": [4], "bias": [4]])
    #expect(try shapes(InstanceNorm(), [4, 7]) == [:])
    #expect(try shapes(MeanOnlyBatchNorm(), [4, 7]) == ["bias": [4]])
    #expect(LayerNorm([7]).summary == "LayerNorm(7)")
    #expect(LayerNorm(axes: 2).summary == "LayerNorm(2 axes)")
    #expect(GroupNorm(groups: 2, 4).summary == "GroupNorm(2 groups of 4)")
  }

  @Test("An input that a layer cannot normalise is refused with what would do")
  func errors() {
    func problem(_ layer: any Layer, _ input: Shape) -> String? {
      #expect(throws: ModelError.self) { try layer.build(input: input) }?.problem
    }
    #expect(
      problem(LayerNorm(axes: 2), [4])
        == "LayerNorm normalises over 2 axes, but its input has shape [4]")
    #expect(
      problem(RMSNorm([3]), [4]) == "RMSNorm has shape [3], but its input has shape [4]")
    #expect(
      problem(GroupNorm(groups: 3), [8, 2])
        == "GroupNorm has 3 groups, which do not divide the 8 channels of its input; 1, 2, 4, 8 do")
    #expect(
      problem(GroupNorm(groups: 4), [4])
        == "GroupNorm has 4 groups for an input of shape [4]; a group of one value has no variance, so fewer groups are needed"
    )
    #expect(
      problem(InstanceNorm(), [4])
        == "InstanceNorm needs an input [c, …] of several positions for each channel, not [4]; a single value has no variance"
    )
    #expect(
      problem(MeanOnlyBatchNorm(3), [4])
        == "MeanOnlyBatchNorm has 3 channels, but its input has shape [4]")
  }
}
