public import Compute

/// The number of inputs and outputs of one unit of a layer.
public struct Fans: Sendable, Hashable {
  /// Inputs that each output sums over.
  public let fanIn: Int
  /// Outputs that each input reaches.
  public let fanOut: Int
  /// The number of groups of channels that are not connected with each other.
  public let groupCount: Int

  /// Creates fans.
  public init(fanIn: Int, fanOut: Int, groupCount: Int = 1) {
    self.fanIn = fanIn
    self.fanOut = fanOut
    self.groupCount = groupCount
  }

  /// The fans of a weight `[out, in, …]`: the further axes are a kernel's, and count in both.
  ///
  /// A grouped convolution has the weight `[out, in / groups, …]`: an output sums over in / groups
  /// channels, and an input reaches out / groups of them. (PyTorch's fan-out leaves the groups out
  /// of account, which makes the variance of fan-out modes too small by their number.)
  ///
  /// The weight of a transposed convolution, `[in, out / groups, …]`, is counted as that of the
  /// convolution which it is the transpose of, as in PyTorch: what its outputs sum over depends on the
  /// stride too, and at a stride of 1 is the fan-out.
  public init(of shape: Shape, groupCount: Int = 1) {
    let kernel = shape.dimensions.dropFirst(2).reduce(1, *)
    fanIn = (shape.rank > 1 ? shape[1] : 1) * kernel
    fanOut = (shape.rank > 0 ? shape[0] : 1) / max(groupCount, 1) * kernel
    self.groupCount = groupCount
  }
}
