package import Compute

/// Pooling windows of images and sequences.
public enum PoolingOperation: String, OperationFamily {
  case max, min, average, averageWithoutPadding, rows, global

  /// The operation over windows that overlap, leave gaps, and reach over the edges.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let width = source.size(in: 9...13)
    let lengths = source.shuffledLengths()
    func samples(
      _ accuracy: SampleAccuracy, _ values: SampleValues,
      _ pool: @escaping @Sendable (Tensor, Size2D, Size2D?, Size2D) -> Tensor
    ) -> [OperationSample] {
      func sample(
        _ shape: Shape, _ window: Size2D, _ stride: Size2D? = nil, _ padding: Size2D = 0,
        _ layout: SampleInput.Layout = .contiguous
      ) -> OperationSample {
        OperationSample(
          [.init(shape, values, layout: layout)],
          label: "\(window) at \(stride ?? window), padding \(padding)", accuracy: accuracy
        ) { pool($0[0], window, stride, padding) }
      }
      return [
        sample([2, 3, 7, width], 3, 2, 1), sample([3, 6, width], [2, 3], [3, 1], [1, 0]),
        sample([2, 1, 5, 9], 2, 3), sample([0, 3, 8, 6], 2),
        sample([2, 3, 8, 6], 2, nil, 0, .sliced),
        sample([2, 3, 6, 8], 2, nil, 0, .transposed), sample([2, 20, 20], 17, 3),
      ] + lengths.map { sample([2, 3, $0], 2, 2, 1) }
    }
    func each(
      _ shapes: [Shape], _ accuracy: SampleAccuracy, _ values: SampleValues,
      _ pool: @escaping @Sendable (Tensor) -> Tensor
    ) -> [OperationSample] {
      (shapes.map { SampleInput($0, values) }
        + SampleInput.Layout.allCases.map { SampleInput([2, 3, 9], values, layout: $0) })
        .map { input in OperationSample([input], accuracy: accuracy) { pool($0[0]) } }
    }
    let rows = (lengths + [0]).map { Shape($0 == 0 ? [0, 2, 4] : [2, $0]) }
    let planes = (lengths + [0]).map { Shape($0 == 0 ? [0, 2, 4] : [2, $0, 3]) }
    return switch self {
    case .max:
      samples(.exact, .distinct) { maxPool2d($0, window: $1, stride: $2, padding: $3) }
    case .min:
      samples(.exact, .distinct) { minPool2d($0, window: $1, stride: $2, padding: $3) }
    case .average:
      samples(.yardstick, .normal) { averagePool2d($0, window: $1, stride: $2, padding: $3) }
    case .averageWithoutPadding:
      samples(.yardstick, .normal) {
        averagePool2d($0, window: $1, stride: $2, padding: $3, countsPadding: false)
      }
    case .rows:
      each(rows, .exact, .distinct) { maxPool1d($0, window: 3, stride: 2, padding: 1) }
        + each([], .exact, .distinct) { minPool1d($0, window: 2) }
        + each([], .yardstick, .normal) {
          averagePool1d($0, window: 4, stride: 1, padding: 2, countsPadding: false)
        }
    case .global:
      each(planes, .yardstick, .normal) { globalAveragePool($0) }
        + each([], .exact, .distinct) { globalMaxPool($0) }
    }
  }
}

/// The largest element of each window, as PyTorch's `max_pool2d`.
///
/// - Parameters:
///   - x: `[…, height, width]`.
///   - window: The window's lengths.
///   - stride: The elements from one window to the next; nil for the window's lengths.
///   - padding: The rows and columns at each edge that windows may reach over; at most half a window.
///     They are never the largest.
/// - Returns: `[…, positions, positions]`, with ⌊(length + 2·padding − window) / stride⌋ + 1 positions.
///
/// NaN where a window has one. The gradient goes to the first of equals. Traps when the window does not
/// fit.
public func maxPool2d(
  _ x: Tensor, window: Size2D, stride: Size2D? = nil, padding: Size2D = 0
) -> Tensor {
  pool("maxPool2d", x, .maximum, window, stride, padding)
}

/// The smallest element of each window; otherwise as ``maxPool2d(_:window:stride:padding:)``.
public func minPool2d(
  _ x: Tensor, window: Size2D, stride: Size2D? = nil, padding: Size2D = 0
) -> Tensor {
  pool("minPool2d", x, .minimum, window, stride, padding)
}

/// The mean of each window, as PyTorch's `avg_pool2d`; otherwise as ``maxPool2d(_:window:stride:padding:)``.
///
/// - Parameter countsPadding: Whether elements in the padding, which are 0, count as elements.
public func averagePool2d(
  _ x: Tensor, window: Size2D, stride: Size2D? = nil, padding: Size2D = 0,
  countsPadding: Bool = true
) -> Tensor {
  pool(
    "averagePool2d", x, countsPadding ? .average : .averageWithoutPadding, window, stride, padding)
}

/// The largest element of each window of `[…, length]`; see ``maxPool2d(_:window:stride:padding:)``.
public func maxPool1d(_ x: Tensor, window: Int, stride: Int? = nil, padding: Int = 0) -> Tensor {
  poolRow("maxPool1d", x, .maximum, window, stride, padding)
}

/// The smallest element of each window of `[…, length]`; see ``maxPool2d(_:window:stride:padding:)``.
public func minPool1d(_ x: Tensor, window: Int, stride: Int? = nil, padding: Int = 0) -> Tensor {
  poolRow("minPool1d", x, .minimum, window, stride, padding)
}

/// The mean of each window of `[…, length]`; see ``averagePool2d(_:window:stride:padding:countsPadding:)``.
public func averagePool1d(
  _ x: Tensor, window: Int, stride: Int? = nil, padding: Int = 0, countsPadding: Bool = true
) -> Tensor {
  poolRow(
    "averagePool1d", x, countsPadding ? .average : .averageWithoutPadding, window, stride, padding)
}

/// The mean of each channel: `[n, c, …]` becomes `[n, c]`.
///
/// Source: M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014.
public func globalAveragePool(_ x: Tensor) -> Tensor {
  require(x.rank >= 3, "globalAveragePool: shape \(x.shape); [n, channels, …] was expected")
  return x.mean(axes: Array(2..<x.rank))
}

/// The largest element of each channel: `[n, c, …]` becomes `[n, c]`.
///
/// The gradient goes to the first of equals.
public func globalMaxPool(_ x: Tensor) -> Tensor {
  require(x.rank >= 3, "globalMaxPool: shape \(x.shape); [n, channels, …] was expected")
  let length = x.shape.dimensions.dropFirst(2).reduce(1, *)
  let rows = x.reshaped(to: [x.shape[0], x.shape[1], length])
  return poolRow("globalMaxPool", rows, .maximum, length, nil, 0)
    .reshaped(to: [x.shape[0], x.shape[1]])
}

/// How a window moves down and across an input; nil where it does not fit.
package func poolingAxes(
  input: Size2D, window: Size2D, stride: Size2D?, padding: Size2D
) -> (rows: WindowAxis, columns: WindowAxis)? {
  guard padding.height * 2 <= window.height, padding.width * 2 <= window.width else { return nil }
  return ConvolutionPadding.symmetric(padding)
    .axes(input: input, kernel: window, stride: stride ?? window, dilation: 1)
}

/// Pools windows of `[…, length]`, by the name that messages give it.
package func poolRow(
  _ name: String, _ x: Tensor, _ pooling: Pooling, _ window: Int, _ stride: Int?, _ padding: Int
) -> Tensor {
  require(x.rank >= 1, "\(name): a scalar has no axis to pool; […, length] was expected")
  let y = pool(
    name, x.reshaped(to: Shape(x.shape.dimensions.dropLast() + [1, x.shape[-1]])), pooling,
    [1, window], stride.map { [1, $0] }, [0, padding])
  return y.reshaped(to: y.shape.dropping(axes: [-2]))
}

/// Pools windows of `[…, height, width]`, by the name that messages give it.
package func pool(
  _ name: String, _ x: Tensor, _ pooling: Pooling, _ window: Size2D, _ stride: Size2D?,
  _ padding: Size2D
) -> Tensor {
  require(x.rank >= 2, "\(name): shape \(x.shape); […, height, width] was expected")
  require(x.dtype.isComputed, "\(name): x is \(x.dtype); convert it with cast(to: .float32)")
  let input = Size2D(height: x.shape[-2], width: x.shape[-1])
  guard
    let (rows, columns) = poolingAxes(
      input: input, window: window, stride: stride, padding: padding)
  else {
    fatalError(
      """
      \(name): a window of \(window) at stride \(stride ?? window) with padding \(padding) does \
      not fit shape \(x.shape); padding is at most half the window
      """)
  }
  let device = x.device
  let lead = x.shape.dimensions.dropLast(2)
  let geometry = PoolingGeometry(planes: lead.reduce(1, *), rows: rows, columns: columns)
  let planes = x.detached.reshaped(to: geometry.inputShape).contiguous()
  let result = device.allocate(x.dtype, geometry.outputShape)
  let taps =
    x.isTracked && pooling.chooses
    ? device.allocate(geometry.tapDType, geometry.outputShape) : nil
  if result.count > 0 {
    device.launch(
      reading: [planes.view], writing: [result.view] + (taps.map { [$0.view] } ?? [])
    ) {
      try $0.pool(
        planes.view, pooling, geometry: geometry, into: result.view, taps: taps?.view)
    }
  }
  let shape = x.shape
  return result.reshaped(to: Shape(lead + [rows.output, columns.output]))
    .recorded(name, from: [x]) { cotangent, _ in
      let cotangent = cotangent.reshaped(to: geometry.outputShape).contiguous()
      return [
        .pending(shape) { epilogue in
          let gradient = device.allocate(cotangent.dtype, geometry.inputShape)
          let epilogue = epilogue?.reshaped(to: geometry.inputShape)
          if gradient.count > 0 {
            device.launch(
              reading: [cotangent.view] + [taps?.view, epilogue?.operand].compactMap { $0 },
              writing: [gradient.view]
            ) {
              try $0.poolGradient(
                cotangent.view, pooling, geometry: geometry, taps: taps?.view, epilogue: epilogue,
                into: gradient.view)
            }
          }
          return gradient.reshaped(to: shape)
        }
      ]
    }
}
