import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct SGDTests {
  @Test("Each number goes the way of its own loop", arguments: Setting.all)
  func trajectories(setting: Setting) throws {
    for (momentum, isNesterov, weightDecay) in [
      (0.0, false, 0.0), (0, false, 0.1), (0.9, false, 0), (0.5, false, 0.1), (0.9, true, 0),
      (0.5, true, 0.1),
    ] {
      try expectTrajectory(setting, "\(momentum) \(isNesterov) \(weightDecay)") {
        SGD(
          $0, learningRate: 0.1, momentum: momentum, isNesterov: isNesterov,
          weightDecay: weightDecay)
      } rule: { p, gradient, _, states in
        let g = gradient + weightDecay * p
        states[0] = momentum * states[0] + g
        return p - 0.1 * (isNesterov ? g + momentum * states[0] : states[0])
      }
    }
  }
}
