import Compute
public import NeuralNetworks

extension BatchNorm: ONNXExportable {
  /// BatchNormalization by the running estimates.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let mean = try graph.values(of: $runningMean)
    let output = graph.node(
      "BatchNormalization", input, try graph.values(of: weight, or: 1, mean.shape),
      try graph.values(of: bias, or: 0, mean.shape), mean,
      try graph.values(of: $runningVariance), attributes: ["epsilon": .float(epsilon)])
    return graph.apply(activation, to: output)
  }
}

extension MeanOnlyBatchNorm: ONNXExportable {
  /// The running mean subtracted and the bias added, channel by channel.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let mean = graph.alongChannels(try graph.values(of: $runningMean), of: input)
    var output = graph.node("Sub", input, mean)
    if let bias {
      output = graph.node("Add", output, graph.alongChannels(try graph.values(of: bias), of: input))
    }
    return graph.apply(activation, to: output)
  }
}

extension LayerNorm: ONNXExportable {
  /// LayerNormalization over the last axes.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let shape = Shape(Array(input.shape.dimensions.suffix(axisCount)))
    let output = graph.node(
      "LayerNormalization", input, try graph.values(of: weight, or: 1, shape),
      try bias.map { try graph.values(of: $0) },
      attributes: ["axis": .int(-axisCount), "epsilon": .float(epsilon)])
    return graph.apply(activation, to: output)
  }
}

extension GroupNorm: ONNXExportable {
  /// InstanceNormalization of the groups as channels, then each channel's own scale and shift.
  ///
  /// The operator GroupNormalization is of opset 18, and had one scale for each group until 21.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let grouped = graph.reshape(input, to: [groupCount, input.shape.count / groupCount])
    let normalized = graph.node(
      "InstanceNormalization", grouped, try graph.values(of: nil, or: 1, [groupCount]),
      try graph.values(of: nil, or: 0, [groupCount]), attributes: ["epsilon": .float(epsilon)])
    var output = graph.reshape(normalized, to: input.shape)
    if let weight {
      output = graph.node(
        "Mul", output, graph.alongChannels(try graph.values(of: weight), of: input))
    }
    if let bias {
      output = graph.node("Add", output, graph.alongChannels(try graph.values(of: bias), of: input))
    }
    return graph.apply(activation, to: output)
  }
}

extension InstanceNorm: ONNXExportable {
  /// InstanceNormalization.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let channels: Shape = [input.shape[0]]
    let output = graph.node(
      "InstanceNormalization", input, try graph.values(of: weight, or: 1, channels),
      try graph.values(of: bias, or: 0, channels), attributes: ["epsilon": .float(epsilon)])
    return graph.apply(activation, to: output)
  }
}

extension RMSNorm: ONNXExportable {
  /// x / √(mean(x²) + ε) · weight, step by step; an operator for it came with opset 23.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let least = graph.dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
    let axes = (1...axisCount).map { -$0 }.reversed()
    let mean = graph.node(
      "ReduceMean", graph.node("Mul", input, input),
      attributes: ["axes": .ints(Array(axes)), "keepdims": .int(1)])
    let root = graph.node("Sqrt", graph.node("Add", mean, graph.constant(epsilon ?? least)))
    var output = graph.node("Div", input, root)
    if let weight { output = graph.node("Mul", output, try graph.values(of: weight)) }
    return graph.apply(activation, to: output)
  }
}

extension WeightNorm: ONNXExportable {
  /// The layer with the weight that direction and gain make, which does not change any more.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    try graph.replacing(layer.weightParameter, by: weight, named: "weight") {
      try graph.add(layer, to: input)
    }
  }
}

extension ONNXGraph {
  /// The values of a parameter, or where there is none a number for each element.
  fileprivate func values(
    of parameter: Parameter?, or number: Double, _ shape: Shape
  ) throws -> ONNXValue {
    try parameter.map { try values(of: $0) }
      ?? constant([Double](repeating: number, count: shape.count), shape: shape)
  }

  /// Values of each channel, in a shape that lies along the first axis of examples.
  func alongChannels(_ values: ONNXValue, of input: ONNXValue) -> ONNXValue {
    guard input.shape.rank > 1 else { return values }
    let shape = Shape([values.shape[0]] + [Int](repeating: 1, count: input.shape.rank - 1))
    return node("Reshape", values, integers(shape.dimensions), shape: shape)
  }
}
