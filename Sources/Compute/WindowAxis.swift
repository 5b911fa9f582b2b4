/// One axis along which a window slides over an input.
///
/// Tap i of the window at position o lies on element `o·stride + i·dilation − padding` of the input;
/// a tap that lies on none is in the padding.
public struct WindowAxis: Sendable, Hashable {
  /// The elements of the input.
  public var input: Int
  /// The positions of the window.
  public var output: Int
  /// The taps of the window.
  public var kernel: Int
  /// The elements from one position to the next.
  public var stride: Int
  /// The elements of padding before the input's first.
  public var padding: Int
  /// The elements from one tap to the next.
  public var dilation: Int

  /// Creates an axis.
  public init(
    input: Int, output: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1
  ) {
    self.input = input
    self.output = output
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
  }

  /// The elements from a window's first tap to its last, both included.
  public var extent: Int { (kernel - 1) * dilation + 1 }

  /// The element under a tap; outside `0..<input` in the padding.
  public func element(position: Int, tap: Int) -> Int {
    position * stride + tap * dilation - padding
  }

  /// The positions at which a tap lies on the input.
  public func positions(tap: Int) -> Range<Int> {
    let first = padding - tap * dilation
    let lower = first <= 0 ? 0 : (first + stride - 1) / stride
    let last = input - 1 + first
    let upper = last < 0 ? 0 : min(output, last / stride + 1)
    return lower..<max(lower, upper)
  }

  /// The taps that lie on the input at a position.
  public func taps(position: Int) -> Range<Int> {
    let first = padding - position * stride
    let lower = first <= 0 ? 0 : (first + dilation - 1) / dilation
    let last = input - 1 + first
    let upper = last < 0 ? 0 : min(kernel, last / dilation + 1)
    return lower..<max(lower, upper)
  }

  /// Whether lengths and distances are such as a window has.
  var isValid: Bool {
    input >= 0 && output >= 0 && kernel >= 1 && stride >= 1 && dilation >= 1
  }
}
