import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// Layers and training runs beside what PyTorch made of the same numbers.
@Suite struct ParityTests {
  /// The closeness that PyTorch's own rounding allows over a training run, in float64.
  private static let relative = 1e-10

  // MARK: Batch normalisation

  @Test("Batch normalisation has PyTorch's running estimates", arguments: Setting.all)
  func runningEstimates(setting: Setting) throws {
    for number in 0...3 {
      for mode in [Module.Mode.training, .evaluation] {
        let name = "batch_norm_\(mode == .training ? "train" : "eval")_\(number)"
        let golden = Golden.normalization[name]
        let layer = BatchNorm(golden.shape("weight")[0])
        layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
        layer.weight?.assign(golden.tensor("weight", setting))
        layer.bias?.assign(golden.tensor("bias", setting))
        layer.$runningMean.assign(golden.tensor("running_mean_before", setting))
        layer.$runningVariance.assign(golden.tensor("running_var_before", setting))
        layer.mode = mode
        let y = layer(golden.tensor("x", setting))
        // The sums of up to 257 terms, and inputs that float32 rounds.
        let close = Tolerance.norm(64 * setting.epsilon)
        try expectClose(layer.runningMean, golden.values("running_mean_after"), close, name)
        try expectClose(layer.runningVariance, golden.values("running_var_after"), close, name)
        try expectClose(layer.batchCount, [mode == .training ? 1 : 0], .exact, name)
        // Where two examples are nearly equal their difference keeps few digits of float32.
        if setting.dtype == .float64 || number != 2 {
          try expectClose(y, golden.values("y"), close, name)
        }
      }
    }
  }

  // MARK: Training runs

  /// What a training run leaves: losses, outputs, and the final state by name.
  private struct Run {
    var losses: [Double] = []
    var output: [Double] = []
    var state: [String: [Double]] = [:]
  }

  private func run(
    _ golden: GoldenCase, _ model: Sequential, with optimizer: Optimizer, loss: Loss,
    noise: Set<String> = [], in setting: Setting
  ) throws -> Run {
    let step = TrainingStep<Examples>(model, optimizer) {
      loss.value(model($0.inputs), $0.targets)
    }
    let inputs = golden.tensor("inputs", setting)
    let labels = golden.tensor("labels", setting)
    var run = Run()
    for number in 0..<inputs.shape[0] {
      let value = try step(Examples(inputs: inputs[number], targets: labels[number]))
      run.losses.append(try value.item(of: Double.self))
    }
    try step.finish()
    #expect(try optimizer.stepCount() == inputs.shape[0])
    for array in try model.savedState().arrays {
      run.state[array.name] = try array.bytes.withUnsafeBytes {
        try Tensor.converting(
          $0, from: array.dtype, shape: array.shape, to: .float64, on: .reference
        ).array(of: Double.self)
      }
    }
    // What is only noise is taken from PyTorch, so that the outputs show all the rest.
    for name in noise {
      model.parameters[name]?.assign(golden.tensor("after/\(name)", setting))
      model.runningStates[name]?.assign(golden.tensor("after/\(name)", setting))
    }
    run.output = try predict(model, inputs[-1]).array(of: Double.self)
    return run
  }

  /// Holds a run in float64 to PyTorch's, and in float32 to the reference's of both dtypes.
  ///
  /// `noise` names what depends on gradients that are zero but for rounding, of which Adam makes
  /// steps: PyTorch differs from itself by up to 6e-9 there when the batch is permuted.
  private func check(
    _ name: String, in setting: Setting, noise: Set<String> = [],
    run: (GoldenCase, Setting) throws -> Run
  ) throws {
    let golden = Golden.models[name]
    let actual = try run(golden, setting)
    func expect(
      _ what: String, _ values: [Double], _ truth: [Double], _ reference: [Double]?,
      _ tolerance: Tolerance
    ) {
      let tolerance = reference.map { .yardstick($0, truth: truth, setting) } ?? tolerance
      let closeness = Closeness(values, truth, tolerance, dtype: setting.dtype)
      #expect(closeness.holds, "\(name), \(what) in \(setting): \(closeness)")
    }
    let after = golden.state("after")
    #expect(Set(actual.state.keys) == Set(after.arrays.map(\.name)))
    if setting.dtype == .float64 {
      let losses = golden.values("losses")
      for (step, (loss, expected)) in zip(actual.losses, losses).enumerated() {
        expectClose(loss, expected, .norm(Self.relative), "\(name), loss \(step) in \(setting)")
      }
      #expect(actual.losses.count == losses.count)
      expect(
        "outputs", actual.output, golden.values("eval_output_last_batch"), nil,
        .norm(Self.relative))
      for array in after.arrays {
        let values = try golden.tensor("after/\(array.name)", setting).array(of: Double.self)
        expect(
          array.name, actual.state[array.name] ?? [], values, nil,
          noise.contains(array.name) ? .absolute(1e-7) : .norm(Self.relative))
      }
      return
    }
    let truth = try run(golden, Setting(.reference, .float64))
    let reference = try run(golden, Setting(.reference, .float32))
    expect("losses", actual.losses, truth.losses, reference.losses, .exact)
    expect("outputs", actual.output, truth.output, reference.output, .exact)
    for (name, values) in actual.state where !noise.contains(name) {
      expect(name, values, truth.state[name] ?? [], reference.state[name], .exact)
    }
  }

  @Test(
    "A network with batch norm, trained by Adam, goes PyTorch's way step by step",
    arguments: Setting.all)
  func batchNormAdam(setting: Setting) throws {
    let noise: Set = ["0.bias", "3.bias", "1.running_mean", "4.running_mean"]
    try check("mlp_bn_relu_adam", in: setting, noise: noise) {
      golden, setting in
      let model = try Sequential(input: [8], seed: 1, on: setting.device, dtype: setting.dtype) {
        Linear(16)
        BatchNorm()
        ReLU()
        Linear(12)
        BatchNorm()
        Tanh()
        Linear(4)
      }
      try model.load(golden.state("before"))
      return try run(
        golden, model, with: Adam(model, learningRate: 0.01), loss: .crossEntropy,
        noise: noise, in: setting)
    }
  }

  @Test(
    "A network of sigmoids, trained with momentum, goes PyTorch's way step by step",
    arguments: Setting.all)
  func sigmoidMomentum(setting: Setting) throws {
    try check("mlp_sigmoid_sgd_momentum", in: setting) { golden, setting in
      let model = try Sequential(input: [2], seed: 1, on: setting.device, dtype: setting.dtype) {
        Linear(3)
        Activation.sigmoid
        Linear(1)
      }
      try model.load(golden.state("before"))
      return try run(
        golden, model, with: SGD(model, learningRate: 0.5, momentum: 0.9),
        loss: .binaryCrossEntropy, in: setting)
    }
  }

  @Test(
    "A network with layer norm, trained by AdamW, goes PyTorch's way step by step",
    arguments: Setting.all)
  func layerNormAdamW(setting: Setting) throws {
    try check("mlp_layernorm_elu_adamw", in: setting) { golden, setting in
      let model = try Sequential(input: [6], seed: 1, on: setting.device, dtype: setting.dtype) {
        Linear(20)
        LayerNorm()
        ELU()
        Linear(5)
      }
      try model.load(golden.state("before"))
      return try run(
        golden, model, with: AdamW(model, learningRate: 0.005, weightDecay: 0.05),
        loss: .crossEntropy, in: setting)
    }
  }

  @Test(
    "A network with convolutions, batch norm and group norm goes PyTorch's way step by step",
    arguments: Setting.all)
  func convolutions(setting: Setting) throws {
    let noise: Set = ["1.bias", "2.running_mean"]
    try check("cnn_bn_groupnorm", in: setting, noise: noise) { golden, setting in
      let model = try Sequential(input: [64], seed: 1, on: setting.device, dtype: setting.dtype) {
        Reshape([1, 8, 8])
        Conv2D(4, kernel: 3, padding: .same)
        BatchNorm()
        ReLU()
        MaxPool2D(2)
        Conv2D(8, kernel: 3, padding: .same)
        GroupNorm(groups: 2)
        LeakyReLU()
        AveragePool2D(2)
        Flatten()
        Linear(3)
      }
      try model.load(golden.state("before"))
      return try run(
        golden, model,
        with: SGD(model, learningRate: 0.1, momentum: 0.9, isNesterov: true),
        loss: .crossEntropy, noise: noise, in: setting)
    }
  }
}
