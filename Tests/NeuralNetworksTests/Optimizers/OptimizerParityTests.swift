import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// Optimisers beside the trajectories that PyTorch made of the same gradients.
@Suite struct OptimizerParityTests {
  /// One parameter, and a loss whose gradient is what the files' README says.
  private final class Point: Module {
    @Parameter(shape: [17], initializer: .zeros) var position: Tensor
  }

  private static let stepCount = 25

  /// The positions after each of the steps.
  private func trajectory(
    _ golden: Golden, in setting: Setting, _ make: (Module) -> Optimizer
  ) throws -> [Double] {
    let point = Point()
    point.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    point.$position.assign(golden.tensor("start", setting))
    let slopes = golden.tensor("gradients", setting)
    let optimizer = make(point)
    var positions: [Double] = []
    for step in 0..<Self.stepCount {
      let (loss, gradients) = valueWithGradient(of: point) {
        (slopes[step] * point.position + 0.15 * point.position * point.position).sum()
      }
      optimizer.update(gradients, loss: loss)
      positions += try point.position.array(of: Double.self)
    }
    #expect(try optimizer.stepCount() == Self.stepCount)
    return positions
  }

  private typealias Case = (name: String, make: (Module) -> Optimizer)

  private func check(_ golden: Golden, _ cases: [Case], in setting: Setting) throws {
    for (name, make) in cases {
      // Each of the steps adds a few roundings of the parameter.
      let closeness = Closeness(
        try trajectory(golden, in: setting, make), golden.values("\(name)/trajectory"),
        .norm(64 * setting.epsilon), dtype: setting.dtype)
      #expect(closeness.holds, "\(name) in \(setting): \(closeness)")
    }
  }

  @Test("Optimisers follow PyTorch's trajectories", arguments: Setting.all)
  func optimizers(setting: Setting) throws {
    try check(
      .optimizers,
      [
        ("sgd", { SGD($0, learningRate: 0.1) }),
        ("sgd_weight_decay_0.01", { SGD($0, learningRate: 0.1, weightDecay: 0.01) }),
        ("momentum_0.9", { SGD($0, learningRate: 0.05, momentum: 0.9) }),
        ("nesterov_0.9", { SGD($0, learningRate: 0.05, momentum: 0.9, isNesterov: true) }),
        ("adagrad", { Adagrad($0, learningRate: 0.1) }),
        ("rmsprop_alpha_0.99", { RMSProp($0, learningRate: 0.01) }),
        ("adadelta", { Adadelta($0) }),
        ("adam", { Adam($0, learningRate: 0.01) }),
        ("amsgrad", { Adam($0, learningRate: 0.01, isAMSGrad: true) }),
        ("adamw_0.1", { AdamW($0, learningRate: 0.01, weightDecay: 0.1) }),
        ("nadam", { NAdam($0, learningRate: 0.01) }),
      ], in: setting)
  }

  @Test("Further settings have PyTorch's meaning", arguments: Setting.all)
  func settings(setting: Setting) throws {
    try check(
      .training,
      [
        (
          "adagrad_decays",
          {
            Adagrad(
              $0, learningRate: 0.1, learningRateDecay: 0.05, initialAccumulator: 0.2,
              epsilon: 1e-3, weightDecay: 0.1)
          }
        ),
        (
          "adadelta_decay",
          { Adadelta($0, learningRate: 0.5, rho: 0.8, epsilon: 1e-4, weightDecay: 0.1) }
        ),
        ("rmsprop_centered", { RMSProp($0, alpha: 0.9, isCentered: true) }),
        (
          "rmsprop_momentum",
          { RMSProp($0, alpha: 0.95, epsilon: 1e-4, momentum: 0.8, weightDecay: 0.1) }
        ),
        (
          "rmsprop_centered_momentum",
          { RMSProp($0, alpha: 0.95, momentum: 0.8, isCentered: true) }
        ),
        (
          "amsgrad_decay",
          {
            Adam(
              $0, learningRate: 0.05, beta1: 0.8, beta2: 0.9, weightDecay: 0.1, isAMSGrad: true)
          }
        ),
        (
          "amsgrad_decoupled",
          {
            AdamW(
              $0, learningRate: 0.05, beta1: 0.8, beta2: 0.9, weightDecay: 0.1, isAMSGrad: true)
          }
        ),
        (
          "nadam_decay",
          {
            NAdam(
              $0, learningRate: 0.02, beta1: 0.8, beta2: 0.95, momentumDecay: 0.05,
              weightDecay: 0.1)
          }
        ),
        (
          "nadam_decoupled",
          { NAdam($0, learningRate: 0.02, weightDecay: 0.1, isDecoupled: true) }
        ),
        (
          "sgd_clip_norm_1.5",
          {
            SGD($0, learningRate: 0.1, momentum: 0.9, regularization: .init(clipNorm: 1.5))
          }
        ),
        (
          "sgd_clip_value_0.4",
          {
            SGD($0, learningRate: 0.1, momentum: 0.9, regularization: .init(clipValue: 0.4))
          }
        ),
      ], in: setting)
  }
}
