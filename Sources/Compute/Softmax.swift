/// Softmax with cross-entropy, fused.
public protocol SoftmaxBackend {
  /// The cross-entropy of each row's softmax: `losses[r] = log Σⱼ exp(logits[r, j]) − logits[r, labels[r]]`.
  ///
  /// logits is `[rows, classes]` and contiguous; labels `[rows]` of an integer dtype; losses and
  /// logSumExp `[rows]`. The row's maximum is subtracted first, so that logits of any size are
  /// safe, and logSumExp is that of what is left: the maximum itself would round it away. A label
  /// outside 0..<classes makes its loss NaN.
  func softmaxCrossEntropy(
    logits: View, labels: View, into losses: View, logSumExp: View) throws

  /// The gradient: `(softmax(logits)[r, j] − (j == labels[r])) · cotangent[r]`.
  ///
  /// logSumExp is what the forward pass wrote. A label outside 0..<classes makes its row NaN.
  /// cotangent may have any stride.
  func softmaxCrossEntropyGradient(
    cotangent: View, logits: View, labels: View, logSumExp: View, into gradient: View) throws
}
