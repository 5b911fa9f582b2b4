package import Compute

/// Two lengths: down and across.
///
/// `3` is 3 both ways, `[3, 5]` 3 down and 5 across.
public struct Size2D: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
  CustomStringConvertible
{
  /// Down: along rows' numbers.
  public var height: Int
  /// Across: along columns' numbers.
  public var width: Int

  /// Creates a size.
  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  /// The same length both ways.
  public init(_ length: Int) { self.init(height: length, width: length) }

  /// The same length both ways.
  public init(integerLiteral length: Int) { self.init(length) }

  /// A height and a width; traps unless there are two numbers.
  public init(arrayLiteral lengths: Int...) {
    require(lengths.count == 2, "Size2D: \(lengths) came; [height, width] was expected")
    self.init(height: lengths[0], width: lengths[1])
  }

  /// `3×5`.
  public var description: String { "\(height)×\(width)" }

  /// Whether both lengths are at least so large.
  package func isAtLeast(_ least: Int) -> Bool { height >= least && width >= least }
}

/// The zeros that an image is given at its edges before it is convolved.
///
/// A number is so many at each edge.
public enum ConvolutionPadding: Sendable, Hashable, ExpressibleByIntegerLiteral {
  /// None.
  case valid
  /// As many as it takes for ⌈length / stride⌉ positions: for a stride of 1, as many as the input has
  /// elements. Where their number is odd there is one more at the bottom and on the right, as in
  /// PyTorch (which has it for a stride of 1 alone) and TensorFlow.
  case same
  /// So many at each edge.
  case explicit(top: Int, bottom: Int, left: Int, right: Int)

  /// So many at the top and at the bottom, and so many on each side.
  public static func symmetric(_ size: Size2D) -> ConvolutionPadding {
    .explicit(top: size.height, bottom: size.height, left: size.width, right: size.width)
  }

  /// So many at each edge.
  public init(integerLiteral count: Int) { self = .symmetric(Size2D(count)) }

  /// How a window moves down and across an input; nil where it does not fit.
  package func axes(input: Size2D, kernel: Size2D, stride: Size2D, dilation: Size2D) -> (
    rows: WindowAxis, columns: WindowAxis
  )? {
    let edges: (rows: (Int, Int)?, columns: (Int, Int)?) =
      switch self {
      case .valid: ((0, 0), (0, 0))
      case .same: (nil, nil)
      case .explicit(let top, let bottom, let left, let right): ((top, bottom), (left, right))
      }
    guard
      let rows = WindowAxis(
        input: input.height, kernel: kernel.height, stride: stride.height,
        dilation: dilation.height, padding: edges.rows),
      let columns = WindowAxis(
        input: input.width, kernel: kernel.width, stride: stride.width, dilation: dilation.width,
        padding: edges.columns)
    else { return nil }
    return (rows, columns)
  }
}

extension ConvolutionPadding: CustomStringConvertible {
  /// `valid`, `same`, or the numbers.
  public var description: String {
    switch self {
    case .valid: "valid"
    case .same: "same"
    case .explicit(let top, let bottom, let left, let right):
      Set([top, bottom, left, right]).count == 1
        ? "\(top)" : "top \(top), bottom \(bottom), left \(left), right \(right)"
    }
  }
}

extension WindowAxis {
  /// The axis with all positions at which the window lies within the padded input.
  ///
  /// Nil where there are none, or a number is not what it can be. A padding of nil is that of
  /// ``ConvolutionPadding/same``.
  init?(input: Int, kernel: Int, stride: Int, dilation: Int, padding: (before: Int, after: Int)?) {
    guard kernel >= 1, stride >= 1, dilation >= 1 else { return nil }
    self.init(
      input: input, output: 0, kernel: kernel, stride: stride, padding: 0, dilation: dilation)
    let edges: (before: Int, after: Int)
    if let padding {
      edges = padding
    } else {
      let positions = (input + stride - 1) / stride
      let total = Swift.max(0, (positions - 1) * stride + extent - input)
      edges = (total / 2, total - total / 2)
    }
    let room = input + edges.before + edges.after - extent
    guard edges.before >= 0, edges.after >= 0, room >= 0, input > 0 else { return nil }
    self.padding = edges.before
    output = room / stride + 1
  }
}
