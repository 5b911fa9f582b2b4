public import Compute
public import Tensors

/// Group normalisation: in each example, neighbouring channels share their mean and variance over
/// all positions; each channel is then scaled and shifted.
///
/// x is `[n, c, …]`. One group is layer normalisation over channels and space, as many groups as
/// channels is instance normalisation. Statistics belong to one example alone, so training and
/// evaluation are the same and a batch of one will do.
///
/// Source: Y. Wu, K. He, "Group normalization", ECCV 2018, equation 7.
public final class GroupNorm: Module, ActivationFusingLayer {
  /// The factor of each channel, `[c]`; nil when the layer is not affine.
  public let weight: Parameter?
  /// The summand of each channel, `[c]`; nil when the layer is not affine.
  public let bias: Parameter?
  /// The number of groups that the channels are divided into.
  public let groupCount: Int
  /// Added to the variance under the root.
  public let epsilon: Double
  /// What each output goes through, in the same launch.
  public let activation: Activation
  private var channelCount: Int?

  /// Creates a layer that learns the number of its channels when the model is built, if not given.
  ///
  /// Traps unless the groups divide the channels.
  public init(
    groups groupCount: Int, _ channelCount: Int? = nil, epsilon: Double = 1e-5,
    isAffine: Bool = true, activation: Activation = .identity
  ) {
    require(
      groupCount >= 1 && (channelCount ?? groupCount) % groupCount == 0,
      "GroupNorm: \(groupCount) groups of \(channelCount.map(String.init) ?? "all") channels")
    self.groupCount = groupCount
    self.epsilon = epsilon
    self.activation = activation
    weight = isAffine ? Parameter(initializer: .ones) : nil
    bias = isAffine ? Parameter(initializer: .zeros) : nil
    super.init()
    if let channelCount { setChannelCount(channelCount) }
  }

  /// `GroupNorm(g groups, c)`.
  public override var summary: String {
    "GroupNorm(\(groupCount) group\(groupCount == 1 ? "" : "s")"
      + "\(channelCount.map { " of \($0)" } ?? ""))"
  }

  /// The normalised examples; traps when the input has another number of channels.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    require(
      x.rank >= 2 && x.shape[1] == channelCount,
      "\(place): the input has shape \(x.shape), not [n, c] or [n, c, …]")
    return normalize(
      x, geometry: .group(x.shape, groups: groupCount), mode: .meanAndVariance, epsilon: epsilon,
      scale: weight?.value, shift: bias?.value, activation: activation
    ).output
  }

  /// Takes the number of channels from the first axis.
  ///
  /// Throws when the groups do not divide them, or hold one value each, of which nothing is left.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank >= 1 else {
      throw ModelError("GroupNorm needs an input [c] or [c, …] for each example, not a scalar")
    }
    if let channelCount, channelCount != input[0] {
      throw ModelError("GroupNorm has \(channelCount) channels, but its input has shape \(input)")
    }
    guard input[0] % groupCount == 0 else {
      let divisors = (1...max(input[0], 1)).filter { input[0] % $0 == 0 }
      throw ModelError(
        """
        GroupNorm has \(groupCount) groups, which do not divide the \(input[0]) channels of its \
        input; \(divisors.map(String.init).joined(separator: ", ")) do
        """)
    }
    guard input.count > groupCount else {
      throw ModelError(
        """
        GroupNorm has \(groupCount) groups for an input of shape \(input); a group of one value \
        has no variance, so fewer groups are needed
        """)
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
