public import Compute
public import Tensors

/// Normalisation by the root mean square over the last axes: y = x / √(mean(x²) + ε) · weight.
///
/// Layer normalisation without the mean: less work, and what the mean says is kept. `weight` has
/// the shape of the normalised axes, as in PyTorch.
///
/// Source: B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019, equation 4.
public final class RMSNorm: Module, ActivationFusingLayer {
  /// The factor of each element of the normalised axes; nil when the layer is not affine.
  public let weight: Parameter?
  /// How many axes, from the last, share their root mean square.
  public let axisCount: Int
  /// Added to the mean square under the root; nil for the distance from 1 to the next number of
  /// the input's dtype, as PyTorch has it.
  public let epsilon: Double?
  /// What each output goes through, in the same launch.
  public let activation: Activation
  private var shape: Shape?

  /// Creates a layer that learns the lengths of its axes when the model is built.
  ///
  /// - Parameters:
  ///   - axisCount: How many axes, from the last, share their root mean square.
  ///   - epsilon: Added to the mean square; nil for the distance from 1 to the next number.
  ///   - isAffine: Whether there is a scale.
  ///   - activation: What each output goes through, in the same launch.
  public init(
    axes axisCount: Int = 1, epsilon: Double? = nil, isAffine: Bool = true,
    activation: Activation = .identity
  ) {
    require(axisCount >= 1, "RMSNorm: \(axisCount) axes were to be normalised; 1 is the least")
    self.axisCount = axisCount
    self.epsilon = epsilon
    self.activation = activation
    weight = isAffine ? Parameter(initializer: .ones) : nil
  }

  /// Creates a layer of known axes.
  public convenience init(
    _ shape: Shape, epsilon: Double? = nil, isAffine: Bool = true,
    activation: Activation = .identity
  ) {
    self.init(axes: shape.rank, epsilon: epsilon, isAffine: isAffine, activation: activation)
    settle(shape)
  }

  /// `RMSNorm(d)`.
  public override var summary: String { "RMSNorm(\(lengths(shape, axisCount)))" }

  /// The normalised examples; traps when the last axes are others than the layer's.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    requireTrailing(shape, of: x)
    let least = x.dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
    return normalize(
      x, geometry: .layer(x.shape, axes: axisCount), mode: .meanSquare, epsilon: epsilon ?? least,
      scale: weight?.value, activation: activation
    ).output
  }

  /// Takes the lengths of the normalised axes from the last of the input's.
  public func build(input: Shape) throws(ModelError) -> Shape {
    settle(try trailingShape(of: input, axes: axisCount, known: shape))
    return input
  }

  private func settle(_ shape: Shape) {
    self.shape = shape
    weight?.shape = shape
  }
}
