import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

import func Foundation.pow

@Suite struct AdamTests {
  private struct Settings {
    var rate = 0.05
    var beta1 = 0.9
    var beta2 = 0.999
    var epsilon = 1e-8
    var decay = 0.0
  }

  private static let cases = [
    Settings(), Settings(beta1: 0, beta2: 0.9), Settings(beta1: 0.5, beta2: 0.5, decay: 0.1),
    Settings(rate: 0.01, epsilon: 0.1, decay: 0.01),
  ]

  private func step(
    _ settings: Settings, _ p: Double, _ g: Double, _ t: Int, _ states: inout [Double]
  ) -> Double {
    states[0] = settings.beta1 * states[0] + (1 - settings.beta1) * g
    states[1] = settings.beta2 * states[1] + (1 - settings.beta2) * g * g
    let mean = states[0] / (1 - pow(settings.beta1, Double(t)))
    let square = states[1] / (1 - pow(settings.beta2, Double(t)))
    return p - settings.rate * mean / (square.squareRoot() + settings.epsilon)
  }

  @Test("Adam takes each number the way of its own loop", arguments: Setting.all)
  func adam(setting: Setting) throws {
    for settings in Self.cases {
      try expectTrajectory(setting, "\(settings)") {
        Adam(
          $0, learningRate: settings.rate, beta1: settings.beta1, beta2: settings.beta2,
          epsilon: settings.epsilon, weightDecay: settings.decay)
      } rule: { p, g, t, states in
        step(settings, p, g + settings.decay * p, t, &states)
      }
    }
  }

  @Test("AdamW shrinks the parameter itself", arguments: Setting.all)
  func adamW(setting: Setting) throws {
    for settings in Self.cases {
      try expectTrajectory(setting, "\(settings)") {
        AdamW(
          $0, learningRate: settings.rate, beta1: settings.beta1, beta2: settings.beta2,
          epsilon: settings.epsilon, weightDecay: settings.decay)
      } rule: { p, g, t, states in
        step(settings, p * (1 - settings.rate * settings.decay), g, t, &states)
      }
    }
  }

  @Test("The usual settings are PyTorch's", arguments: Setting.all)
  func defaults(setting: Setting) throws {
    let settings = Settings(rate: 1e-3)
    try expectTrajectory(setting, steps: 3, "Adam") {
      Adam($0)
    } rule: {
      step(settings, $0, $1, $2, &$3)
    }
    try expectTrajectory(setting, steps: 3, "AdamW") {
      AdamW($0)
    } rule: {
      step(settings, $0 * (1 - 1e-3 * 0.01), $1, $2, &$3)
    }
  }
}
