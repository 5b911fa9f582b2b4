import Compute
public import NeuralNetworks

extension Flatten: ONNXExportable {
  /// Reshape, or Flatten where all axes behind the batch's are joined.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let shape = try build(input: input.shape)
    guard shape.rank > 1 else {
      return graph.node("Flatten", input, attributes: ["axis": .int(1)], shape: shape)
    }
    return graph.reshape(input, to: shape)
  }
}

extension Reshape: ONNXExportable {
  /// Reshape, which leaves the batch axis.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    graph.reshape(input, to: try build(input: input.shape))
  }
}
