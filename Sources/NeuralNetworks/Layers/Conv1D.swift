public import Compute
public import Tensors

/// A convolution of sequences: y = activation(w ⋆ x + b).
///
/// x is `[n, channels, length]`, the weight `[out, channels / groups, length]` and the bias `[out]`, as
/// in PyTorch, whose initial values they have unless told otherwise: uniform on ±1/√(channels / groups ·
/// length). See ``conv1d(_:weight:bias:stride:padding:dilation:groups:activation:)``.
public final class Conv1D: Module, ActivationFusingLayer {
  /// The windows' weights, `[out, channels / groups, length]`.
  @Parameter public var weight: Tensor
  /// The summands, `[out]`; nil where there are none.
  public let bias: Parameter?
  /// The number of output channels.
  public let outputCount: Int
  /// The window's length.
  public let kernel: Int
  /// The elements from one position of the window to the next.
  public let stride: Int
  /// The zeros at the ends of the input; of an explicit padding, left and right count.
  public let padding: ConvolutionPadding
  /// The elements from one tap of the window to the next.
  public let dilation: Int
  /// The parts into which input and output channels are divided, which do not mix.
  public let groups: Int
  /// What each output goes through, in the same launch.
  public let activation: Activation

  /// Creates a layer that learns the number of its input channels when the model is built.
  ///
  /// Traps unless outputs, lengths and groups are at least 1 and the groups divide the outputs.
  public init(
    _ outputCount: Int, kernel: Int, stride: Int = 1, padding: ConvolutionPadding = .valid,
    dilation: Int = 1, groups: Int = 1, activation: Activation = .identity, hasBias: Bool = true,
    weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    requireWindow(
      "Conv1D", outputCount, Size2D(kernel), Size2D(stride), Size2D(dilation), groups)
    self.outputCount = outputCount
    self.kernel = kernel
    self.stride = stride
    self.padding = padding.across
    self.dilation = dilation
    self.groups = groups
    self.activation = activation
    _weight = Parameter(initializer: weight)
    self.bias = hasBias ? Parameter(shape: [outputCount], initializer: bias) : nil
  }

  /// `Conv1D(in, out, 3)`, with what differs from the defaults.
  public override var summary: String {
    let inputs = $weight.shape.map { "\($0[1] * groups), " } ?? ""
    return "Conv1D(\(inputs)\(outputCount), \(kernel)"
      + windowSummary(
        stride: Size2D(stride), padding: padding, dilation: Size2D(dilation), groups: groups,
        hasBias: bias != nil) + ")"
  }

  /// The layer's output.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    conv1d(
      x, weight: weight, bias: bias?.value, stride: stride, padding: padding, dilation: dilation,
      groups: groups, activation: activation)
  }

  /// Takes the number of input channels from the first axis of `[channels, length]`.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank == 2 else {
      throw ModelError("Conv1D needs an input [channels, length] for each example, not \(input)")
    }
    try checkChannels("Conv1D", input, known: $weight.shape.map { $0[1] * groups }, groups: groups)
    guard
      let axes = padding.axes(
        input: Size2D(height: 1, width: input[1]), kernel: Size2D(height: 1, width: kernel),
        stride: Size2D(height: 1, width: stride), dilation: Size2D(height: 1, width: dilation))
    else {
      throw ModelError(
        """
        Conv1D's window of \(kernel) with dilation \(dilation) and padding \(padding) does not fit \
        its input of shape \(input)
        """)
    }
    let shape: Shape = [outputCount, input[0] / groups, kernel]
    $weight.shape = shape
    $weight.fans = Fans(of: shape, groupCount: groups)
    bias?.fans = Fans(of: shape, groupCount: groups)
    return [outputCount, axes.columns.output]
  }
}
