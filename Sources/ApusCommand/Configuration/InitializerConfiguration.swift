import Compute
import NeuralNetworks
import Yams

extension ConfigurationSection {
  /// How a parameter of a layer starts: `heNormal`, with a setting `{normal: 0.01}`, or with
  /// several `{heNormal: {activation: gelu, mode: fanOut}}`.
  func initializer(_ key: String, default usual: Node = "torchLinear") throws -> Initializer {
    let choice = try Choice(
      node(key) ?? usual, at: place(of: key), of: "an initializer", among: Initializer.names)
    let builtIn = Initializer.builtIn.first { $0.name == choice.name }
    guard let builtIn, let first = builtIn.settings.first else {
      guard let initializer = builtIn?.initializer(), !choice.hasSettings else {
        throw choice.wrongSetting(isMissing: false)
      }
      record(key, Node(choice.name))
      return initializer
    }
    guard choice.hasSettings || first.usual != nil else {
      throw choice.wrongSetting(isMissing: true)
    }
    let (initializer, resolved) = try choice.settings(shortKey: first.name) {
      section -> Initializer? in try section.settled(builtIn)
    }
    guard let initializer else { throw choice.wrongSetting(isMissing: false) }
    record(key, resolved)
    return initializer
  }

  /// The initialiser with the settings of this section.
  private func settled(_ builtIn: BuiltInInitializer) throws -> Initializer? {
    let gain = builtIn.hasGain ? try gain() : nil
    let values = try builtIn.settings.map { setting in
      let usual = (setting.name == "gain" ? gain : nil) ?? setting.usual
      return if let usual {
        try value(setting.name, .number(setting.bounds), default: usual)
      } else {
        try requiredValue(setting.name, .number(setting.bounds))
      }
    }
    let mode = try builtIn.usualMode.map { usual in
      try value(
        "mode",
        .oneOf(Initializer.FanMode.allCases.map { ($0.rawValue, $0) }, name: \.rawValue),
        default: usual)
    }
    return builtIn.initializer(values, mode: mode)
  }

  /// The gain that suits the activation of the key `activation`; nil where there is none.
  private func gain() throws -> Double? {
    let key = "activation"
    guard let node = node(key) else { return nil }
    guard self.node("gain") == nil else {
      throw ConfigurationError(
        place(of: key), "there is a gain too, which it would give; expected one of them")
    }
    let gain = Initializer.gain(
      for: try ActivationConfiguration(node, at: place(of: key)).activation)
    guard gain.isFinite else {
      throw ConfigurationError(
        place(of: key),
        "the mean square of this activation is not a positive number; expected a gain")
    }
    return gain
  }
}
