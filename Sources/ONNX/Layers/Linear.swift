import Compute
public import NeuralNetworks

extension Linear: ONNXExportable {
  /// Gemm for vectors; MatMul and Add for examples of more axes.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let shape = Shape(input.shape.dimensions.dropLast() + [outputCount])
    let weight = try graph.values(of: $weight)
    let bias = try bias.map { try graph.values(of: $0) }
    var output: ONNXValue
    if input.shape.rank == 1 {
      output = graph.node(
        "Gemm", input, weight, bias, attributes: ["transB": .int(1)], shape: shape)
    } else {
      let transposed = graph.node("Transpose", weight, attributes: ["perm": .ints([1, 0])])
      output = graph.node("MatMul", input, transposed, shape: shape)
      if let bias { output = graph.node("Add", output, bias) }
    }
    return graph.apply(activation, to: output)
  }
}
