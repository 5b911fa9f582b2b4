public import Compute
public import Tensors

/// A convolution of images: y = activation(w ⋆ x + b).
///
/// x is `[n, channels, height, width]`, the weight `[out, channels / groups, height, width]` and the
/// bias `[out]`, as in PyTorch, whose initial values they have unless told otherwise: uniform on
/// ±1/√(channels / groups · height · width). See ``conv2d(_:weight:bias:stride:padding:dilation:groups:activation:)``.
public final class Conv2D: Module, ActivationFusingLayer {
  /// The windows' weights, `[out, channels / groups, height, width]`.
  @Parameter public var weight: Tensor
  /// The summands, `[out]`; nil where there are none.
  public let bias: Parameter?
  /// The number of output channels.
  public let outputCount: Int
  /// The window's lengths.
  public let kernel: Size2D
  /// The elements from one position of the window to the next.
  public let stride: Size2D
  /// The zeros at the edges of the input.
  public let padding: ConvolutionPadding
  /// The elements from one tap of the window to the next.
  public let dilation: Size2D
  /// The parts into which input and output channels are divided, which do not mix.
  public let groups: Int
  /// What each output goes through, in the same launch.
  public let activation: Activation

  /// Creates a layer that learns the number of its input channels when the model is built.
  ///
  /// Traps unless outputs, lengths and groups are at least 1 and the groups divide the outputs.
  public init(
    _ outputCount: Int, kernel: Size2D, stride: Size2D = 1, padding: ConvolutionPadding = .valid,
    dilation: Size2D = 1, groups: Int = 1, activation: Activation = .identity,
    hasBias: Bool = true, weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    requireWindow("Conv2D", outputCount, kernel, stride, dilation, groups)
    self.outputCount = outputCount
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    self.activation = activation
    _weight = Parameter(initializer: weight)
    self.bias = hasBias ? Parameter(shape: [outputCount], initializer: bias) : nil
  }

  /// Creates a layer of known numbers of input and output channels.
  public convenience init(
    _ inputCount: Int, _ outputCount: Int, kernel: Size2D, stride: Size2D = 1,
    padding: ConvolutionPadding = .valid, dilation: Size2D = 1, groups: Int = 1,
    activation: Activation = .identity, hasBias: Bool = true,
    weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    self.init(
      outputCount, kernel: kernel, stride: stride, padding: padding, dilation: dilation,
      groups: groups, activation: activation, hasBias: hasBias, weight: weight, bias: bias)
    require(
      inputCount % groups == 0, "Conv2D: \(inputCount) input channels in \(groups) groups")
    setInputCount(inputCount)
  }

  /// `Conv2D(in, out, 3×3)`, with what differs from the defaults.
  public override var summary: String {
    let inputs = $weight.shape.map { "\($0[1] * groups), " } ?? ""
    return "Conv2D(\(inputs)\(outputCount), \(kernel)"
      + windowSummary(
        stride: stride, padding: padding, dilation: dilation, groups: groups,
        hasBias: bias != nil) + ")"
  }

  /// The layer's output.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    conv2d(
      x, weight: weight, bias: bias?.value, stride: stride, padding: padding, dilation: dilation,
      groups: groups, activation: activation)
  }

  /// Takes the number of input channels from the first axis of `[channels, height, width]`.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank == 3 else {
      throw ModelError(
        "Conv2D needs an input [channels, height, width] for each example, not \(input)")
    }
    try checkChannels("Conv2D", input, known: $weight.shape.map { $0[1] * groups }, groups: groups)
    guard
      let axes = padding.axes(
        input: Size2D(height: input[1], width: input[2]), kernel: kernel, stride: stride,
        dilation: dilation)
    else {
      throw ModelError(
        """
        Conv2D's window of \(kernel) with dilation \(dilation) and padding \(padding) does not fit \
        its input of shape \(input)
        """)
    }
    setInputCount(input[0])
    return [outputCount, axes.rows.output, axes.columns.output]
  }

  private func setInputCount(_ inputCount: Int) {
    let shape: Shape = [outputCount, inputCount / groups, kernel.height, kernel.width]
    $weight.shape = shape
    $weight.fans = Fans(of: shape, groupCount: groups)
    bias?.fans = Fans(of: shape, groupCount: groups)
  }
}
