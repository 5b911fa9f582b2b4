public import Compute

/// A tensor that a node of an ONNX graph takes or gives.
public struct ONNXValue: Hashable, Sendable {
  /// The name, which no other tensor of the graph has.
  public let name: String
  /// The lengths of the axes, without the batch axis where there is one.
  ///
  /// What is computed from the network's input has a batch axis before these; parameters and
  /// constants do not.
  public let shape: Shape

  /// The same tensor seen with other axes; a name that is there already must be meant.
  init(name: String, shape: Shape) {
    self.name = name
    self.shape = shape
  }
}

/// A setting of a node.
public enum ONNXAttribute: Hashable, Sendable {
  /// A whole number.
  case int(Int)
  /// Whole numbers.
  case ints([Int])
  /// A number, which ONNX keeps as a float32.
  case float(Double)
  /// Text.
  case string(String)
  /// Texts.
  case strings([String])
}
