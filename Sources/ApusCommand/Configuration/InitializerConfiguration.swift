import NeuralNetworks
import Yams

extension ConfigurationSection {
  /// How a parameter of a layer starts: `heNormal`, or with a setting `{normal: 0.01}`.
  func initializer(_ key: String, default usual: String = "torchLinear") throws -> Initializer {
    let choice = try Choice(
      node(key) ?? Node(usual), at: place(of: key), of: "an initializer", among: Initializer.names)
    let (setting, resolved) = try choice.setting(.number(.any))
    guard let initializer = Initializer.named(choice.name, setting: setting) else {
      throw choice.wrongSetting(isMissing: setting == nil)
    }
    record(key, resolved)
    return initializer
  }
}
