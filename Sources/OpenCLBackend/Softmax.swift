public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// The cross-entropy of each row's softmax, `log Σⱼ exp(x[r, j]) − x[r, labels[r]]`.
  ///
  /// One launch. Traps when the shapes or dtypes do not fit.
  public func softmaxCrossEntropy(
    logits: View, labels: View, into losses: View, logSumExp: View
  ) throws {
    check("softmaxCrossEntropy", logits, labels: labels, rows: [losses, logSumExp])
    guard losses.count > 0 else { return }
    try submit(
      "softmax_cross_entropy", logits: logits, labels: labels, losses: losses,
      logSumExp: logSumExp, arguments: [logits, labels, losses, logSumExp],
      writing: [losses, logSumExp])
  }

  /// The gradient, `(softmax(x)[r, j] − (j == labels[r]))·cotangent[r]`.
  ///
  /// One launch. Traps when the shapes or dtypes do not fit.
  public func softmaxCrossEntropyGradient(
    cotangent: View, logits: View, labels: View, logSumExp: View, into gradient: View
  ) throws {
    check("softmaxCrossEntropyGradient", logits, labels: labels, rows: [cotangent, logSumExp])
    require(
      gradient.shape == logits.shape && gradient.dtype == logits.dtype && gradient.isContiguous,
      "softmaxCrossEntropyGradient: the gradient is \(gradient.dtype) of shape \(gradient.shape) "
        + "and strides \(gradient.strides); contiguous \(logits.dtype) of \(logits.shape) was "
        + "expected")
    guard gradient.count > 0 else { return }
    try submit(
      "softmax_cross_entropy_gradient", logits: logits, labels: labels, logSumExp: logSumExp,
      gradient: gradient, cotangent: cotangent,
      arguments: [cotangent, logits, labels, logSumExp, gradient], writing: [gradient])
  }

  private func check(_ operation: String, _ logits: View, labels: View, rows: [View]) {
    require(
      logits.shape.rank == 2 && ([labels] + rows).allSatisfy { $0.shape == [logits.shape[0]] },
      "\(operation): logits of shape \(logits.shape) came with "
        + "\(([labels] + rows).map(\.shape)); [rows, classes] with [rows] was expected")
    require(
      !labels.dtype.isFloatingPoint,
      "\(operation): the labels are \(labels.dtype); an integer type was expected")
    require(
      logits.dtype.isComputed && rows.allSatisfy { $0.dtype == logits.dtype },
      "\(operation): dtypes are \(([logits] + rows).map(\.dtype)); one of float32 and float64 was "
        + "expected")
    require(logits.isContiguous, "\(operation): the logits' strides are \(logits.strides)")
  }

  private func submit(
    _ function: String, logits: View, labels: View, losses: View? = nil, logSumExp: View,
    gradient: View? = nil, cotangent: View? = nil, arguments: [View], writing outputs: [View]
  ) throws {
    let (rows, classes) = (logits.shape[0], logits.shape[1])
    let index = profile.indexType(arguments, upTo: rows * profile.groupSize)
    let lanes = profile.lanes(elementBytes: logits.dtype.byteCount)
    // A group of more work-items than classes would idle.
    let most = max(1, min(profile.groupSize, classes.nextPowerOfTwo))
    let (kernel, groupSize) = try prepare(groupSize: most) {
      SoftmaxKernel(
        function: function, dtype: logits.dtype, labels: labels.dtype, index: index, lanes: lanes,
        groupSize: $0)
    }
    func place(_ view: View?) -> [Int] { view.map { [$0.offset, $0.strides[0]] } ?? [0, 0] }
    let layout =
      [classes, logits.offset, gradient?.offset ?? 0] + place(labels) + place(losses)
      + place(logSumExp) + place(cotangent)
    let launch = Launch(
      kernel: kernel,
      arguments: try arguments.map(LaunchArgument.view) + [
        index.argument(layout, as: "struct rows")
      ],
      items: WorkSize(rows * groupSize), local: WorkSize(groupSize), work: 16 * logits.count)
    try submit([launch], writing: outputs)
  }
}

extension Int {
  /// The least power of two that is not below this number.
  var nextPowerOfTwo: Int {
    self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
  }
}

/// A kernel of softmax with cross-entropy.
private struct SoftmaxKernel: KernelSpecification {
  let function: String
  let dtype: DType
  let labels: DType
  let index: IndexType
  let lanes: Int
  let groupSize: Int

  var file: String { "softmax.cl" }
  var sharesWork: Bool { groupSize > 1 }

  var definitions: Definitions {
    var definitions = dtype.computeType.definitions(index)
    definitions.append([
      "TYPE_LABELS": .code(labels.integerName), "GROUP_SIZE": .integer(groupSize),
      "LANES": .integer(lanes),
    ])
    return definitions
  }
}
