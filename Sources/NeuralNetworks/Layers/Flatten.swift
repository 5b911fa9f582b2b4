public import Compute
public import Tensors

/// Turns each example into a vector: `[n, …]` becomes `[n, product of the rest]`.
public final class Flatten: Module, Layer {
  /// Creates the layer.
  public override init() {}

  /// The examples as vectors.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    require(x.rank >= 1, "Flatten: a scalar has no batch axis")
    let width = x.shape.dimensions.dropFirst().reduce(1, *)
    return x.reshaped(to: Shape([x.shape[0], width]))
  }

  /// One axis of as many elements.
  public func build(input: Shape) throws(ModelError) -> Shape { [input.count] }
}
