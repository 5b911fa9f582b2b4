public import Compute
public import Tensors

/// Instance normalisation: each channel of each example is given mean 0 and variance 1 over its
/// positions, which takes out the contrast of an image.
///
/// x is `[n, c, …]` with at least one axis behind the channels. As in PyTorch there is no scale and
/// shift unless asked for, and training and evaluation are the same.
///
/// Source: D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient
/// for fast stylization", arXiv:1607.08022, equation 3.
public final class InstanceNorm: Module, ActivationFusingLayer {
  /// The factor of each channel, `[c]`; nil when the layer is not affine.
  public let weight: Parameter?
  /// The summand of each channel, `[c]`; nil when the layer is not affine.
  public let bias: Parameter?
  /// Added to the variance under the root.
  public let epsilon: Double
  /// What each output goes through, in the same launch.
  public let activation: Activation
  private var channelCount: Int?

  /// Creates a layer that learns the number of its channels when the model is built, if not given.
  public init(
    _ channelCount: Int? = nil, epsilon: Double = 1e-5, isAffine: Bool = false,
    activation: Activation = .identity
  ) {
    self.epsilon = epsilon
    self.activation = activation
    weight = isAffine ? Parameter(initializer: .ones) : nil
    bias = isAffine ? Parameter(initializer: .zeros) : nil
    super.init()
    if let channelCount { setChannelCount(channelCount) }
  }

  /// `InstanceNorm(c)`.
  public override var summary: String { "InstanceNorm(\(channelCount.map(String.init) ?? ""))" }

  /// The normalised examples; traps when the input has another number of channels, or one position.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    require(
      x.rank >= 3 && x.shape[1] == channelCount,
      "\(place): the input has shape \(x.shape), not [n, c, …]")
    return normalize(
      x, geometry: .group(x.shape, groups: x.shape[1]), mode: .meanAndVariance, epsilon: epsilon,
      scale: weight?.value, shift: bias?.value, activation: activation
    ).output
  }

  /// Takes the number of channels from the first axis; throws without positions behind it.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank >= 2, input.count > input[0] else {
      throw ModelError(
        """
        InstanceNorm needs an input [c, …] of several positions for each channel, not \(input); \
        a single value has no variance
        """)
    }
    if let channelCount, channelCount != input[0] {
      throw ModelError(
        "InstanceNorm has \(channelCount) channels, but its input has shape \(input)")
    }
    setChannelCount(input[0])
    return input
  }

  private func setChannelCount(_ count: Int) {
    channelCount = count
    weight?.shape = [count]
    bias?.shape = [count]
  }
}
