/// How a row of scores, one for each class, is compared with what was to be predicted.
///
/// With cⱼ the coefficient of class j, and p the softmax of the scores.
public enum ClassLoss: Sendable, Hashable {
  /// Σⱼ cⱼ·(−log pⱼ), where cⱼ = wⱼ·((1 − smoothing)·tⱼ + smoothing / classes).
  ///
  /// t is a distribution, or 1 at the label and else 0; w are the classes' weights. A class whose
  /// coefficient is 0 counts for nothing, whatever its score.
  case crossEntropy(smoothing: Double)
  /// Σⱼ cⱼ·(log cⱼ − log pⱼ) with cⱼ = wⱼ·tⱼ: the divergence of Kullback and Leibler.
  ///
  /// Where cⱼ is 0 the term and its derivatives in tⱼ are 0.
  case divergence
  /// w of the label · Σ max(0, margin − z of the label + zⱼ) / classes over all other classes j.
  ///
  /// At the kink the derivative is 0.
  case hinge(margin: Double)
}

/// Losses of rows of class scores, each fused into one kernel.
public protocol ClassLossBackend {
  /// The loss of each row.
  ///
  /// scores is `[rows, classes]` and contiguous. targets is `[rows]` of an integer dtype: labels;
  /// or `[rows, classes]`, contiguous, of the scores' dtype: distributions, which the hinge does
  /// not take. weights is `[classes]`, or nil where every class counts alike. losses is `[rows]`.
  /// statistics is `[2, rows]`, contiguous, and what the gradient needs of each row: the logarithm of
  /// the sum of exponentials, less the maximum, and the maximum, both NaN where one is; of the hinge
  /// the number of classes that cost something, and 0. Scores of any size are safe. A label outside 0..<classes makes its
  /// loss NaN.
  func classLoss(
    _ loss: ClassLoss, scores: View, targets: View, weights: View?, into losses: View,
    statistics: View) throws

  /// The gradient of each row's loss, times its cotangent, with respect to the scores and, where
  /// wanted, to the distributions.
  ///
  /// The gradients are of the scores' shape, and contiguous. A label outside 0..<classes makes its
  /// row NaN. cotangent may have any stride.
  func classLossGradient(
    _ loss: ClassLoss, cotangent: View, scores: View, targets: View, weights: View?,
    statistics: View, into gradient: View, targetGradient: View?) throws
}

extension ClassLossBackend {
  /// Traps unless views are what ``ClassLossBackend`` takes.
  package func checkClassLoss(
    _ loss: ClassLoss, scores: View, targets: View, weights: View?, rows: [View],
    statistics: View, gradients: [View] = []
  ) {
    let shape = scores.shape
    require(
      shape.rank == 2 && scores.dtype.isComputed && scores.isContiguous,
      "classLoss: the scores are \(scores.dtype) of shape \(shape) and strides \(scores.strides); "
        + "contiguous [rows, classes] of float32 or float64 were expected")
    let isDistribution = targets.dtype.isFloatingPoint
    if case .hinge = loss {
      require(!isDistribution, "classLoss: the hinge takes labels, not \(targets.dtype)")
    }
    require(
      isDistribution
        ? targets.shape == shape && targets.dtype == scores.dtype && targets.isContiguous
        : targets.shape == [shape[0]],
      "classLoss: the targets are \(targets.dtype) of shape \(targets.shape) and strides "
        + "\(targets.strides) for scores \(scores.dtype) of \(shape)")
    require(
      weights.map { $0.shape == [shape[1]] && $0.dtype == scores.dtype } ?? true,
      "classLoss: the weights have shape \(weights?.shape ?? .scalar) for scores of \(shape)")
    require(
      rows.allSatisfy { $0.shape == [shape[0]] && $0.dtype == scores.dtype },
      "classLoss: rows are \(rows.map(\.dtype)) of shapes \(rows.map(\.shape)) for scores "
        + "\(scores.dtype) of \(shape)")
    require(
      statistics.shape == [2, shape[0]] && statistics.dtype == scores.dtype
        && statistics.isContiguous,
      "classLoss: the statistics are \(statistics.dtype) of shape \(statistics.shape) and strides "
        + "\(statistics.strides); contiguous \(scores.dtype) of \([2, shape[0]] as Shape) was expected"
    )
    require(
      gradients.allSatisfy { $0.shape == shape && $0.dtype == scores.dtype && $0.isContiguous },
      "classLoss: gradients have shapes \(gradients.map(\.shape)) for scores of \(shape)")
  }
}
