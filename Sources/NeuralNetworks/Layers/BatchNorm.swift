public import Compute
public import Tensors

/// Batch normalisation: each channel is given mean 0 and variance 1 over the batch, then scaled
/// and shifted.
///
/// x is `[n, c]` or `[n, c, …]`; the statistics of channel c are taken over all other axes. In
/// training they are the batch's own, and are blended into running estimates; in evaluation the
/// estimates are used. The variance is biased for normalising and unbiased in the estimate, as
/// in PyTorch.
///
/// Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by
/// reducing internal covariate shift", ICML 2015.
public final class BatchNorm: Module, ActivationFusingLayer, BatchStatisticsLayer {
  /// The factor of each channel, `[c]`; nil when the layer is not affine.
  public let weight: Parameter?
  /// The summand of each channel, `[c]`; nil when the layer is not affine.
  public let bias: Parameter?
  /// The running mean of each channel, `[c]`.
  @RunningState(name: "running_mean", startingValue: 0) public var runningMean: Tensor
  /// The running variance of each channel, `[c]`.
  @RunningState(name: "running_var", startingValue: 1) public var runningVariance: Tensor
  /// The number of batches seen in training, int64.
  @RunningState(name: "num_batches_tracked", shape: .scalar, dtype: .int64, startingValue: 0)
  public var batchCount: Tensor

  /// The share of a new batch in the running estimates; nil for the average of all batches.
  public let momentum: Double?
  /// Added to the variance under the root.
  public let epsilon: Double
  /// What each output goes through, in the same launch.
  public let activation: Activation
  private(set) var positionCount: Int?

  /// Creates a layer that learns the number of its channels when the model is built.
  public init(
    _ channelCount: Int? = nil, momentum: Double? = 0.1, epsilon: Double = 1e-5,
    isAffine: Bool = true, activation: Activation = .identity
  ) {
    self.momentum = momentum
    self.epsilon = epsilon
    self.activation = activation
    weight = isAffine ? Parameter(initializer: .ones) : nil
    bias = isAffine ? Parameter(initializer: .zeros) : nil
    super.init()
    if let channelCount { setChannelCount(channelCount) }
  }

  /// `BatchNorm(c)`.
  public override var summary: String {
    "BatchNorm(\($runningMean.shape.map { "\($0[0])" } ?? ""))"
  }

  /// The normalised batch.
  ///
  /// Traps in training when a channel has a single value, which has no variance.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    require(
      x.rank >= 2 && x.shape[1] == $runningMean.shape?[0],
      "\(place): the input has shape \(x.shape), not [n, c] or [n, c, …]")
    return mode == .training
      ? normalizeByBatch(x, activation) : normalizeByRunningEstimates(x, activation)
  }

  private func normalizeByBatch(_ x: Tensor, _ activation: Activation) -> Tensor {
    let geometry = NormalizationGeometry.batch(x.shape)
    requireSeveralValues(geometry, of: x)
    let normalized = normalize(
      x, geometry: geometry, mode: .meanAndVariance, epsilon: epsilon, scale: weight?.value,
      shift: bias?.value, activation: activation)
    if x.count > 0 { record(normalized, count: Double(geometry.groupCount)) }
    return normalized.output
  }

  private func record(_ batch: Normalized, count: Double) {
    let statistics = [$runningMean, $runningVariance]
    let tensors = [batch.mean, batch.inverseDeviation] + (momentum == nil ? [batchCount] : [])
    RunningState.update(
      statistics, tensors: tensors, scalars: [momentum ?? 0, epsilon, count / (count - 1)]
    ) { old, new, settings in
      // What was saved is 1/√(variance + ε); the variance it came from is never negative.
      let variance = max(1 / (new[1] * new[1]) - settings[1], 0) * settings[2]
      let share = new.count > 2 ? 1 / (new[2] + 1) : settings[0]
      return [
        old[0] + share * (new[0] - old[0]),
        old[1] + share * (variance - old[1]),
      ]
    }
    RunningState.update([$batchCount], tensors: []) { old, _, _ in [old[0] + 1] }
  }

  private func normalizeByRunningEstimates(_ x: Tensor, _ activation: Activation) -> Tensor {
    func aligned(_ values: Tensor) -> Tensor { alignedWithChannels(values, of: x) }
    return activation(
      normalize(
        x, mean: aligned(runningMean), variance: aligned(runningVariance), epsilon: epsilon,
        scale: weight.map { aligned($0.value) }, shift: bias.map { aligned($0.value) }))
  }

  /// Takes the number of channels from the first axis.
  public func build(input: Shape) throws(ModelError) -> Shape {
    positionCount = try checkChannels($runningMean.shape?[0], of: input)
    setChannelCount(input[0])
    return input
  }

  private func setChannelCount(_ count: Int) {
    for parameter in [weight, bias] { parameter?.shape = [count] }
    $runningMean.shape = [count]
    $runningVariance.shape = [count]
  }
}
