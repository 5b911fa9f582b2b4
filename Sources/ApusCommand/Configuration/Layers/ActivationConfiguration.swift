import Tensors
import NeuralNetworks
import Yams

/// Activations, each of which is a layer by its own name.
extension LayerConfiguration {
  static func activation(_ choice: Choice) throws -> (any Layer, Node) {
    let (setting, resolved) = try choice.setting(.number(.any))
    guard let activation = Activation.named(choice.name, setting: setting) else {
      throw choice.wrongSetting(isMissing: setting == nil)
    }
    return (ActivationLayer(activation), resolved)
  }
}
