import Compute
import Tensors
import TestSupport
import Testing

/// Operations beside the values and gradients that PyTorch computed from the same numbers.
@Suite struct ParityTests {
  /// A function and its gradient are a few roundings each, here and in PyTorch.
  private static let elementwise = 16.0
  /// Sums of up to some hundred terms: √K roundings, on terms that are larger than their sum.
  private static let sums = 64.0

  private static let activations: [(name: String, activation: Activation)] = [
    ("identity", .identity), ("relu", .relu), ("leaky_relu_0.01", .leakyReLU(slope: 0.01)),
    ("elu_1", .elu()), ("elu_0.5", .elu(alpha: 0.5)), ("selu", .selu), ("celu_1", .celu()),
    ("relu6", .relu6), ("sigmoid", .sigmoid), ("hardsigmoid", .hardSigmoid), ("tanh", .tanh),
    ("hardtanh", .hardTanh), ("softsign", .softsign), ("softplus", .softplus), ("silu", .silu),
    ("hardswish", .hardSwish), ("gelu", .gelu), ("gelu_tanh", .geluTanh), ("mish", .mish),
    ("gaussian", .gaussian), ("square", .square), ("signed_square", .signedSquare), ("sin", .sin),
    ("cos", .cos),
  ]

  /// Where two terms cancel, in PyTorch's formula and here, the digits that are left differ.
  private static let cancelling: Set = ["gelu", "gelu_tanh", "hardswish", "hardsigmoid"]

  @Test("Activations have PyTorch's values and gradients", arguments: Setting.all)
  func activations(setting: Setting) throws {
    for (name, activation) in setting.chosen(Self.activations) {
      let golden = Golden.activations[name]
      // PyTorch's gradient of hardsigmoid has 1/6 in float32, whatever the dtype.
      let isCoarse = name == "hardsigmoid" && setting.dtype == .float64
      try Parity(golden, ["x"]) { activation($0[0]) }
        .check(in: setting, epsilons: isCoarse ? 0x1p27 : Self.elementwise)
      // The tails, which a norm does not see.
      guard setting.dtype == .float64, !Self.cancelling.contains(name) else { continue }
      try expectClose(
        activation(golden.tensor("x", setting)), golden.values("y"), .ulps(Self.elementwise), name)
    }
  }

  @Test(
    "Activations of several features have PyTorch's values and gradients", arguments: Setting.all)
  func featureActivations(setting: Setting) throws {
    func check(
      _ name: String, _ inputs: [String] = ["x"],
      _ function: @escaping @Sendable ([Tensor]) -> Tensor
    ) throws {
      try Parity(Golden.activations[name], inputs, function: function).check(
        in: setting, epsilons: Self.elementwise)
    }
    try check("prelu", ["x", "w"]) { prelu($0[0], slope: $0[1]) }
    try check("glu") { glu($0[0]) }
    try check("maxout_groups_of_consecutive") { maxout($0[0], pieces: 3) }
    try check("softmax") { softmax($0[0]) }
    try check("log_softmax") { logSoftmax($0[0]) }
  }

  @Test("Matrix products have PyTorch's values and gradients", arguments: Setting.all)
  func products(setting: Setting) throws {
    let cases = (0...5).map { "matmul_nn_\($0)" } + ["matmul_batched", "matmul_broadcast_batch"]
    for name in cases {
      try Parity(Golden.linear[name], ["a", "b"]) { $0[0].matmul($0[1]) }
        .check(in: setting, epsilons: Self.sums)
      // The same product of transposes, which are views.
      try Parity(Golden.linear[name], ["a", "b"]) {
        $0[1].transposed().matmul($0[0].transposed()).transposed()
      }.check(in: setting, epsilons: Self.sums)
    }
  }

  @Test("A fully connected layer has PyTorch's values and gradients", arguments: Setting.all)
  func fullyConnected(setting: Setting) throws {
    try Parity(Golden.linear["linear"], ["x", "weight", "bias"]) {
      linear($0[0], weight: $0[1], bias: $0[2])
    }.check(in: setting, epsilons: Self.sums)
  }

  @Test("Normalisations have PyTorch's values and gradients", arguments: Setting.all)
  func normalizations(setting: Setting) throws {
    func check(
      _ name: String, _ inputs: [String], epsilon: Double = 1e-5, epsilons: Double = Self.sums,
      mode: NormalizationMode = .meanAndVariance,
      _ geometry: @escaping @Sendable (Shape) -> NormalizationGeometry
    ) throws {
      try Parity(Golden.normalization[name], inputs) { x in
        normalize(
          x[0], geometry: geometry(x[0].shape), mode: mode, epsilon: epsilon,
          scale: inputs.firstIndex(of: "weight").map { x[$0] },
          shift: inputs.firstIndex(of: "bias").map { x[$0] }
        ).output
      }.check(in: setting, epsilons: epsilons)
    }
    let affine = ["x", "weight", "bias"]
    for number in [0, 1, 3] { try check("batch_norm_train_\(number)", affine) { .batch($0) } }
    // Of two examples the gradient is ε / (variance + ε) times its terms, which cancel.
    try check("batch_norm_train_2", affine, epsilons: Self.sums * 1e5) { .batch($0) }
    for groups in [1, 3, 4, 12] {
      try check("group_norm_\(groups)", affine) { .group($0, groups: groups) }
    }
    try check("instance_norm", affine) { .group($0, groups: 12) }
    try check("layer_norm", affine) { .layer($0) }
    try check("rms_norm", ["x", "weight"], epsilon: 1e-6, mode: .meanSquare) { .layer($0) }
    try check("mean_only_batch_norm_train", ["x", "bias"], mode: .mean) { .batch($0) }
    try Parity(Golden.normalization["weight_norm_linear"], ["x", "v", "gain", "bias"]) { x in
      let direction = normalize(
        x[1], geometry: .layer(x[1].shape), mode: .sumOfSquares, epsilon: 0
      ).output
      return linear(x[0], weight: direction * x[2].expandingShape(at: 1), bias: x[3])
    }.check(in: setting, epsilons: Self.sums)
  }

  @Test(
    "Normalising by given statistics has PyTorch's values and gradients",
    arguments: Setting.all)
  func normalizationInEvaluation(setting: Setting) throws {
    for number in 0...3 {
      let golden = Golden.normalization["batch_norm_eval_\(number)"]
      let space = Shape([Int](repeating: 1, count: golden.shape("x").rank - 2))
      try Parity(golden, ["x", "weight", "bias"]) { x in
        let here = Setting(x[0].device, x[0].dtype)
        func aligned(_ values: Tensor) -> Tensor {
          values.reshaped(to: Shape(values.shape.dimensions + space.dimensions))
        }
        return normalize(
          x[0], mean: aligned(golden.tensor("running_mean_before", here)),
          variance: aligned(golden.tensor("running_var_before", here)), epsilon: 1e-5,
          scale: aligned(x[1]), shift: aligned(x[2]))
      }.check(in: setting, epsilons: Self.sums)
    }
  }
}
