import NeuralNetworks

/// Layers that change the shape of what passes, or the way it takes.
extension LayerReader {
  static let flatten = LayerReader { section in
    let firstAxis = try section.value("from", .wholeNumber(1...16), default: 1)
    let lastAxis = try section.value("through", .wholeNumber(-16...16), default: -1)
    guard lastAxis != 0 else {
      throw ConfigurationError(
        section.place(of: "through"),
        "axis 0 is the batch's, which stays; expected an axis from 1, or from −1, the last")
    }
    return Flatten(from: firstAxis, through: lastAxis)
  }

  static let reshape = LayerReader(shortKey: "shape") { section in
    let lengths = try section.requiredList("shape", .wholeNumber(-1...1_000_000_000))
    guard !lengths.contains(0), lengths.count(where: { $0 == -1 }) <= 1 else {
      throw ConfigurationError(
        section.place(of: "shape"),
        "there is \(lengths); expected lengths from 1, one of which may be -1 for what is left")
    }
    return Reshape(lengths)
  }

  static let residual = LayerReader(shortKey: "layers") { section in
    let layers = try section.layers("layers")
    return Residual(layers, projection: try section.optionalLayers("projection"))
  }

  static let concatenate = LayerReader(shortKey: "branches") { section in
    let branches = try section.layerLists("branches")
    let axis = try section.value("axis", .wholeNumber(-16...16), default: 1)
    guard axis != 0 else {
      throw ConfigurationError(
        section.place(of: "axis"),
        "axis 0 is the batch's; expected an axis from 1, that of the channels, or -1, the last")
    }
    return Concatenate(axis: axis, branches.map { Sequential($0) })
  }
}
