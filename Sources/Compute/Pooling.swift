/// The lengths of a pooling: planes, each `[rows.input, columns.input]`, become planes
/// `[rows.output, columns.output]`.
public struct PoolingGeometry: Sendable, Hashable {
  /// The planes: images times channels.
  public var planes: Int
  /// How the window moves from row to row.
  public var rows: WindowAxis
  /// How the window moves along a row.
  public var columns: WindowAxis

  /// Creates a geometry.
  public init(planes: Int, rows: WindowAxis, columns: WindowAxis) {
    self.planes = planes
    self.rows = rows
    self.columns = columns
  }

  /// The shape of what is pooled.
  public var inputShape: Shape { [planes, rows.input, columns.input] }
  /// The shape of the result.
  public var outputShape: Shape { [planes, rows.output, columns.output] }
  /// The taps of a window.
  public var windowCount: Int { rows.kernel * columns.kernel }
  /// The dtype in which the taps of a window are numbered.
  public var tapDType: DType { windowCount <= 256 ? .uint8 : .int32 }
}

/// What is taken of a window.
public enum Pooling: String, CaseIterable, Sendable {
  /// The largest element of a window; padding is never the largest. NaN if any is.
  case maximum
  /// The smallest element of a window; padding is never the smallest. NaN if any is.
  case minimum
  /// The sum divided by the number of taps, in the padding or not.
  case average
  /// The sum divided by the number of taps that lie on the input.
  case averageWithoutPadding

  /// Whether one element of a window is chosen.
  public var chooses: Bool { self == .maximum || self == .minimum }
}

/// Pooling windows of planes.
///
/// All views are contiguous, and float32 or float64 alike. Every window lies on at least one element
/// of the input.
public protocol PoolingBackend {
  /// Pools each window.
  ///
  /// - Parameters:
  ///   - x: `[planes, rows, columns]`.
  ///   - y: `[planes, positions, positions]`.
  ///   - taps: Where an element is chosen, its tap, i·columns.kernel + j, of y's shape and
  ///     `geometry.tapDType`: the first of equals; the last NaN, as in PyTorch. Nil where it is not
  ///     wanted, and for averages.
  func pool(_ x: View, _ pooling: Pooling, geometry: PoolingGeometry, into y: View, taps: View?)
    throws

  /// The gradient with respect to x.
  ///
  /// - Parameters:
  ///   - cotangent: Of y's shape.
  ///   - taps: What ``pool(_:_:geometry:into:taps:)`` wrote.
  ///   - epilogue: What becomes of each element, with a contiguous operand of x's shape; nil for
  ///     nothing.
  ///   - gradient: Of x's shape.
  func poolGradient(
    _ cotangent: View, _ pooling: Pooling, geometry: PoolingGeometry, taps: View?,
    epilogue: Epilogue?, into gradient: View
  ) throws
}

extension PoolingBackend {
  /// Traps unless views are what a pooling takes.
  package func checkPooling(
    _ operation: String, x: View, y: View, taps: View?, _ pooling: Pooling,
    _ geometry: PoolingGeometry, needsTaps: Bool, epilogue: Epilogue? = nil
  ) {
    let axes = [geometry.rows, geometry.columns]
    require(
      geometry.planes >= 0 && axes.allSatisfy(\.isValid),
      "\(operation): \(geometry) is no geometry of a pooling")
    require(
      x.count == 0 || y.count == 0
        || axes.allSatisfy {
          !$0.taps(position: 0).isEmpty && !$0.taps(position: $0.output - 1).isEmpty
        },
      "\(operation): \(geometry) has windows that lie in the padding alone")
    require(
      x.shape == geometry.inputShape && y.shape == geometry.outputShape
        && (taps?.shape ?? y.shape) == y.shape,
      "\(operation): x \(x.shape), y \(y.shape) and taps \(taps.map { "\($0.shape)" } ?? "none") "
        + "came; \(geometry.inputShape) and \(geometry.outputShape) were expected")
    require(
      y.dtype.isComputed && x.dtype == y.dtype
        && (taps?.dtype ?? geometry.tapDType) == geometry.tapDType,
      "\(operation): dtypes are \(x.dtype), \(y.dtype) and \(taps.map { "\($0.dtype)" } ?? "none"); "
        + "one of float32 and float64, and \(geometry.tapDType) taps, were expected")
    require(
      [x, y, taps].allSatisfy { $0?.isContiguous ?? true },
      "\(operation): strides are \([x, y, taps].map { $0?.strides ?? [] }); contiguous views were "
        + "expected")
    if let operand = epilogue?.operand {
      require(
        operand.shape == x.shape && operand.dtype == x.dtype && operand.isContiguous,
        "\(operation): the epilogue's operand is \(operand.dtype) of shape \(operand.shape) with "
          + "strides \(operand.strides); \(x.dtype) of shape \(x.shape), contiguous, was expected")
    }
    require(
      !needsTaps || !pooling.chooses || taps != nil,
      "\(operation): the taps that \(pooling.rawValue) chose are missing")
  }
}
