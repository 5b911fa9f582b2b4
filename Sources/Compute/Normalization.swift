/// How a tensor is divided into the groups that are normalised, and where scale and shift apply.
///
/// The elements, row-major, are seen as `[models, outer, groups, inner]`: statistics are taken
/// over outer × inner, one set for each model and group. Element i of a model (counted from that
/// model's first) belongs to channel (i / `channelStride`) mod `channels`.
public struct NormalizationGeometry: Sendable, Hashable {
  /// Independent networks stacked along the leading axis.
  public var models: Int
  /// The outer axis over which statistics are shared.
  public var outer: Int
  /// The sets of statistics of one model.
  public var groups: Int
  /// The inner axis over which statistics are shared.
  public var inner: Int
  /// The number of scales and shifts of one model.
  public var channels: Int
  /// How many neighbouring elements share a channel.
  public var channelStride: Int

  /// Creates a geometry.
  public init(
    models: Int = 1, outer: Int, groups: Int, inner: Int, channels: Int, channelStride: Int
  ) {
    self.models = models
    self.outer = outer
    self.groups = groups
    self.inner = inner
    self.channels = channels
    self.channelStride = channelStride
  }

  /// The number of elements of all models.
  public var count: Int { models * outer * groups * inner }

  /// The number of elements that share one set of statistics.
  public var groupCount: Int { outer * inner }
}

/// What is taken out of each group.
public enum NormalizationMode: String, CaseIterable, Sendable {
  /// x̂ = x − mean.
  case mean
  /// x̂ = (x − mean) / √(variance + ε), with the biased variance.
  case meanAndVariance
  /// x̂ = x / √(mean(x²) + ε).
  case meanSquare
  /// x̂ = x / √(Σx² + ε).
  case sumOfSquares

  /// Whether the mean is subtracted.
  public var subtractsMean: Bool { self == .mean || self == .meanAndVariance }
  /// Whether the result is divided by a measure of spread.
  public var divides: Bool { self != .mean }
}

/// Normalising groups of elements.
public protocol NormalizationBackend {
  /// Normalises: `y = activation(x̂·scale + shift)`.
  ///
  /// x and y are contiguous and hold `geometry.count` elements; scale and shift, contiguous,
  /// hold models × channels (nil: 1 and 0). `mean` and `inverseDeviation`, contiguous, receive
  /// models × groups values: the mean (0 where the mode subtracts none) and the factor
  /// by which the centred values were multiplied (1 where the mode does not divide).
  func normalize(
    _ x: View, geometry: NormalizationGeometry, mode: NormalizationMode, epsilon: Double,
    scale: View?, shift: View?, activation: Expression?,
    into y: View, mean: View, inverseDeviation: View
  ) throws

  /// The gradient of `normalize` with respect to x, scale and shift.
  ///
  /// `mean` and `inverseDeviation` are what the forward pass wrote. `activation` is the forward
  /// pass's, as its derivative: an expression of `input(0)`, the value before the activation.
  /// The gradients of scale and shift are written where a view is given.
  func normalizeGradient(
    _ cotangent: View, x: View, mean: View, inverseDeviation: View,
    geometry: NormalizationGeometry, mode: NormalizationMode, scale: View?, shift: View?,
    activationDerivative: Expression?,
    into xGradient: View, scaleGradient: View?, shiftGradient: View?
  ) throws
}
