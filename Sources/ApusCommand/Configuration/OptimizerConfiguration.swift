import NeuralNetworks
import Yams

/// The key `optimizer`: how the parameters are moved.
struct OptimizerConfiguration {
  /// The name, and the setting that matters most, for people.
  let summary: String
  /// How many numbers it keeps for each parameter.
  let stateCount: Int
  /// Makes the optimiser of an initialised network.
  let make: (Module) -> Optimizer

  private enum Kind: String, CaseIterable {
    case sgd
    case adam
    case adamW
  }

  /// Reads the choice; without one it is Adam with its usual settings.
  init(_ section: ConfigurationSection, key: String) throws {
    let choice = try Choice(
      section.node(key) ?? Node(Kind.adam.rawValue), at: section.place(of: key),
      of: "an optimizer", among: Kind.allCases.map(\.rawValue))
    let (optimizer, resolved) = try choice.settings(shortKey: "learningRate") { settings in
      try Self(settings, kind: Kind(rawValue: choice.name) ?? .adam)
    }
    section.record(key, resolved)
    self = optimizer
  }

  private init(_ section: ConfigurationSection, kind: Kind) throws {
    let learningRate = try section.value(
      "learningRate", .number(.positive), default: kind == .sgd ? 0.01 : 1e-3)
    summary = "\(kind.rawValue), learning rate \(learningRate)"
    switch kind {
    case .sgd: (stateCount, make) = try Self.sgd(section, learningRate: learningRate)
    case .adam, .adamW:
      (stateCount, make) = try Self.adam(section, kind: kind, learningRate: learningRate)
    }
  }

  private static func sgd(
    _ section: ConfigurationSection, learningRate: Double
  ) throws -> (stateCount: Int, make: (Module) -> Optimizer) {
    let momentum = try section.value("momentum", .number(.fraction), default: 0)
    let isNesterov = try section.value("nesterov", .flag, default: false)
    let weightDecay = try section.value("weightDecay", .number(.nonNegative), default: 0)
    guard !isNesterov || momentum > 0 else {
      throw ConfigurationError(
        section.place(of: "nesterov"), "the momentum is 0; expected 'momentum: 0.9' or the like")
    }
    return (
      momentum > 0 ? 1 : 0,
      {
        SGD(
          $0, learningRate: learningRate, momentum: momentum, isNesterov: isNesterov,
          weightDecay: weightDecay)
      }
    )
  }

  private static func adam(
    _ section: ConfigurationSection, kind: Kind, learningRate: Double
  ) throws -> (stateCount: Int, make: (Module) -> Optimizer) {
    let isDecoupled = kind == .adamW
    let beta1 = try section.value("beta1", .number(.fraction), default: 0.9)
    let beta2 = try section.value("beta2", .number(.fraction), default: 0.999)
    let epsilon = try section.value("eps", .number(.positive), default: 1e-8)
    let weightDecay = try section.value(
      "weightDecay", .number(.nonNegative), default: isDecoupled ? 0.01 : 0)
    return (
      2,
      { module in
        isDecoupled
          ? AdamW(
            module, learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
            weightDecay: weightDecay)
          : Adam(
            module, learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
            weightDecay: weightDecay)
      }
    )
  }
}
