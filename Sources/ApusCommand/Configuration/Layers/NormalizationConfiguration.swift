import NeuralNetworks

/// Layers that normalise.
extension LayerReader {
  static let batchNorm = LayerReader { section in
    let momentum = try section.value("momentum", .number(.share), default: 0.1)
    let epsilon = try section.value("eps", .number(.positive), default: 1e-5)
    let isAffine = try section.value("affine", .flag, default: true)
    return BatchNorm(momentum: momentum, epsilon: epsilon, isAffine: isAffine)
  }
}
