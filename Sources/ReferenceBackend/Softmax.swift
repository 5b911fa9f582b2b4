public import Compute
import RealModule

extension ReferenceBackend {
  /// The cross-entropy of each row's softmax, `log Σⱼ exp(x[r, j]) − x[r, labels[r]]`.
  ///
  /// Traps when the shapes do not fit or the labels are not integers.
  public func softmaxCrossEntropy(
    logits: View, labels: View, into losses: View, logSumExp: View
  ) throws {
    check("softmaxCrossEntropy", logits: logits, labels: labels, rows: [losses, logSumExp])
    if losses.count == 0 { return }
    try launch("softmaxCrossEntropy", [logits, labels, losses, logSumExp]) {
      withRealType(
        of: [logits.dtype, losses.dtype, logSumExp.dtype], for: "softmaxCrossEntropy"
      ) {
        crossEntropy(logits: logits, labels: labels, into: losses, logSumExp: logSumExp, as: $0)
      }
    }
  }

  /// The gradient, `(softmax(x)[r, j] − (j == labels[r]))·cotangent[r]`.
  ///
  /// Traps when the shapes do not fit or the labels are not integers.
  public func softmaxCrossEntropyGradient(
    cotangent: View, logits: View, labels: View, logSumExp: View, into gradient: View
  ) throws {
    check(
      "softmaxCrossEntropyGradient", logits: logits, labels: labels, rows: [cotangent, logSumExp])
    require(
      gradient.shape == logits.shape,
      "softmaxCrossEntropyGradient: the gradient has shape \(gradient.shape); \(logits.shape) was "
        + "expected")
    if gradient.count == 0 { return }
    try launch(
      "softmaxCrossEntropyGradient", [cotangent, logits, labels, logSumExp, gradient]
    ) {
      withRealType(
        of: [cotangent.dtype, logits.dtype, logSumExp.dtype, gradient.dtype],
        for: "softmaxCrossEntropyGradient"
      ) {
        crossEntropyGradient(
          cotangent: cotangent, logits: logits, labels: labels, logSumExp: logSumExp,
          into: gradient, as: $0)
      }
    }
  }

  private func check(_ operation: String, logits: View, labels: View, rows: [View]) {
    let views = [labels] + rows
    require(
      logits.shape.rank == 2 && views.allSatisfy { $0.shape == [logits.shape[0]] },
      "\(operation): logits of shape \(logits.shape) came with \(views.map(\.shape)); "
        + "[rows, classes] with [rows] was expected")
    require(
      !labels.dtype.isFloatingPoint,
      "\(operation): the labels are \(labels.dtype); an integer type was expected")
  }
}

private func crossEntropy<S: RealScalar>(
  logits: View, labels: View, into losses: View, logSumExp: View, as type: S.Type
) {
  let (rows, classes) = (logits.shape[0], logits.shape[1])
  let x: [S] = elements(of: logits)
  let labels: [Int64] = elements(of: labels)
  var logSums: [S] = []
  var results: [S] = []
  for row in 0..<rows {
    let x = x[row * classes..<(row + 1) * classes]
    let largest = maximum(of: x)
    let sum = x.reduce(0) { $0 + S.exp($1 - largest) }
    let logSum = S.log(sum)
    logSums.append(logSum)
    if let label = Int(exactly: labels[row]), label >= 0, label < classes {
      // The differences from the largest are small, unlike the two terms themselves.
      results.append(logSum - (x[x.startIndex + label] - largest))
    } else {
      results.append(.nan)
    }
  }
  store(results, to: losses)
  store(logSums, to: logSumExp)
}

private func crossEntropyGradient<S: RealScalar>(
  cotangent: View, logits: View, labels: View, logSumExp: View, into gradient: View,
  as type: S.Type
) {
  let (rows, classes) = (logits.shape[0], logits.shape[1])
  var x: [S] = elements(of: logits)
  let cotangent: [S] = elements(of: cotangent)
  let labels: [Int64] = elements(of: labels)
  let logSums: [S] = elements(of: logSumExp)
  for row in 0..<rows {
    let isKnown = labels[row] >= 0 && labels[row] < classes
    let largest = maximum(of: x[row * classes..<(row + 1) * classes])
    for j in 0..<classes {
      let softmax = S.exp(x[row * classes + j] - largest - logSums[row])
      let target: S = isKnown ? (labels[row] == j ? 1 : 0) : .nan
      x[row * classes + j] = (softmax - target) * cotangent[row]
    }
  }
  store(x, to: gradient)
}

/// The largest of a row, NaN if any element is.
func maximum<S: RealScalar>(of row: some Sequence<S>) -> S {
  row.reduce(-.infinity) { S.evaluate(BinaryIntrinsic.maximum, $0, $1) }
}
