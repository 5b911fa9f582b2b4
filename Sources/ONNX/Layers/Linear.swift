import Compute
public import NeuralNetworks

extension Linear: ONNXExportable {
  /// Gemm for vectors; MatMul and Add for examples of more axes.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let output = graph.product(
      of: input, try graph.values(of: $weight), try bias.map { try graph.values(of: $0) })
    return graph.apply(activation, to: output)
  }
}

extension ONNXGraph {
  /// x·Wᵀ + b over the last axis, for a weight `[out, in]` and a bias `[out]`.
  func product(of input: ONNXValue, _ weight: ONNXValue, _ bias: ONNXValue?) -> ONNXValue {
    let shape = Shape(input.shape.dimensions.dropLast() + [weight.shape[0]])
    guard input.shape.rank > 1 else {
      return node("Gemm", input, weight, bias, attributes: ["transB": .int(1)], shape: shape)
    }
    let transposed = node("Transpose", weight, attributes: ["perm": .ints([1, 0])])
    let product = node("MatMul", input, transposed, shape: shape)
    return bias.map { node("Add", product, $0) } ?? product
  }
}
