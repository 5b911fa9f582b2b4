/// Why a network could not be written as ONNX.
public struct ONNXError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The layer's place in the network, such as `2 (Linear)`; empty for the network itself.
  public let layer: String
  /// What cannot be written.
  public let problem: String

  /// Creates an error; who adds the layer to a graph says which one it is.
  public init(_ problem: String, layer: String = "") {
    self.layer = layer
    self.problem = problem
  }

  /// The layer and what cannot be written, in one line.
  public var description: String { layer.isEmpty ? problem : "layer \(layer): \(problem)" }
}
