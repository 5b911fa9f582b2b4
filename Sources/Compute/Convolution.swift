/// The lengths of a two-dimensional convolution.
///
/// x is `[images, inputChannels, rows.input, columns.input]`, the weight `[outputChannels,
/// inputChannels / groups, rows.kernel, columns.kernel]` and y `[images, outputChannels,
/// rows.output, columns.output]`. Group g maps the g-th share of the input's channels to the g-th
/// share of the output's.
public struct ConvolutionGeometry: Sendable, Hashable {
  /// The examples.
  public var images: Int
  /// The channels of x.
  public var inputChannels: Int
  /// The channels of y.
  public var outputChannels: Int
  /// The parts into which the channels are divided, which do not mix.
  public var groups: Int
  /// How the window moves from row to row.
  public var rows: WindowAxis
  /// How the window moves along a row.
  public var columns: WindowAxis

  /// Creates a geometry.
  public init(
    images: Int, inputChannels: Int, outputChannels: Int, groups: Int = 1, rows: WindowAxis,
    columns: WindowAxis
  ) {
    self.images = images
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.groups = groups
    self.rows = rows
    self.columns = columns
  }

  /// The input channels of a group.
  public var groupInputs: Int { inputChannels / groups }
  /// The output channels of a group.
  public var groupOutputs: Int { outputChannels / groups }
  /// The shape of x.
  public var inputShape: Shape { [images, inputChannels, rows.input, columns.input] }
  /// The shape of the weight.
  public var weightShape: Shape { [outputChannels, groupInputs, rows.kernel, columns.kernel] }
  /// The shape of y.
  public var outputShape: Shape { [images, outputChannels, rows.output, columns.output] }
}

/// Convolutions of images: what deep learning calls so, a cross-correlation.
///
/// What is not finite may also reach results whose windows meet it with a weight in the padding: 0
/// times infinity is NaN.
public protocol ConvolutionBackend {
  /// Convolves images, `y = epilogue(w ⋆ x)`:
  ///
  /// `y[n, o, p, q] = epilogue(Σ w[o, c, i, j]·x[n, c, p·s + i·d − pad, q·s + j·d − pad])`,
  /// over the channels c of o's group and the taps i, j; x is 0 in the padding.
  ///
  /// All views are contiguous, and float32 or float64 alike. The epilogue's operand, of y's shape, is
  /// contiguous too, or has one number for each channel.
  func convolve(
    _ x: View, weight: View, epilogue: Epilogue?, geometry: ConvolutionGeometry, into y: View
  ) throws

  /// The transposed convolution, `x = epilogue(wᵀ ⋆ y)`:
  ///
  /// `x[n, c, r, t] = epilogue(Σ w[o, c, i, j]·y[n, o, p, q])`, over all o, i, j, p, q
  /// with `r = p·s + i·d − pad` and `t = q·s + j·d − pad`.
  ///
  /// Without an epilogue it is the gradient of ``convolve(_:weight:epilogue:geometry:into:)`` with
  /// respect to x. The epilogue's operand, of x's shape, is contiguous or has one number for each
  /// channel.
  func convolveTransposed(
    _ y: View, weight: View, epilogue: Epilogue?, geometry: ConvolutionGeometry, into x: View
  ) throws

  /// The gradient of a convolution with respect to its weight:
  ///
  /// `g[o, c, i, j] = Σ cotangent[n, o, p, q]·x[n, c, p·s + i·d − pad, q·s + j·d − pad]`, over n, p, q.
  ///
  /// `biasGradient`, one number for each output channel, is the gradient with respect to a bias,
  /// `Σ cotangent[n, o, p, q]`; nil where none is wanted.
  func convolutionWeightGradient(
    _ cotangent: View, x: View, geometry: ConvolutionGeometry, into gradient: View,
    biasGradient: View?
  ) throws
}

extension ConvolutionBackend {
  /// Convolves images, `y = activation(w ⋆ x + bias)`.
  ///
  /// `bias` holds one number for each output channel; `activation` is an expression of `input(0)`, the
  /// biased sum.
  public func convolve(
    _ x: View, weight: View, bias: View?, activation: Expression?,
    geometry: ConvolutionGeometry, into y: View
  ) throws {
    try convolve(
      x, weight: weight,
      epilogue: Epilogue(bias: bias?.forChannels(of: y.shape), activation: activation),
      geometry: geometry, into: y)
  }

  /// The transposed convolution, `x = activation(wᵀ ⋆ y + bias)`.
  ///
  /// `bias` holds one number for each input channel; `activation` is an expression of `input(0)`, the
  /// biased sum.
  public func convolveTransposed(
    _ y: View, weight: View, bias: View?, activation: Expression?,
    geometry: ConvolutionGeometry, into x: View
  ) throws {
    try convolveTransposed(
      y, weight: weight,
      epilogue: Epilogue(bias: bias?.forChannels(of: x.shape), activation: activation),
      geometry: geometry, into: x)
  }

  /// Traps unless views are what a convolution takes.
  package func checkConvolution(
    _ operation: String, x: View, weight: View, y: View, _ geometry: ConvolutionGeometry,
    epilogue: Epilogue? = nil
  ) {
    let groups = geometry.groups
    require(
      geometry.rows.isValid && geometry.columns.isValid && groups >= 1
        && geometry.inputChannels % groups == 0 && geometry.outputChannels % groups == 0,
      "\(operation): \(geometry) is no geometry of a convolution")
    require(
      x.shape == geometry.inputShape && weight.shape == geometry.weightShape
        && y.shape == geometry.outputShape,
      "\(operation): x \(x.shape), weight \(weight.shape) and y \(y.shape) came; "
        + "\(geometry.inputShape), \(geometry.weightShape) and \(geometry.outputShape) were expected"
    )
    let views = [x, weight, y]
    let dtypes = (views + (epilogue?.operand.map { [$0] } ?? [])).map(\.dtype)
    require(
      y.dtype.isComputed && dtypes.allSatisfy { $0 == y.dtype },
      "\(operation): dtypes are \(dtypes); one of float32 and float64 was expected")
    require(
      views.allSatisfy(\.isContiguous),
      "\(operation): strides are \(views.map(\.strides)); contiguous views were expected")
  }

  /// Traps unless there is a place for each output channel's number.
  package func checkBiasGradient(
    _ operation: String, _ biasGradient: View?, of cotangent: View, _ geometry: ConvolutionGeometry
  ) {
    guard let biasGradient else { return }
    require(
      biasGradient.shape == [geometry.outputChannels] && biasGradient.dtype == cotangent.dtype
        && biasGradient.isContiguous,
      "\(operation): the bias's gradient is \(biasGradient.dtype) of shape \(biasGradient.shape) with "
        + "strides \(biasGradient.strides); \(cotangent.dtype) of shape "
        + "[\(geometry.outputChannels)], contiguous, was expected")
  }

  /// Traps unless an epilogue's operand lies as the result does or has a number for each channel.
  package func checkEpilogue(_ operation: String, _ epilogue: Epilogue?, of result: View) {
    guard let operand = epilogue?.operand else { return }
    require(
      operand.shape == result.shape && (operand.isContiguous || operand.isOfChannels),
      "\(operation): the epilogue's operand is \(operand.shape) with strides \(operand.strides); "
        + "\(result.shape), contiguous or with a number for each channel, was expected")
  }
}

extension View {
  /// Numbers for each channel as images of a shape.
  package func forChannels(of images: Shape) -> View {
    require(
      shape == [images[1]],
      "convolve: bias \(shape) came for images of shape \(images); [\(images[1])] was expected")
    return with(shape: images, strides: [0, strides[0], 0, 0])
  }

  /// Contiguous numbers, one for each channel, as an image of one element.
  package var asChannels: View { with(shape: [1, count, 1, 1], strides: [count, 1, 1, 1]) }

  /// Whether images repeat one number for each channel.
  package var isOfChannels: Bool {
    [0, 2, 3].allSatisfy { strides[$0] == 0 || shape.dimensions[$0] == 1 }
  }
}
