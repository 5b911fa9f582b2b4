public import NeuralNetworks

/// A layer that can be written as nodes of an ONNX graph.
///
/// Each layer of this package that ONNX can express conforms in a file of `Layers`; one's own layer
/// is exported once it conforms:
///
///     extension Doubling: ONNXExportable {
///       func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
///         graph.node("Mul", input, graph.constant(2))
///       }
///     }
public protocol ONNXExportable: Layer {
  /// Adds the nodes that compute what the layer gives in evaluation mode, and gives their output.
  ///
  /// Throws ``ONNXError`` for settings that ONNX does not have.
  func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue
}
