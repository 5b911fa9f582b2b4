public import Compute

/// The number of inputs and outputs of one unit of a layer.
public struct Fans: Sendable, Hashable {
  /// Inputs that each output sums over; for a transposed convolution see
  /// ``init(ofTransposed:groupCount:)``.
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
  public init(of shape: Shape, groupCount: Int = 1) {
    let kernel = shape.dimensions.dropFirst(2).reduce(1, *)
    fanIn = (shape.rank > 1 ? shape[1] : 1) * kernel
    fanOut = (shape.rank > 0 ? shape[0] : 1) / max(groupCount, 1) * kernel
    self.groupCount = groupCount
  }

  /// The fans of a transposed convolution's weight `[in, out / groups, …]`, as PyTorch counts them:
  /// those of the convolution that it is the transpose of, whose outputs are its inputs.
  ///
  /// What an output sums over depends on the stride too: at a stride of 1 it is the fan-out.
  public init(ofTransposed shape: Shape, groupCount: Int = 1) {
    self.init(of: shape, groupCount: groupCount)
  }
}
