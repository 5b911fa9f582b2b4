import Compute
public import NeuralNetworks
import Tensors

extension Conv2D: ONNXExportable {
  /// Conv, with its padding in numbers.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let shape = try build(input: input.shape)
    let size = Size2D(height: input.shape[1], width: input.shape[2])
    guard
      let axes = padding.axes(input: size, kernel: kernel, stride: stride, dilation: dilation)
    else { throw ONNXError("its window does not fit \(input.shape)") }
    let output = graph.node(
      "Conv", input, try graph.values(of: $weight), try bias.map { try graph.values(of: $0) },
      attributes: window([axes.rows, axes.columns], groups: groups), shape: shape)
    return graph.apply(activation, to: output)
  }
}

extension Conv1D: ONNXExportable {
  /// Conv of one axis, with its padding in numbers.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let shape = try build(input: input.shape)
    guard
      let axes = padding.axes(
        input: [1, input.shape[1]], kernel: [1, kernel], stride: [1, stride],
        dilation: [1, dilation])
    else { throw ONNXError("its window does not fit \(input.shape)") }
    let output = graph.node(
      "Conv", input, try graph.values(of: $weight), try bias.map { try graph.values(of: $0) },
      attributes: window([axes.columns], groups: groups), shape: shape)
    return graph.apply(activation, to: output)
  }
}

extension ConvTranspose2D: ONNXExportable {
  /// ConvTranspose.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let shape = try build(input: input.shape)
    let output = graph.node(
      "ConvTranspose", input, try graph.values(of: $weight),
      try bias.map { try graph.values(of: $0) },
      attributes: [
        "kernel_shape": .ints([kernel.height, kernel.width]),
        "strides": .ints([stride.height, stride.width]),
        "dilations": .ints([dilation.height, dilation.width]), "group": .int(groups),
        "pads": .ints([padding.height, padding.width, padding.height, padding.width]),
        "output_padding": .ints([outputPadding.height, outputPadding.width]),
      ], shape: shape)
    return graph.apply(activation, to: output)
  }
}

extension PoolingLayer: ONNXExportable {
  /// MaxPool or AveragePool; of what is negated, for the smallest.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let shape = try build(input: input.shape)
    func lengths(_ size: Size2D) -> [Int] { isRow ? [size.width] : [size.height, size.width] }
    var attributes: [String: ONNXAttribute] = [
      "kernel_shape": .ints(lengths(window)), "strides": .ints(lengths(stride)),
      "pads": .ints(lengths(padding) + lengths(padding)),
    ]
    switch pooling {
    case .maximum: return graph.node("MaxPool", input, attributes: attributes, shape: shape)
    case .minimum:
      let largest = graph.node(
        "MaxPool", graph.node("Neg", input), attributes: attributes, shape: shape)
      return graph.node("Neg", largest)
    case .average, .averageWithoutPadding:
      attributes["count_include_pad"] = .int(pooling == .average ? 1 : 0)
      return graph.node("AveragePool", input, attributes: attributes, shape: shape)
    }
  }
}

extension GlobalAveragePool: ONNXExportable {
  /// GlobalAveragePool, without the axes that it leaves.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    try pooled("GlobalAveragePool", graph, input, to: build(input: input.shape))
  }
}

extension GlobalMaxPool: ONNXExportable {
  /// GlobalMaxPool, without the axes that it leaves.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    try pooled("GlobalMaxPool", graph, input, to: build(input: input.shape))
  }
}

private func pooled(
  _ operation: String, _ graph: ONNXGraph, _ input: ONNXValue, to shape: Shape
) -> ONNXValue {
  let single = Shape([input.shape[0]] + input.shape.dimensions.dropFirst().map { _ in 1 })
  return graph.reshape(graph.node(operation, input, shape: single), to: shape)
}

/// The attributes of a convolution along some axes.
private func window(_ axes: [WindowAxis], groups: Int) -> [String: ONNXAttribute] {
  // What the last window reaches of what follows the input.
  let after = axes.map { axis in
    max(0, axis.element(position: axis.output - 1, tap: axis.kernel - 1) - axis.input + 1)
  }
  return [
    "kernel_shape": .ints(axes.map(\.kernel)), "strides": .ints(axes.map(\.stride)),
    "dilations": .ints(axes.map(\.dilation)), "group": .int(groups),
    "pads": .ints(axes.map(\.padding) + after),
  ]
}
