public import NeuralNetworks

extension ActivationLayer: ONNXExportable {
  /// The activation's operator, or the operators of its expression.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    graph.apply(activation, to: input)
  }
}

extension Dropout: ONNXExportable {
  /// Nothing: in evaluation everything passes.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue { input }
}
