public import Compute
public import Tensors

/// A layer that takes one number of each window of its input: of images `[n, …, height, width]`, or of
/// sequences `[n, …, length]`.
public class PoolingLayer: Module, Layer {
  /// The window's lengths.
  public let window: Size2D
  /// The elements from one window to the next.
  public let stride: Size2D
  /// The rows and columns at each edge that windows may reach over; at most half a window.
  public let padding: Size2D

  /// What is taken of a window.
  package let pooling: Pooling
  /// Whether sequences are pooled instead of images.
  package let isRow: Bool

  fileprivate init(
    _ pooling: Pooling, isRow: Bool = false, _ window: Size2D, _ stride: Size2D?, _ padding: Size2D
  ) {
    self.pooling = pooling
    self.isRow = isRow
    self.window = window
    self.stride = stride ?? window
    self.padding = padding
    super.init()
    require(
      window.isAtLeast(1) && self.stride.isAtLeast(1) && padding.isAtLeast(0)
        && padding.height * 2 <= window.height && padding.width * 2 <= window.width,
      """
      \(type(of: self)): window \(window), stride \(self.stride), padding \(padding); lengths are at \
      least 1 and padding is at most half the window
      """)
  }

  /// The layer with its window, and what differs from the defaults.
  public override var summary: String {
    func text(_ size: Size2D) -> String {
      isRow || size.height == size.width ? "\(size.width)" : "\(size)"
    }
    let parts =
      (stride == window ? "" : ", stride \(text(stride))")
      + (padding == 0 ? "" : ", padding \(text(padding))")
    return "\(type(of: self))(\(text(window))\(parts))"
  }

  /// The layer's output.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let name = "\(type(of: self))"
    return isRow
      ? poolRow(name, x, pooling, window.width, stride.width, padding.width)
      : pool(name, x, pooling, window, stride, padding)
  }

  /// Takes any shape whose last axes the window fits.
  public func build(input: Shape) throws(ModelError) -> Shape {
    let rank = isRow ? 2 : 3
    guard input.rank == rank else {
      throw ModelError(
        """
        \(type(of: self)) needs an input \(isRow ? "[channels, length]" : "[channels, height, width]") \
        for each example, not \(input)
        """)
    }
    guard
      let axes = poolingAxes(
        input: Size2D(height: isRow ? 1 : input[-2], width: input[-1]), window: window,
        stride: stride, padding: padding)
    else {
      throw ModelError("\(summary) does not fit its input of shape \(input)")
    }
    let lengths = isRow ? [axes.columns.output] : [axes.rows.output, axes.columns.output]
    return Shape(input.dimensions.dropLast(rank - 1) + lengths)
  }
}

/// The largest of each window of images.
///
/// See ``maxPool2d(_:window:stride:padding:)``.
public final class MaxPool2D: PoolingLayer {
  /// Creates a layer; traps unless the padding is at most half the window.
  public init(_ window: Size2D, stride: Size2D? = nil, padding: Size2D = 0) {
    super.init(.maximum, window, stride, padding)
  }
}

/// The smallest of each window of images.
///
/// See ``minPool2d(_:window:stride:padding:)``.
public final class MinPool2D: PoolingLayer {
  /// Creates a layer; traps unless the padding is at most half the window.
  public init(_ window: Size2D, stride: Size2D? = nil, padding: Size2D = 0) {
    super.init(.minimum, window, stride, padding)
  }
}

/// The mean of each window of images.
///
/// See ``averagePool2d(_:window:stride:padding:countsPadding:)``.
public final class AveragePool2D: PoolingLayer {
  /// Creates a layer; traps unless the padding is at most half the window.
  public init(
    _ window: Size2D, stride: Size2D? = nil, padding: Size2D = 0, countsPadding: Bool = true
  ) {
    super.init(countsPadding ? .average : .averageWithoutPadding, window, stride, padding)
  }
}

/// The largest of each window of sequences.
///
/// See ``maxPool1d(_:window:stride:padding:)``.
public final class MaxPool1D: PoolingLayer {
  /// Creates a layer; traps unless the padding is at most half the window.
  public init(_ window: Int, stride: Int? = nil, padding: Int = 0) {
    super.init(.maximum, isRow: true, [1, window], [1, stride ?? window], [0, padding])
  }
}

/// The smallest of each window of sequences.
///
/// See ``minPool1d(_:window:stride:padding:)``.
public final class MinPool1D: PoolingLayer {
  /// Creates a layer; traps unless the padding is at most half the window.
  public init(_ window: Int, stride: Int? = nil, padding: Int = 0) {
    super.init(.minimum, isRow: true, [1, window], [1, stride ?? window], [0, padding])
  }
}

/// The mean of each window of sequences.
///
/// See ``averagePool1d(_:window:stride:padding:countsPadding:)``.
public final class AveragePool1D: PoolingLayer {
  /// Creates a layer; traps unless the padding is at most half the window.
  public init(_ window: Int, stride: Int? = nil, padding: Int = 0, countsPadding: Bool = true) {
    super.init(
      countsPadding ? .average : .averageWithoutPadding, isRow: true, [1, window],
      [1, stride ?? window], [0, padding])
  }
}
