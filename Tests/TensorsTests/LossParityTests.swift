import Compute
import Tensors
import TestSupport
import Testing

/// Losses beside the values and gradients that PyTorch computed from the same numbers.
@Suite struct LossParityTests {
  /// Sums of a few terms, each a few roundings, here and in PyTorch.
  private static let few = 32.0

  private func check(
    _ golden: GoldenCase, _ inputs: [String], in setting: Setting, epsilons: Double = few,
    _ function: @escaping @Sendable ([Tensor]) -> Tensor
  ) throws {
    try Parity(golden, inputs, function: function).check(in: setting, epsilons: epsilons)
  }

  /// The labels of a case, beside a tensor.
  private static func labels(_ golden: GoldenCase, beside x: Tensor) -> Tensor {
    golden.tensor("labels", Setting(x.device, x.dtype))
  }

  private static func weights(beside x: Tensor) -> Tensor {
    Golden.training.tensor("class_weights", Setting(x.device, x.dtype))
  }

  @Test("Losses have PyTorch's values and gradients", arguments: Setting.all)
  func losses(setting: Setting) throws {
    let golden = Golden.losses
    for (name, smoothing) in [
      ("cross_entropy", 0), ("cross_entropy_extreme_logits", 0),
      ("cross_entropy_smoothing_0.1", 0.1),
    ] {
      try check(golden[name], ["logits"], in: setting) {
        crossEntropy(
          $0[0], Self.labels(golden[name], beside: $0[0]), labelSmoothing: smoothing)
      }
    }
    // The golden value itself is off by 100 ε: PyTorch's formula cancels where ours does not.
    try check(golden["bce_with_logits"], ["logits", "targets"], in: setting, epsilons: 128) {
      binaryCrossEntropy($0[0], $0[1])
    }
    let pair = ["prediction", "target"]
    try check(golden["mse"], pair, in: setting) { meanSquaredError($0[0], $0[1]) }
    try check(golden["l1"], pair, in: setting) { meanAbsoluteError($0[0], $0[1]) }
    try check(golden["huber_1"], pair, in: setting) { huber($0[0], $0[1]) }
    try check(golden["multiclass_hinge"], ["logits"], in: setting) {
      multiclassHinge($0[0], Self.labels(golden["multiclass_hinge"], beside: $0[0]))
    }
  }

  @Test(
    "Cross-entropy has PyTorch's smoothing and weights, of labels and of distributions",
    arguments: Setting.all)
  func crossEntropies(setting: Setting) throws {
    for (name, smoothing, isWeighted) in [
      ("smoothing", 0.3, false), ("weights", 0, true), ("weights_smoothing", 0.3, true),
    ] {
      for reduction in ["mean", "none"] {
        let byLabel = Golden.training["cross_entropy_\(name)_\(reduction)"]
        try check(byLabel, ["logits"], in: setting) { x in
          let labels = Self.labels(byLabel, beside: x[0])
          let weights = isWeighted ? Self.weights(beside: x[0]) : nil
          return reduction == "mean"
            ? crossEntropy(x[0], labels, labelSmoothing: smoothing, classWeights: weights)
            : crossEntropyPerExample(x[0], labels, labelSmoothing: smoothing, classWeights: weights)
        }
        try check(
          Golden.training["cross_entropy_distributions_\(name)_\(reduction)"],
          ["logits", "targets"], in: setting
        ) { x in
          let weights = isWeighted ? Self.weights(beside: x[0]) : nil
          return reduction == "mean"
            ? crossEntropy(x[0], x[1], labelSmoothing: smoothing, classWeights: weights)
            : crossEntropyPerExample(x[0], x[1], labelSmoothing: smoothing, classWeights: weights)
        }
      }
    }
    let extreme = Golden.training["cross_entropy_distributions_extreme"]
    try check(extreme, ["logits"], in: setting) { x in
      crossEntropyPerExample(x[0], extreme.tensor("targets", Setting(x[0].device, x[0].dtype)))
    }
  }

  @Test("The divergence is PyTorch's, which takes log-probabilities", arguments: Setting.all)
  func divergence(setting: Setting) throws {
    let inputs = ["logits", "targets"]
    try check(Golden.training["kl_mean"], inputs, in: setting) { klDivergence($0[0], $0[1]) }
    try check(Golden.training["kl_none"], inputs, in: setting) {
      klDivergencePerExample($0[0], $0[1])
    }
    // The derivative in a target of 0 is a convention, so only the logits' are compared.
    try check(Golden.training["kl_extreme"], ["logits"], in: setting) { x in
      klDivergencePerExample(
        x[0],
        Golden.training["kl_extreme"].tensor("targets", Setting(x[0].device, x[0].dtype)))
    }
  }

  @Test("The hinge has PyTorch's weights, margin and range", arguments: Setting.all)
  func hinge(setting: Setting) throws {
    for reduction in ["mean", "none"] {
      let golden = Golden.training["hinge_weights_\(reduction)"]
      try check(golden, ["logits"], in: setting) { x in
        let labels = Self.labels(golden, beside: x[0])
        let weights = Self.weights(beside: x[0])
        return reduction == "mean"
          ? multiclassHinge(x[0], labels, margin: 0.7, classWeights: weights)
          : multiclassHingePerExample(x[0], labels, margin: 0.7, classWeights: weights)
      }
    }
    let extreme = Golden.training["hinge_extreme"]
    try check(extreme, ["logits"], in: setting) {
      multiclassHingePerExample($0[0], Self.labels(extreme, beside: $0[0]))
    }
  }

  @Test("Losses of single entries have PyTorch's values example by example", arguments: Setting.all)
  func perExample(setting: Setting) throws {
    let pair = ["prediction", "target"]
    let golden = Golden.training
    try check(golden["mse_none"], pair, in: setting) { meanSquaredErrorPerExample($0[0], $0[1]) }
    try check(golden["l1_none"], pair, in: setting) { meanAbsoluteErrorPerExample($0[0], $0[1]) }
    try check(golden["huber_0.5_none"], pair, in: setting) {
      huberPerExample($0[0], $0[1], delta: 0.5)
    }
    try check(golden["huber_0.5_mean"], pair, in: setting) { huber($0[0], $0[1], delta: 0.5) }
    let inputs = ["logits", "targets"]
    try check(golden["bce_positive_weight_mean"], inputs, in: setting) {
      binaryCrossEntropy($0[0], $0[1], positiveWeight: 3)
    }
    let rows = ["logits", "targets"].map {
      golden.tensor("bce_positive_weight_none/\($0)", setting)
    }
    let expected = golden.values("bce_positive_weight_none/y")
    try expectClose(
      binaryCrossEntropyPerExample(rows[0], rows[1], positiveWeight: 3),
      (0..<7).map { expected[$0 * 5..<($0 + 1) * 5].reduce(0, +) / 5 },
      .norm(Self.few * setting.epsilon))
  }
}
