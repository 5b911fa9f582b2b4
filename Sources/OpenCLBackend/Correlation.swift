import Compute
import OpenCLRuntime

/// One axis of a correlation: `y[r] = Σ w[u]·x[r·stride + u·dilation − before]`.
///
/// A convolution is one such correlation; its transpose is one for each remainder of a position
/// divided by the stride, over those taps that reach positions of that remainder, backwards.
struct CorrelationAxis: Hashable, Sendable {
  /// The taps that are summed.
  var taps: Int
  /// The weight's tap that is the first, and the distance to the next.
  var firstTap: Int, tapStep: Int
  /// The elements of x from one position to the next, and from one tap to the next.
  var stride: Int, dilation: Int
  /// The elements of padding before x; negative where the first are not reached.
  var before: Int
  /// The elements of x.
  var input: Int
  /// The positions, the first one's place in y, and the distance to the next.
  var count: Int
  var firstOutput: Int, outputStep: Int

  /// The taps from one to the next that begins at the same remainder of the stride.
  var period: Int { stride / greatestCommonDivisor(stride, dilation) }

  /// The axis of a convolution.
  init(_ axis: WindowAxis) {
    taps = axis.kernel
    (firstTap, tapStep) = (0, 1)
    (stride, dilation) = (axis.stride, axis.dilation)
    before = axis.padding
    input = axis.input
    count = axis.output
    (firstOutput, outputStep) = (0, 1)
  }

  /// The axes of a transposed convolution, which has the window's positions as its input.
  static func transposed(_ axis: WindowAxis) -> [CorrelationAxis] {
    (0..<axis.stride).compactMap { CorrelationAxis(transposed: axis, remainder: $0) }
  }

  /// The positions t of the padded input with t = remainder + stride·k; nil if there are none.
  private init?(transposed axis: WindowAxis, remainder: Int) {
    let (stride, dilation, padding) = (axis.stride, axis.dilation, axis.padding)
    let last = axis.input - 1 + padding - remainder
    let first = max(0, padding - remainder).dividedRoundingUp(by: stride)
    guard last >= 0, last / stride >= first else { return nil }
    count = last / stride - first + 1
    (firstOutput, outputStep) = (remainder + first * stride - padding, stride)
    input = axis.output

    // Tap i reaches positions of the remainder of i·dilation, which repeats after `period` taps.
    let divisor = greatestCommonDivisor(stride, dilation)
    let period = stride / divisor
    self.stride = 1
    self.dilation = dilation / divisor
    guard
      let start = (0..<min(axis.kernel, period)).first(where: {
        $0 * dilation % stride == remainder
      })
    else {
      (taps, firstTap, tapStep, before) = (0, 0, 0, 0)
      return
    }
    taps = (axis.kernel - start).dividedRoundingUp(by: period)
    firstTap = start + (taps - 1) * period
    tapStep = -period
    before = (start * dilation - remainder) / stride + (taps - 1) * self.dilation - first
  }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  b == 0 ? a : greatestCommonDivisor(b, a % b)
}

/// A matrix of correlations that one launch, or a few, compute: what convolutions and their
/// transposes have in common.
struct Correlation {
  let x: View
  let weight: View
  let epilogue: Epilogue?
  let y: View
  let images: Int
  let groups: Int
  /// The outputs, and the inputs, of a group.
  let filters: Int, channels: Int
  let rows: CorrelationAxis, columns: CorrelationAxis
  /// The elements of the weight from one to the next.
  let filterStride: Int, channelStride: Int
  /// The lengths of a plane of y.
  let yRows: Int, yColumns: Int
  private let kernelColumns: Int

  /// The correlation that is a convolution.
  init(
    _ x: View, weight: View, epilogue: Epilogue?, _ geometry: ConvolutionGeometry, into y: View
  ) {
    self.init(
      x, weight: weight, epilogue: epilogue, geometry, into: y,
      isTransposed: false, rows: CorrelationAxis(geometry.rows),
      columns: CorrelationAxis(geometry.columns))
  }

  /// The correlations that are a transposed convolution.
  static func transposed(
    _ y: View, weight: View, epilogue: Epilogue?, _ geometry: ConvolutionGeometry, into x: View
  ) -> [Correlation] {
    CorrelationAxis.transposed(geometry.rows).flatMap { rows in
      CorrelationAxis.transposed(geometry.columns).map { columns in
        Correlation(
          y, weight: weight, epilogue: epilogue, geometry, into: x,
          isTransposed: true, rows: rows, columns: columns)
      }
    }
  }

  private init(
    _ x: View, weight: View, epilogue: Epilogue?,
    _ geometry: ConvolutionGeometry, into y: View, isTransposed: Bool, rows: CorrelationAxis,
    columns: CorrelationAxis
  ) {
    self.x = x
    self.weight = weight
    self.epilogue = epilogue
    self.y = y
    images = geometry.images
    groups = geometry.groups
    let kernel = geometry.rows.kernel * geometry.columns.kernel
    let (inner, outer) = (kernel, geometry.groupInputs * kernel)
    filters = isTransposed ? geometry.groupInputs : geometry.groupOutputs
    channels = isTransposed ? geometry.groupOutputs : geometry.groupInputs
    (filterStride, channelStride) = isTransposed ? (inner, outer) : (outer, inner)
    kernelColumns = geometry.columns.kernel
    yRows = isTransposed ? geometry.rows.input : geometry.rows.output
    yColumns = isTransposed ? geometry.columns.input : geometry.columns.output
    self.rows = rows
    self.columns = columns
  }

  /// The products that each output sums.
  var depth: Int { channels * rows.taps * columns.taps }
  /// The positions of all examples.
  var positions: Int { images * rows.count * columns.count }
  /// What it costs beside other launches, as a product of matrices does.
  var work: Int { groups * filters * positions * max(1, depth / 16) }

  /// The outputs as a view of `[images, channels, positions, positions]`.
  var outputs: View { positions(of: y) }
  /// What of the epilogue's operand stands beside the outputs.
  var operand: View? { epilogue?.operand.map(positions) }
  /// Whether the operand has a number for each channel.
  var hasOperandOfChannels: Bool { operand?.isOfChannels ?? false }

  /// The correlation's positions of images that have y's shape.
  private func positions(of images: View) -> View {
    let strides = images.strides
    return images.with(
      shape: [self.images, groups * filters, rows.count, columns.count],
      strides: [
        strides[0], strides[1], rows.outputStep * strides[2], columns.outputStep * strides[3],
      ],
      offset: images.offset + rows.firstOutput * strides[2] + columns.firstOutput * strides[3])
  }

  /// Where x lies: the fields of the kernels' struct.
  var inputFields: [Int] {
    let plane = rows.input * columns.input
    return [
      x.offset, groups * channels * plane, plane, columns.input, rows.input, columns.input,
      rows.before, columns.before,
    ]
  }

  /// Where the weight lies: the fields of the kernels' struct.
  private var weightFields: [Int] {
    [
      weight.offset + rows.firstTap * kernelColumns + columns.firstTap,
      weight.count / groups, filterStride, channelStride, rows.tapStep * kernelColumns,
      columns.tapStep,
    ]
  }

  /// Where y lies: the fields of the kernels' struct.
  private var outputFields: [Int] { [outputs.offset] + outputs.strides }

  /// The fields of the kernels' `struct correlation`.
  var layout: [Int] {
    [filters, channels, groups, images, rows.count, columns.count] + inputFields + weightFields
      + outputFields + [operand?.offset ?? 0, operand?.strides[1] ?? 0]
  }

  /// What of the axes a kernel is built for.
  var window: CorrelationWindow { CorrelationWindow(rows: rows, columns: columns) }
}

/// What of a correlation's axes a kernel is built for.
struct CorrelationWindow: Hashable, Sendable {
  private let taps: [Int], strides: [Int], dilations: [Int], periods: [Int]

  init(rows: CorrelationAxis, columns: CorrelationAxis) {
    taps = [rows.taps, columns.taps]
    strides = [rows.stride, columns.stride]
    dilations = [rows.dilation, columns.dilation]
    periods = [rows.period, columns.period]
  }

  var definitions: Definitions {
    [
      "TAPS_Y": .integer(taps[0]), "TAPS_X": .integer(taps[1]),
      "STRIDE_Y": .integer(strides[0]), "STRIDE_X": .integer(strides[1]),
      "DILATION_Y": .integer(dilations[0]), "DILATION_X": .integer(dilations[1]),
      "PERIOD_Y": .integer(periods[0]), "PERIOD_X": .integer(periods[1]),
    ]
  }
}
