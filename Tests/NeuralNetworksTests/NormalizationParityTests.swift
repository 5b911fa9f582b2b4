import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// The layers that normalise beside PyTorch's: outputs, and gradients with respect to inputs and
/// parameters.
@Suite struct NormalizationParityTests {
  /// Holds a layer to a case whose tensors after the first are its parameters, in order.
  private func check(
    _ name: String, _ inputs: [String], in setting: Setting, cancellation: Double = 1,
    make: @escaping @Sendable (GoldenCase) -> any Layer
  ) throws {
    let golden = Golden.normalization[name]
    let parity = Parity(golden, inputs) { tensors in
      let x = tensors[0]
      let layer = make(golden)
      let model = Sequential([layer])
      guard (try? model.build(input: Shape(Array(x.shape.dimensions.dropFirst())))) != nil else {
        fatalError("\(name): the layer does not take its input")
      }
      model.initialize(seed: 1, on: x.device, dtype: x.dtype)
      let here = Setting(x.device, x.dtype)
      if name.hasPrefix("batch_norm_eval") {
        model.runningStates["0.running_mean"]?.assign(golden.tensor("running_mean_before", here))
        model.runningStates["0.running_var"]?.assign(golden.tensor("running_var_before", here))
        model.mode = .evaluation
      }
      let parameters = zip(model.parameters.values, tensors.dropFirst()).map { parameter, value in
        value.reshaped(to: parameter.shape ?? value.shape)
      }
      return model.substituting(parameters) { model(x) }
    }
    // Sums of up to 360 terms, and the divisions and roots around them.
    try parity.check(in: setting, epsilons: 256 * cancellation)
  }

  @Test("Layers that normalise are PyTorch's", arguments: Setting.all)
  func layers(setting: Setting) throws {
    let affine = ["x", "weight", "bias"]
    // Of two rows any two values are normalised to ±1, so that all but ε / Var of the gradient,
    // less than a thousandth, cancels; float32 has few digits left.
    for number in setting.dtype == .float64 ? [0, 1, 2, 3] : [0, 1, 3] {
      try check(
        "batch_norm_train_\(number)", affine, in: setting, cancellation: number == 2 ? 1000 : 1
      ) { _ in BatchNorm() }
      try check("batch_norm_eval_\(number)", affine, in: setting) { _ in BatchNorm() }
    }
    for groups in [1, 3, 4, 12] {
      try check("group_norm_\(groups)", affine, in: setting) { _ in GroupNorm(groups: groups) }
    }
    try check("instance_norm", affine, in: setting) { _ in InstanceNorm(isAffine: true) }
    try check("layer_norm", affine, in: setting) { _ in LayerNorm() }
    try check("rms_norm", ["x", "weight"], in: setting) { _ in RMSNorm(epsilon: 1e-6) }
    try check("mean_only_batch_norm_train", ["x", "bias"], in: setting) { _ in MeanOnlyBatchNorm() }
    try check("weight_norm_linear", ["x", "gain", "v", "bias"], in: setting) { golden in
      WeightNorm(Linear(golden.shape("gain")[0]))
    }
    try check("weight_norm_with_mean_only_batch_norm", ["x", "gain", "v", "bias"], in: setting) {
      golden in
      Sequential {
        WeightNorm(Linear(golden.shape("gain")[0], hasBias: false))
        MeanOnlyBatchNorm()
      }
    }
  }
}
