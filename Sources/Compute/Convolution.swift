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
  /// Convolves images, `y = activation(w ⋆ x + bias)`:
  ///
  /// `y[n, o, p, q] = activation(Σ w[o, c, i, j]·x[n, c, p·s + i·d − pad, q·s + j·d − pad] + bias[o])`,
  /// over the channels c of o's group and the taps i, j; x is 0 in the padding.
  ///
  /// All views are contiguous, and float32 or float64 alike. `bias` holds one number for each output
  /// channel; `activation` is an expression of `input(0)`, the biased sum.
  func convolve(
    _ x: View, weight: View, bias: View?, activation: Expression?,
    geometry: ConvolutionGeometry, into y: View
  ) throws

  /// The transposed convolution, `x = activation(wᵀ ⋆ y + bias)`:
  ///
  /// `x[n, c, r, t] = activation(Σ w[o, c, i, j]·y[n, o, p, q] + bias[c])`, over all o, i, j, p, q
  /// with `r = p·s + i·d − pad` and `t = q·s + j·d − pad`.
  ///
  /// Without bias and activation it is the gradient of ``convolve(_:weight:bias:activation:geometry:into:)``
  /// with respect to x. `bias` holds one number for each input channel.
  func convolveTransposed(
    _ y: View, weight: View, bias: View?, activation: Expression?,
    geometry: ConvolutionGeometry, into x: View
  ) throws

  /// The gradient of a convolution with respect to its weight:
  ///
  /// `g[o, c, i, j] = Σ cotangent[n, o, p, q]·x[n, c, p·s + i·d − pad, q·s + j·d − pad]`, over n, p, q.
  func convolutionWeightGradient(
    _ cotangent: View, x: View, geometry: ConvolutionGeometry, into gradient: View
  ) throws
}

extension ConvolutionBackend {
  /// Traps unless views are what a convolution takes.
  package func checkConvolution(
    _ operation: String, x: View, weight: View, y: View, bias: View? = nil, biasCount: Int = 0,
    _ geometry: ConvolutionGeometry
  ) {
    let groups = geometry.groups
    require(
      geometry.rows.isValid && geometry.columns.isValid && groups >= 1
        && geometry.inputChannels % groups == 0 && geometry.outputChannels % groups == 0,
      "\(operation): \(geometry) is no geometry of a convolution")
    require(
      x.shape == geometry.inputShape && weight.shape == geometry.weightShape
        && y.shape == geometry.outputShape && (bias?.shape ?? [biasCount]) == [biasCount],
      "\(operation): x \(x.shape), weight \(weight.shape), y \(y.shape) and bias "
        + "\(bias.map { "\($0.shape)" } ?? "none") came; \(geometry.inputShape), "
        + "\(geometry.weightShape), \(geometry.outputShape) and [\(biasCount)] were expected")
    let views = [x, weight, y] + (bias.map { [$0] } ?? [])
    require(
      y.dtype.isComputed && views.allSatisfy { $0.dtype == y.dtype },
      "\(operation): dtypes are \(views.map(\.dtype)); one of float32 and float64 was expected")
    require(
      views.allSatisfy(\.isContiguous),
      "\(operation): strides are \(views.map(\.strides)); contiguous views were expected")
  }
}
