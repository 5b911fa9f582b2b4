import NeuralNetworks

/// Layers that change the shape of what passes, or the way it takes.
extension LayerReader {
  static let flatten = LayerReader { _ in Flatten() }
}
