import Compute
import NeuralNetworks

/// Layers that only act in training.
extension LayerReader {
  static let dropout = LayerReader(shortKey: "probability") { section in
    Dropout(try section.value("probability", .number(.fraction), default: 0.5))
  }
}
