import Compute
import NeuralNetworks
import Yams

/// Layers that normalise.
extension LayerReader {
  static let batchNorm = LayerReader { section in
    let momentum = try section.value("momentum", .momentum, default: 0.1)
    let epsilon = try section.value("eps", .number(.positive), default: 1e-5)
    let isAffine = try section.value("affine", .flag, default: true)
    return BatchNorm(momentum: momentum, epsilon: epsilon, isAffine: isAffine)
  }

  static let meanOnlyBatchNorm = LayerReader { section in
    let momentum = try section.value("momentum", .momentum, default: 0.1)
    let isAffine = try section.value("affine", .flag, default: true)
    return MeanOnlyBatchNorm(momentum: momentum, isAffine: isAffine)
  }

  static let layerNorm = LayerReader(shortKey: "axes") { section in
    let axes = try section.value("axes", .wholeNumber(1...16), default: 1)
    let epsilon = try section.value("eps", .number(.positive), default: 1e-5)
    let isAffine = try section.value("affine", .flag, default: true)
    let hasBias = isAffine ? try section.value("bias", .flag, default: true) : false
    return LayerNorm(axes: axes, epsilon: epsilon, isAffine: isAffine, hasBias: hasBias)
  }

  static let rmsNorm = LayerReader(shortKey: "axes") { section in
    let axes = try section.value("axes", .wholeNumber(1...16), default: 1)
    let epsilon = try section.optionalValue("eps", .number(.positive))
    let isAffine = try section.value("affine", .flag, default: true)
    return RMSNorm(axes: axes, epsilon: epsilon, isAffine: isAffine)
  }

  static let groupNorm = LayerReader(shortKey: "groups") { section in
    let groups = try section.requiredValue("groups", .wholeNumber(1...1_000_000))
    let epsilon = try section.value("eps", .number(.positive), default: 1e-5)
    let isAffine = try section.value("affine", .flag, default: true)
    return GroupNorm(groups: groups, epsilon: epsilon, isAffine: isAffine)
  }

  static let instanceNorm = LayerReader { section in
    let epsilon = try section.value("eps", .number(.positive), default: 1e-5)
    let isAffine = try section.value("affine", .flag, default: false)
    return InstanceNorm(epsilon: epsilon, isAffine: isAffine)
  }

  static let weightNorm = LayerReader(shortKey: "layer", isShortMapping: true) { section in
    let layer = try section.layer("layer")
    guard let weighted = layer.layer as? any WeightedLayer else {
      throw ConfigurationError(
        layer.place,
        "\(layer.layer.summary) has no weight to normalise; expected a layer with one, as 'linear: 128'"
      )
    }
    return WeightNorm(weighted)
  }
}

extension Expectation where Value == Double? {
  /// The share of a new batch in a running estimate, or nil for the average of all batches.
  fileprivate static var momentum: Expectation {
    let share = Expectation<Double>.number(.share)
    return Expectation(
      description: "\(share.description), or average", names: ["average"],
      read: { $0.string == "average" ? .some(nil) : share.read($0).map { .some($0) } },
      write: { $0.map(share.write) ?? Node.Scalar("average") })
  }
}
