public import Compute
public import Tensors

/// Batch normalisation that only subtracts the mean: y = x − E[x] + bias.
///
/// x is `[n, c]` or `[n, c, …]`; the mean of channel c is taken over all other axes. In training it
/// is the batch's own, and is blended into a running estimate; in evaluation the estimate is used.
/// Behind a ``WeightNorm`` layer, whose weights have a length of their own but whose outputs have
/// any mean, it sets the means free of weights and inputs: each channel's is its bias.
///
///     WeightNorm(Linear(64, hasBias: false))
///     MeanOnlyBatchNorm()
///
/// Source: T. Salimans, D. P. Kingma, "Weight normalization", NeurIPS 2016, section 4.
public final class MeanOnlyBatchNorm: Module, ActivationFusingLayer, BatchStatisticsLayer {
  /// The summand of each channel, `[c]`; nil when the layer is not affine.
  public let bias: Parameter?
  /// The running mean of each channel, `[c]`.
  @RunningState(name: "running_mean", startingValue: 0) public var runningMean: Tensor
  /// The number of batches seen in training, int64.
  @RunningState(name: "num_batches_tracked", shape: .scalar, dtype: .int64, startingValue: 0)
  public var batchCount: Tensor

  /// The share of a new batch in the running estimate; nil for the average of all batches.
  public let momentum: Double?
  /// What each output goes through, in the same launch.
  public let activation: Activation
  private(set) var positionCount: Int?

  /// Creates a layer that learns the number of its channels when the model is built, if not given.
  public init(
    _ channelCount: Int? = nil, momentum: Double? = 0.1, isAffine: Bool = true,
    activation: Activation = .identity
  ) {
    self.momentum = momentum
    self.activation = activation
    bias = isAffine ? Parameter(initializer: .zeros) : nil
    super.init()
    if let channelCount { setChannelCount(channelCount) }
  }

  /// `MeanOnlyBatchNorm(c)`.
  public override var summary: String {
    "MeanOnlyBatchNorm(\($runningMean.shape.map { "\($0[0])" } ?? ""))"
  }

  /// The centred batch.
  ///
  /// Traps in training when a channel has a single value, of which only the bias would be left.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    require(
      x.rank >= 2 && x.shape[1] == $runningMean.shape?[0],
      "\(place): the input has shape \(x.shape), not [n, c] or [n, c, …]")
    guard mode == .training else {
      let mean = alignedWithChannels(runningMean, of: x)
      guard let bias else { return activation(x - mean) }
      return activation(
        fused([x, mean, alignedWithChannels(bias.value, of: x)]) { $0[0] - $0[1] + $0[2] })
    }
    let geometry = NormalizationGeometry.batch(x.shape)
    requireSeveralValues(geometry, of: x)
    let batch = normalize(
      x, geometry: geometry, mode: .mean, epsilon: 0, shift: bias?.value, activation: activation)
    if x.count > 0 { record(batch.mean) }
    return batch.output
  }

  private func record(_ mean: Tensor) {
    RunningState.update(
      [$runningMean], tensors: [mean] + (momentum == nil ? [batchCount] : []),
      scalars: [momentum ?? 0]
    ) { old, new, settings in
      let share = new.count > 1 ? 1 / (new[1] + 1) : settings[0]
      return [old[0] + share * (new[0] - old[0])]
    }
    RunningState.update([$batchCount], tensors: []) { old, _, _ in [old[0] + 1] }
  }

  /// Takes the number of channels from the first axis.
  public func build(input: Shape) throws(ModelError) -> Shape {
    positionCount = try checkChannels($runningMean.shape?[0], of: input)
    setChannelCount(input[0])
    return input
  }

  private func setChannelCount(_ count: Int) {
    bias?.shape = [count]
    $runningMean.shape = [count]
  }
}
