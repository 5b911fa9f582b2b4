public import NeuralNetworks

extension Sequential: ONNXExportable {
  /// The layers in order.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    var value = input
    for (index, layer) in layers.enumerated() {
      value = try graph.add(layer, named: "\(index)", to: value)
    }
    return value
  }
}
