import Compute
public import NeuralNetworks

extension Residual: ONNXExportable {
  /// The layers' output and the input, which may be projected, added.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let output = try graph.add(body, named: "body", to: input)
    let added = try projection.map { try graph.add($0, named: "projection", to: input) } ?? input
    return graph.node("Add", output, added)
  }
}

extension Concatenate: ONNXExportable {
  /// Concat of the branches.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let outputs = try branches.enumerated().map { number, branch in
      try graph.add(branch, named: "\(number)", to: input)
    }
    return graph.node(
      "Concat", outputs, attributes: ["axis": .int(axis)], shape: try build(input: input.shape))
  }
}

extension Embedding: ONNXExportable {
  /// Gather of rows by numbers, which may come as floating-point ones.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let numbers = graph.wholeNumbers(input)
    let shape = try build(input: input.shape)
    return graph.node("Gather", try graph.values(of: $weight), numbers, shape: shape)
  }
}

extension Multiply: ONNXExportable {
  /// The weighted features of each unit, and their product.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let shape = try build(input: input.shape)
    let features = graph.node(
      "Unsqueeze", input, graph.integers([-2]),
      shape: Shape(input.shape.dimensions.dropLast() + [1, input.shape[-1]]))
    let factors = graph.node(
      "Add", graph.node("Mul", features, try graph.values(of: $weight)),
      try graph.values(of: $bias))
    let product = graph.node(
      "ReduceProd", factors, attributes: ["axes": .ints([-1]), "keepdims": .int(0)], shape: shape)
    return graph.apply(activation, to: product)
  }
}
