import Compute
public import NeuralNetworks

extension BatchNorm: ONNXExportable {
  /// BatchNormalization by the running estimates.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let mean = try graph.values(of: $runningMean)
    let variance = try graph.values(of: $runningVariance)
    func affine(_ parameter: Parameter?, without value: Double) throws -> ONNXValue {
      try parameter.map { try graph.values(of: $0) }
        ?? graph.constant(
          [Double](repeating: value, count: mean.shape.count), shape: mean.shape)
    }
    let output = graph.node(
      "BatchNormalization", input, try affine(weight, without: 1), try affine(bias, without: 0),
      mean, variance, attributes: ["epsilon": .float(epsilon)])
    return graph.apply(activation, to: output)
  }
}
