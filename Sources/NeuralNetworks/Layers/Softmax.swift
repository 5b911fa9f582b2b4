public import Compute
public import Tensors

/// Positive numbers that add up to 1 along the last axis; see ``Tensors/softmax(_:axis:)``.
///
/// Not to be put before cross-entropy, which takes logits.
public final class Softmax: Module, Layer {
  /// Creates the layer.
  public override init() {}

  /// The softmax of each row.
  public func callAsFunction(_ x: Tensor) -> Tensor { softmax(x) }

  /// Takes any shape with an axis, and keeps it.
  public func build(input: Shape) throws(ModelError) -> Shape { try withAxis(input, "Softmax") }
}

/// The logarithm of softmax along the last axis; see ``Tensors/logSoftmax(_:axis:)``.
public final class LogSoftmax: Module, Layer {
  /// Creates the layer.
  public override init() {}

  /// The logarithm of the softmax of each row.
  public func callAsFunction(_ x: Tensor) -> Tensor { logSoftmax(x) }

  /// Takes any shape with an axis, and keeps it.
  public func build(input: Shape) throws(ModelError) -> Shape { try withAxis(input, "LogSoftmax") }
}

private func withAxis(_ input: Shape, _ layer: String) throws(ModelError) -> Shape {
  guard input.rank >= 1 else {
    throw ModelError("\(layer) needs an input with at least one axis, not a scalar")
  }
  return input
}
