public import Compute
public import Tensors

/// x above 0 and slope·x below, with a slope that is learned: one for all, or one for each channel.
///
/// Channels are axis 1 of a batch, as in PyTorch, which names the slopes `weight`.
///
/// Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, section 2.1,
/// which starts from a slope of ¼ and advises against decaying it.
public final class PReLU: Module, Layer {
  /// The slopes, `[1]` or `[c]`.
  @Parameter public var weight: Tensor
  /// Whether each channel has a slope of its own.
  public let isPerChannel: Bool

  /// Creates a layer with a single slope, or one that learns the number of its channels when the
  /// model is built.
  public init(isPerChannel: Bool = false, slope: Double = 0.25) {
    self.isPerChannel = isPerChannel
    _weight = Parameter(shape: isPerChannel ? nil : [1], initializer: .constant(slope))
  }

  /// Creates a layer of a known number of channels, each with a slope of its own.
  public convenience init(_ channelCount: Int, slope: Double = 0.25) {
    self.init(isPerChannel: true, slope: slope)
    $weight.shape = [channelCount]
  }

  /// `PReLU()` or `PReLU(c)`.
  public override var summary: String {
    "PReLU(\(isPerChannel ? $weight.shape.map { "\($0[0])" } ?? "per channel" : ""))"
  }

  /// The rectified batch.
  public func callAsFunction(_ x: Tensor) -> Tensor { prelu(x, slope: weight) }

  /// Takes the number of channels from the first axis, and keeps the shape.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard isPerChannel else { return input }
    guard input.rank >= 1 else {
      throw ModelError(
        "PReLU with a slope per channel needs an input [c] or [c, …] for each example, not a scalar"
      )
    }
    if let known = $weight.shape, known[0] != input[0] {
      throw ModelError("PReLU has \(known[0]) channels, but its input has shape \(input)")
    }
    $weight.shape = [input[0]]
    return input
  }
}
