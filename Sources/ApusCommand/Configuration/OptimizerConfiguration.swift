import Compute
import NeuralNetworks
import Yams

/// The key `optimizer`: how the parameters are moved.
struct OptimizerConfiguration {
  /// The name, and the setting that matters most, for people.
  let summary: String
  /// How many numbers it keeps for each parameter.
  let stateCount: Int
  private let rule: Rule
  private let groups: [GroupConfiguration]

  /// Makes the optimiser of an initialised network.
  private typealias Make = (Module, Regularization, [ParameterGroup]) -> Optimizer
  private typealias Rule = (stateCount: Int, make: Make)

  private enum Kind: String, CaseIterable {
    case sgd
    case adagrad
    case adadelta
    case rmsProp
    case adam
    case adamW
    case nadam

    /// PyTorch's learning rate; that of SGD has none.
    var usualLearningRate: Double {
      switch self {
      case .sgd, .adagrad, .rmsProp: 0.01
      case .adadelta: 1
      case .adam, .adamW: 1e-3
      case .nadam: 2e-3
      }
    }
  }

  /// What the field also calls them, in lower case, for suggestions.
  private static let synonyms = [
    "momentum": "sgd", "nesterov": "sgd", "amsgrad": "adam", "gradientdescent": "sgd",
  ]

  /// Reads the choice; without one it is Adam with its usual settings.
  init(_ section: ConfigurationSection, key: String) throws {
    let place = section.place(of: key)
    var node = section.node(key) ?? Node(Kind.adam.rawValue)
    var groupsNode: Node?
    if let mapping = node.mapping, let entry = mapping.first(where: { $0.key == Node("groups") }) {
      groupsNode = entry.value
      node = .mapping(
        Node.Mapping(
          mapping.filter { $0.key != entry.key }.map { ($0.key, $0.value) }, .implicit, .any,
          mapping.mark))
    }
    let choice = try Choice(
      node, at: place, of: "an optimizer", among: Kind.allCases.map(\.rawValue),
      synonyms: Self.synonyms)
    let kind = Kind(rawValue: choice.name) ?? .adam
    let (settings, resolved) = try choice.settings(shortKey: "learningRate") { section in
      let learningRate = try section.value(
        "learningRate", .number(.positive), default: kind.usualLearningRate)
      return (learningRate, try Self.rule(kind, section, learningRate: learningRate))
    }
    summary = "\(kind.rawValue), learning rate \(settings.0)"
    rule = settings.1
    stateCount = rule.stateCount
    guard let groupsNode else {
      section.record(key, resolved)
      groups = []
      return
    }
    let groups = try GroupConfiguration.all(in: groupsNode, at: place.inside("groups", line: nil))
    self.groups = groups
    // The choice as it was understood is a mapping, since each has a learning rate.
    let own = resolved.mapping.map { $0.map { ($0.key, $0.value) } } ?? []
    section.record(key, Node(own + [(Node("groups"), Node(groups.map(\.resolved)))]))
  }

  /// Makes the optimiser of an initialised network.
  func make(_ network: Module, _ regularization: Regularization) -> Optimizer {
    rule.make(network, regularization, groups.map(\.group))
  }

  /// Checks that each group has parameters in a built network.
  func checkGroups(of network: Module) throws(ConfigurationError) {
    for group in groups { try group.check(network) }
  }

  // MARK: - Rules

  private static func rule(
    _ kind: Kind, _ section: ConfigurationSection, learningRate: Double
  ) throws -> Rule {
    switch kind {
    case .sgd: try sgd(section, learningRate)
    case .adagrad: try adagrad(section, learningRate)
    case .adadelta: try adadelta(section, learningRate)
    case .rmsProp: try rmsProp(section, learningRate)
    case .adam, .adamW: try adam(section, learningRate, isDecoupled: kind == .adamW)
    case .nadam: try nadam(section, learningRate)
    }
  }

  private static func weightDecay(
    _ section: ConfigurationSection, usual: Double = 0
  ) throws -> Double {
    try section.value("weightDecay", .number(.nonNegative), default: usual)
  }

  private static func epsilon(_ section: ConfigurationSection, usual: Double) throws -> Double {
    try section.value("eps", .number(.positive), default: usual)
  }

  private static func betas(_ section: ConfigurationSection) throws -> (Double, Double) {
    (
      try section.value("beta1", .number(.fraction), default: 0.9),
      try section.value("beta2", .number(.fraction), default: 0.999)
    )
  }

  private static func sgd(_ section: ConfigurationSection, _ learningRate: Double) throws -> Rule {
    let momentum = try section.value("momentum", .number(.fraction), default: 0)
    let isNesterov = try section.value("nesterov", .flag, default: false)
    let weightDecay = try weightDecay(section)
    guard !isNesterov || momentum > 0 else {
      throw ConfigurationError(
        section.place(of: "nesterov"), "the momentum is 0; expected 'momentum: 0.9' or the like")
    }
    return (
      momentum > 0 ? 1 : 0,
      {
        SGD(
          $0, learningRate: learningRate, momentum: momentum, isNesterov: isNesterov,
          weightDecay: weightDecay, regularization: $1, groups: $2)
      }
    )
  }

  private static func adagrad(
    _ section: ConfigurationSection, _ learningRate: Double
  ) throws -> Rule {
    let decay = try section.value("learningRateDecay", .number(.nonNegative), default: 0)
    let start = try section.value("initialAccumulator", .number(.nonNegative), default: 0)
    let epsilon = try epsilon(section, usual: 1e-10)
    let weightDecay = try weightDecay(section)
    return (
      1,
      {
        Adagrad(
          $0, learningRate: learningRate, learningRateDecay: decay, initialAccumulator: start,
          epsilon: epsilon, weightDecay: weightDecay, regularization: $1, groups: $2)
      }
    )
  }

  private static func adadelta(
    _ section: ConfigurationSection, _ learningRate: Double
  ) throws -> Rule {
    let rho = try section.value("rho", .number(.fraction), default: 0.9)
    let epsilon = try epsilon(section, usual: 1e-6)
    let weightDecay = try weightDecay(section)
    return (
      2,
      {
        Adadelta(
          $0, learningRate: learningRate, rho: rho, epsilon: epsilon, weightDecay: weightDecay,
          regularization: $1, groups: $2)
      }
    )
  }

  private static func rmsProp(
    _ section: ConfigurationSection, _ learningRate: Double
  ) throws -> Rule {
    let alpha = try section.value("alpha", .number(.fraction), default: 0.99)
    let epsilon = try epsilon(section, usual: 1e-8)
    let momentum = try section.value("momentum", .number(.fraction), default: 0)
    let isCentered = try section.value("centered", .flag, default: false)
    let weightDecay = try weightDecay(section)
    return (
      1 + (isCentered ? 1 : 0) + (momentum > 0 ? 1 : 0),
      {
        RMSProp(
          $0, learningRate: learningRate, alpha: alpha, epsilon: epsilon, momentum: momentum,
          isCentered: isCentered, weightDecay: weightDecay, regularization: $1, groups: $2)
      }
    )
  }

  private static func adam(
    _ section: ConfigurationSection, _ learningRate: Double, isDecoupled: Bool
  ) throws -> Rule {
    let (beta1, beta2) = try betas(section)
    let epsilon = try epsilon(section, usual: 1e-8)
    let weightDecay = try weightDecay(section, usual: isDecoupled ? 0.01 : 0)
    let isAMSGrad = try section.value("amsgrad", .flag, default: false)
    return (
      isAMSGrad ? 3 : 2,
      {
        isDecoupled
          ? AdamW(
            $0, learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
            weightDecay: weightDecay, isAMSGrad: isAMSGrad, regularization: $1, groups: $2)
          : Adam(
            $0, learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
            weightDecay: weightDecay, isAMSGrad: isAMSGrad, regularization: $1, groups: $2)
      }
    )
  }

  private static func nadam(
    _ section: ConfigurationSection, _ learningRate: Double
  ) throws -> Rule {
    let (beta1, beta2) = try betas(section)
    let epsilon = try epsilon(section, usual: 1e-8)
    let momentumDecay = try section.value("momentumDecay", .number(.nonNegative), default: 4e-3)
    let weightDecay = try weightDecay(section)
    let isDecoupled = try section.value("decoupled", .flag, default: false)
    return (
      2,
      {
        NAdam(
          $0, learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
          momentumDecay: momentumDecay, weightDecay: weightDecay, isDecoupled: isDecoupled,
          regularization: $1, groups: $2)
      }
    )
  }
}
