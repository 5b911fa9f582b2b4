import Compute
import Tensors

// What layers that slide a window over their input have in common.

/// Traps unless a window is one, and groups divide the outputs.
func requireWindow(
  _ layer: String, _ outputCount: Int, _ kernel: Size2D, _ stride: Size2D, _ dilation: Size2D,
  _ groups: Int
) {
  require(
    outputCount >= 1 && groups >= 1 && outputCount % groups == 0,
    "\(layer): \(outputCount) output channels in \(groups) groups")
  require(
    [kernel, stride, dilation].allSatisfy { $0.isAtLeast(1) },
    "\(layer): kernel \(kernel), stride \(stride), dilation \(dilation); none is less than 1")
}

/// Throws unless an input has the channels that a layer has, and groups divide them.
func checkChannels(_ layer: String, _ input: Shape, known: Int?, groups: Int) throws(ModelError) {
  if let known, known != input[0] {
    throw ModelError("\(layer) has \(known) input channels, but its input has shape \(input)")
  }
  guard input[0] % groups == 0 else {
    throw ModelError(
      "\(layer) divides its input channels into \(groups) groups, but its input has shape \(input)")
  }
}

/// What of a window differs from the defaults, for a layer's summary.
func windowSummary(
  stride: Size2D, padding: ConvolutionPadding, dilation: Size2D, groups: Int, hasBias: Bool
) -> String {
  func text(_ size: Size2D) -> String {
    size.height == size.width ? "\(size.height)" : "\(size)"
  }
  var parts: [String] = []
  if stride != 1 { parts.append("stride \(text(stride))") }
  if padding != .valid && padding != 0 { parts.append("padding \(padding)") }
  if dilation != 1 { parts.append("dilation \(text(dilation))") }
  if groups != 1 { parts.append("groups \(groups)") }
  if !hasBias { parts.append("no bias") }
  return parts.map { ", \($0)" }.joined()
}
