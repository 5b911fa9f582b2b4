public import Compute
public import Tensors

/// The transposed convolution of images: each input element adds the window, times its number, to the
/// output, activation(wᵀ ⋆ x + b).
///
/// x is `[n, channels, height, width]`, the weight `[channels, out / groups, height, width]` and the bias
/// `[out]`, as in PyTorch, whose initial values they have unless told otherwise: uniform on ±1/√(out /
/// groups · height · width). See ``convTranspose2d(_:weight:bias:stride:padding:outputPadding:dilation:groups:activation:)``.
public final class ConvTranspose2D: Module, ActivationFusingLayer {
  /// The windows' weights, `[channels, out / groups, height, width]`.
  @Parameter public var weight: Tensor
  /// The summands, `[out]`; nil where there are none.
  public let bias: Parameter?
  /// The number of output channels.
  public let outputCount: Int
  /// The window's lengths.
  public let kernel: Size2D
  /// The elements of the output from one position of the window to the next.
  public let stride: Size2D
  /// The rows and columns that the output lacks at each edge.
  public let padding: Size2D
  /// The rows and columns that the output has more at the bottom and on the right.
  public let outputPadding: Size2D
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
    _ outputCount: Int, kernel: Size2D, stride: Size2D = 1, padding: Size2D = 0,
    outputPadding: Size2D = 0, dilation: Size2D = 1, groups: Int = 1,
    activation: Activation = .identity, hasBias: Bool = true,
    weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    requireWindow("ConvTranspose2D", outputCount, kernel, stride, dilation, groups)
    self.outputCount = outputCount
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.outputPadding = outputPadding
    self.dilation = dilation
    self.groups = groups
    self.activation = activation
    _weight = Parameter(initializer: weight)
    self.bias = hasBias ? Parameter(shape: [outputCount], initializer: bias) : nil
  }

  /// `ConvTranspose2D(in, out, 3×3)`, with what differs from the defaults.
  public override var summary: String {
    let inputs = $weight.shape.map { "\($0[0]), " } ?? ""
    return "ConvTranspose2D(\(inputs)\(outputCount), \(kernel)"
      + windowSummary(
        stride: stride, padding: .symmetric(padding), dilation: dilation, groups: groups,
        hasBias: bias != nil)
      + (outputPadding == 0 ? "" : ", output padding \(outputPadding)") + ")"
  }

  /// The layer's output.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    convTranspose2d(
      x, weight: weight, bias: bias?.value, stride: stride, padding: padding,
      outputPadding: outputPadding, dilation: dilation, groups: groups, activation: activation)
  }

  /// Takes the number of input channels from the first axis of `[channels, height, width]`.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank == 3 else {
      throw ModelError(
        "ConvTranspose2D needs an input [channels, height, width] for each example, not \(input)")
    }
    try checkChannels(
      "ConvTranspose2D", input, known: $weight.shape.map { $0[0] }, groups: groups)
    let window = TransposedWindow(
      kernel: kernel, stride: stride, padding: padding, outputPadding: outputPadding,
      dilation: dilation)
    guard let axes = window.axes(input: Size2D(height: input[1], width: input[2])) else {
      throw ModelError(
        """
        ConvTranspose2D's window of \(kernel) at stride \(stride) with dilation \(dilation), padding \
        \(padding) and output padding \(outputPadding) gives nothing for its input of shape \
        \(input); output padding is less than stride or dilation
        """)
    }
    let shape: Shape = [input[0], outputCount / groups, kernel.height, kernel.width]
    $weight.shape = shape
    let fans = Fans(of: shape, groupCount: groups)
    $weight.fans = fans
    bias?.fans = fans
    return [outputCount, axes.rows.input, axes.columns.input]
  }
}
