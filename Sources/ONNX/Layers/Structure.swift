import Compute
public import NeuralNetworks

extension Flatten: ONNXExportable {
  /// Flatten at the batch axis.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    graph.node("Flatten", input, attributes: ["axis": .int(1)], shape: [input.shape.count])
  }
}
