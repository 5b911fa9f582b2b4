package import Compute

/// A convolution of images: what deep learning calls so, a cross-correlation.
///
/// `y[n, o, p, q] = activation(Σ w[o, c, i, j]·x[n, c, p·s + i·d − pad, q·s + j·d − pad] + b[o])`,
///
/// over the channels c of o's group and the taps i, j; x is 0 in the padding.
///
/// - Parameters:
///   - x: `[n, channels, height, width]`.
///   - weight: `[out, channels / groups, height, width]`.
///   - bias: `[out]`, or nil for none.
///   - stride: The elements from one position of the window to the next.
///   - padding: The zeros at the edges.
///   - dilation: The elements from one tap of the window to the next.
///   - groups: The parts into which input and output channels are divided, which do not mix; as many
///     as there are channels for a depthwise convolution.
///   - activation: Applied to each element.
/// - Returns: `[n, out, positions, positions]`, with ⌊(length + padding − extent) / stride⌋ + 1
///   positions, where the window's extent is (taps − 1)·dilation + 1.
///
/// Differentiable in x, weight and bias. Traps when shapes do not fit. Source: Y. LeCun, L. Bottou, Y.
/// Bengio, P. Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86(11),
/// 1998; with PyTorch's layouts.
public func conv2d(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: Size2D = 1,
  padding: ConvolutionPadding = .valid, dilation: Size2D = 1, groups: Int = 1,
  activation: Activation = .identity
) -> Tensor {
  convolve(
    "conv2d", x, weight: weight, bias: bias, stride: stride, padding: padding, dilation: dilation,
    groups: groups, activation: activation)
}

/// A convolution of sequences: that of images of height 1.
///
/// See ``conv2d(_:weight:bias:stride:padding:dilation:groups:activation:)``.
///
/// x is `[n, channels, length]`, the weight `[out, channels / groups, length]`, the result `[n, out,
/// positions]`. Of an explicit padding, left and right count.
public func conv1d(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: Int = 1,
  padding: ConvolutionPadding = .valid, dilation: Int = 1, groups: Int = 1,
  activation: Activation = .identity
) -> Tensor {
  require(
    x.rank == 3 && weight.rank == 3,
    """
    conv1d: input of shape \(x.shape) and weight \(weight.shape); [n, channels, length] and \
    [out, channels / groups, length] were expected
    """)
  let y = convolve(
    "conv1d", x.expandingShape(at: 2), weight: weight.expandingShape(at: 2), bias: bias,
    stride: [1, stride], padding: padding.across, dilation: [1, dilation], groups: groups,
    activation: activation)
  return y.reshaped(to: y.shape.dropping(axes: [2]))
}

/// The transposed convolution of images.
///
/// Each input element adds the window, times its number, to the output. It maps the shapes of a convolution's
/// output to those of its input, and is that convolution's gradient.
///
/// - Parameters:
///   - x: `[n, channels, height, width]`.
///   - weight: `[channels, out / groups, height, width]`.
///   - bias: `[out]`, or nil for none.
///   - stride: The elements of the output from one position of the window to the next.
///   - padding: The rows and columns that the output lacks at each edge.
///   - outputPadding: Rows and columns more at the bottom and on the right, of which the convolution
///     sees nothing; fewer than the stride or the dilation.
///   - dilation: The elements from one tap of the window to the next.
///   - groups: The parts into which input and output channels are divided, which do not mix.
///   - activation: Applied to each element.
/// - Returns: `[n, out, length, length]`, with `(positions − 1)·stride − 2·padding + extent +
///   outputPadding` elements, where the window's extent is (taps − 1)·dilation + 1.
///
/// Differentiable in x, weight and bias. Traps when shapes do not fit. Source: V. Dumoulin, F. Visin,
/// "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, relationship 14; with
/// PyTorch's layouts.
public func convTranspose2d(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: Size2D = 1, padding: Size2D = 0,
  outputPadding: Size2D = 0, dilation: Size2D = 1, groups: Int = 1,
  activation: Activation = .identity
) -> Tensor {
  require(
    x.rank == 4 && weight.rank == 4 && groups >= 1 && x.shape[1] == weight.shape[0]
      && x.shape[1] % groups == 0,
    """
    convTranspose2d: input of shape \(x.shape) and weight \(weight.shape) in \(groups) groups; \
    [n, channels, height, width] and [channels, out / groups, height, width] were expected
    """)
  let kernel = Size2D(height: weight.shape[2], width: weight.shape[3])
  guard
    let axes = TransposedWindow(
      kernel: kernel, stride: stride, padding: padding, outputPadding: outputPadding,
      dilation: dilation
    ).axes(input: Size2D(height: x.shape[2], width: x.shape[3]))
  else {
    fatalError(
      """
      convTranspose2d: a window of \(kernel) at stride \(stride) with dilation \(dilation), \
      padding \(padding) and output padding \(outputPadding) gives nothing for input \(x.shape); \
      output padding is less than stride or dilation
      """)
  }
  return convolve(
    "convTranspose2d", x, weight: weight, bias: bias, activation: activation, isTransposed: true,
    ConvolutionGeometry(
      images: x.shape[0], inputChannels: weight.shape[1] * groups, outputChannels: x.shape[1],
      groups: groups, rows: axes.rows, columns: axes.columns))
}

/// The window of a transposed convolution.
package struct TransposedWindow: Sendable {
  let kernel: Size2D, stride: Size2D, padding: Size2D, outputPadding: Size2D, dilation: Size2D

  /// Creates a window.
  package init(
    kernel: Size2D, stride: Size2D, padding: Size2D, outputPadding: Size2D, dilation: Size2D
  ) {
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.outputPadding = outputPadding
    self.dilation = dilation
  }

  /// How the window moves over the output, whose positions are the input; nil where it cannot.
  package func axes(input: Size2D) -> (rows: WindowAxis, columns: WindowAxis)? {
    func axis(_ length: KeyPath<Size2D, Int>) -> WindowAxis? {
      let (stride, dilation) = (stride[keyPath: length], dilation[keyPath: length])
      let (padding, more) = (padding[keyPath: length], outputPadding[keyPath: length])
      let positions = input[keyPath: length]
      guard
        kernel[keyPath: length] >= 1, stride >= 1, dilation >= 1, padding >= 0, more >= 0,
        more < Swift.max(stride, dilation), positions >= 1
      else { return nil }
      var axis = WindowAxis(
        input: 0, output: positions, kernel: kernel[keyPath: length], stride: stride,
        padding: padding, dilation: dilation)
      axis.input = (positions - 1) * stride - 2 * padding + axis.extent + more
      return axis.input >= 1 ? axis : nil
    }
    guard let rows = axis(\.height), let columns = axis(\.width) else { return nil }
    return (rows, columns)
  }
}

extension ConvolutionPadding {
  /// The padding of a single row.
  package var across: ConvolutionPadding {
    guard case .explicit(_, _, let left, let right) = self else { return self }
    return .explicit(top: 0, bottom: 0, left: left, right: right)
  }
}

/// A convolution of images, by the name that messages give it.
private func convolve(
  _ name: String, _ x: Tensor, weight: Tensor, bias: Tensor?, stride: Size2D,
  padding: ConvolutionPadding, dilation: Size2D, groups: Int, activation: Activation
) -> Tensor {
  require(
    x.rank == 4 && weight.rank == 4 && groups >= 1 && x.shape[1] == weight.shape[1] * groups
      && weight.shape[0] % groups == 0,
    """
    \(name): input of shape \(x.shape) and weight \(weight.shape) in \(groups) groups; \
    [n, channels, height, width] and [out, channels / groups, height, width] were expected
    """)
  let kernel = Size2D(height: weight.shape[2], width: weight.shape[3])
  guard
    let axes = padding.axes(
      input: Size2D(height: x.shape[2], width: x.shape[3]), kernel: kernel, stride: stride,
      dilation: dilation)
  else {
    fatalError(
      """
      \(name): a window of \(kernel) at stride \(stride) with dilation \(dilation) and padding \
      \(padding) does not fit input \(x.shape)
      """)
  }
  return convolve(
    name, x, weight: weight, bias: bias, activation: activation, isTransposed: false,
    ConvolutionGeometry(
      images: x.shape[0], inputChannels: x.shape[1], outputChannels: weight.shape[0],
      groups: groups, rows: axes.rows, columns: axes.columns))
}

/// A convolution, or its transpose, with its gradient, which is the other one.
private func convolve(
  _ name: String, _ x: Tensor, weight: Tensor, bias: Tensor?, activation: Activation,
  isTransposed: Bool, _ geometry: ConvolutionGeometry
) -> Tensor {
  let inputs = [x, weight] + (bias.map { [$0] } ?? [])
  let device = commonDevice(name, inputs)
  let dtype = commonDType(name, inputs)
  require(dtype.isComputed, "\(name): operands are \(dtype); convert them with cast(to: .float32)")
  let outputs = isTransposed ? geometry.inputChannels : geometry.outputChannels
  require(
    bias == nil || bias?.shape == [outputs],
    "\(name): bias of shape \(bias.map(\.shape.description) ?? "") for \(outputs) output channels")
  let images = x.detached.contiguous()
  let filters = weight.detached.contiguous()
  // As in a product of matrices: a gradient that needs the activation's input keeps it.
  let isTracked = inputs.contains(where: \.isTracked)
  let isFused =
    activation.isFused(on: device)
    && (!isTracked || activation.savesOutput || activation.isIdentity)
  let resultShape = isTransposed ? geometry.inputShape : geometry.outputShape
  let result = launchConvolution(
    images, filters,
    Epilogue(
      bias: bias?.detached.view.forChannels(of: resultShape),
      activation: isFused && !activation.isIdentity ? activation.expression : nil),
    isTransposed: isTransposed, geometry)
  guard isTracked else { return isFused ? result : activation(result) }
  let recorded = result.recorded(
    name, from: inputs,
    derivative: isFused ? activation.derivative(input: nil, output: result) : nil
  ) { cotangent, isNeeded in
    let signal = cotangent.contiguous()
    let inputShape = images.shape
    let needsBias = isNeeded.count > 2 && isNeeded[2]
    var weightGradient: Tensor?
    var biasGradient: Tensor?
    if isNeeded[1] {
      let gradient = device.allocate(dtype, geometry.weightShape)
      let (y, x) = isTransposed ? (images, signal) : (signal, images)
      if needsBias && !isTransposed { biasGradient = device.allocate(dtype, [outputs]) }
      let results = [gradient.view] + (biasGradient.map { [$0.view] } ?? [])
      if results.contains(where: { $0.count > 0 }) {
        device.launch(reading: [y.view, x.view], writing: results) {
          try $0.convolutionWeightGradient(
            y.view, x: x.view, geometry: geometry, into: gradient.view,
            biasGradient: biasGradient?.view)
        }
      }
      weightGradient = gradient
    }
    if needsBias && biasGradient == nil { biasGradient = signal.sum(axes: [0, 2, 3]) }
    return [
      isNeeded[0]
        ? .pending(inputShape) {
          launchConvolution(signal, filters, $0, isTransposed: !isTransposed, geometry)
        } : nil,
      weightGradient.map(Tape.InputGradient.made),
      biasGradient.map(Tape.InputGradient.made),
    ]
  }
  return isFused ? recorded : activation(recorded)
}

private func launchConvolution(
  _ x: Tensor, _ weight: Tensor, _ epilogue: Epilogue?, isTransposed: Bool,
  _ geometry: ConvolutionGeometry
) -> Tensor {
  let result = x.device.allocate(
    x.dtype, isTransposed ? geometry.inputShape : geometry.outputShape)
  guard result.count > 0 else { return result }
  x.device.launch(
    reading: [x.view, weight.view] + (epilogue?.operand.map { [$0] } ?? []), writing: [result.view]
  ) {
    if isTransposed {
      try $0.convolveTransposed(
        x.view, weight: weight.view, epilogue: epilogue, geometry: geometry, into: result.view)
    } else {
      try $0.convolve(
        x.view, weight: weight.view, epilogue: epilogue, geometry: geometry, into: result.view)
    }
  }
  return result
}
