public import Compute
public import Tensors

/// The first half of the last axis times the sigmoid of the second; see ``Tensors/glu(_:axis:)``.
///
/// An axis of n entries becomes one of n/2, so the layer before gives twice the wanted outputs.
public final class GLU: Module, Layer {
  /// Creates the layer.
  public override init() {}

  /// The gated half.
  public func callAsFunction(_ x: Tensor) -> Tensor { glu(x) }

  /// Halves the last axis; throws where it is odd.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank >= 1, input[-1].isMultiple(of: 2) else {
      throw ModelError(
        "GLU halves the last axis, but its input has shape \(input); expected an even length")
    }
    return Shape(input.dimensions.dropLast() + [input[-1] / 2])
  }
}
