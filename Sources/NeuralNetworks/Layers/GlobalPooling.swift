public import Compute
public import Tensors

/// The mean of each channel over space: `[n, c, …]` becomes `[n, c]`.
///
/// Source: M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014.
public final class GlobalAveragePool: Module, Layer {
  /// Creates the layer.
  public override init() {}

  /// The mean of each channel.
  public func callAsFunction(_ x: Tensor) -> Tensor { globalAveragePool(x) }

  /// Takes `[channels, …]`, and leaves the channels.
  public func build(input: Shape) throws(ModelError) -> Shape {
    try channels("GlobalAveragePool", input)
  }
}

/// The largest element of each channel over space: `[n, c, …]` becomes `[n, c]`.
public final class GlobalMaxPool: Module, Layer {
  /// Creates the layer.
  public override init() {}

  /// The largest of each channel.
  public func callAsFunction(_ x: Tensor) -> Tensor { globalMaxPool(x) }

  /// Takes `[channels, …]`, and leaves the channels.
  public func build(input: Shape) throws(ModelError) -> Shape {
    try channels("GlobalMaxPool", input)
  }
}

private func channels(_ layer: String, _ input: Shape) throws(ModelError) -> Shape {
  guard input.rank >= 2, input.count > 0 else {
    throw ModelError("\(layer) needs an input [channels, …] with space to pool, not \(input)")
  }
  return [input[0]]
}
