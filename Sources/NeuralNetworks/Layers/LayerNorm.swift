public import Compute
public import Tensors

/// Layer normalisation: each example is given mean 0 and variance 1 over its last axes, then scaled
/// and shifted element by element: y = (x − E[x]) / √(Var[x] + ε) · weight + bias.
///
/// Statistics belong to one example (or one step of a sequence) alone, so training and evaluation
/// are the same and a batch of one will do. `weight` and `bias` have the shape of the normalised
/// axes, as in PyTorch.
///
/// Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450, equation 3.
public final class LayerNorm: Module, ActivationFusingLayer {
  /// The factor of each element of the normalised axes; nil when the layer is not affine.
  public let weight: Parameter?
  /// The summand of each element of the normalised axes; nil when there is none.
  public let bias: Parameter?
  /// How many axes, from the last, share their statistics.
  public let axisCount: Int
  /// Added to the variance under the root.
  public let epsilon: Double
  /// What each output goes through, in the same launch.
  public let activation: Activation
  private var shape: Shape?

  /// Creates a layer that learns the lengths of its axes when the model is built.
  ///
  /// - Parameters:
  ///   - axisCount: How many axes, from the last, share their statistics: 3 are the channels and
  ///     the space of an image.
  ///   - epsilon: Added to the variance under the root.
  ///   - isAffine: Whether there is a scale, and a shift if `hasBias`.
  ///   - hasBias: Whether there is a shift.
  ///   - activation: What each output goes through, in the same launch.
  public init(
    axes axisCount: Int = 1, epsilon: Double = 1e-5, isAffine: Bool = true, hasBias: Bool = true,
    activation: Activation = .identity
  ) {
    require(axisCount >= 1, "LayerNorm: \(axisCount) axes were to be normalised; 1 is the least")
    self.axisCount = axisCount
    self.epsilon = epsilon
    self.activation = activation
    weight = isAffine ? Parameter(initializer: .ones) : nil
    bias = isAffine && hasBias ? Parameter(initializer: .zeros) : nil
  }

  /// Creates a layer of known axes.
  public convenience init(
    _ shape: Shape, epsilon: Double = 1e-5, isAffine: Bool = true, hasBias: Bool = true,
    activation: Activation = .identity
  ) {
    self.init(
      axes: shape.rank, epsilon: epsilon, isAffine: isAffine, hasBias: hasBias,
      activation: activation)
    settle(shape)
  }

  /// `LayerNorm(d)`.
  public override var summary: String { "LayerNorm(\(lengths(shape, axisCount)))" }

  /// The normalised examples; traps when the last axes are others than the layer's.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    requireTrailing(shape, of: x)
    return normalize(
      x, geometry: .layer(x.shape, axes: axisCount), mode: .meanAndVariance, epsilon: epsilon,
      scale: weight?.value, shift: bias?.value, activation: activation
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
    bias?.shape = shape
  }
}

// MARK: - Last axes

extension Module {
  /// The last axes of an example; throws unless there are as many, and those that are known.
  func trailingShape(of input: Shape, axes: Int, known: Shape?) throws(ModelError) -> Shape {
    let name = "\(Self.self)"
    guard input.rank >= axes else {
      throw ModelError(
        "\(name) normalises over \(axes) axes, but its input has shape \(input)")
    }
    let found = Shape(Array(input.dimensions.suffix(axes)))
    if let known, known != found {
      throw ModelError("\(name) has shape \(known), but its input has shape \(input)")
    }
    return found
  }

  /// Traps unless a tensor's last axes have given lengths.
  func requireTrailing(_ shape: Shape?, of x: Tensor) {
    require(
      x.rank > shape?.rank ?? 0
        && x.shape.dimensions.suffix(shape?.rank ?? 0) == shape?.dimensions[...],
      "\(place): the input has shape \(x.shape), not [n, …, \(lengths(shape, 1))]")
  }

  /// The lengths of axes, for people; nothing where they are not known and usual.
  func lengths(_ shape: Shape?, _ axisCount: Int) -> String {
    if let shape { return shape.dimensions.map(String.init).joined(separator: ", ") }
    return axisCount == 1 ? "" : "\(axisCount) axes"
  }
}
