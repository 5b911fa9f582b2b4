import Compute

// Losses of rows of scores, one for each class.

/// The mean cross-entropy of softmax over a batch: −log of the probability given to each label.
///
/// With labels y, probabilities p, class weights w and smoothing ε the loss of a row is
/// (1 − ε)·w_y·(−log p_y) + ε/classes·Σⱼ wⱼ·(−log pⱼ), and the mean is the sum over the rows
/// divided by the sum of w_y: PyTorch's weighted mean. With distributions t it is
/// Σⱼ wⱼ·((1 − ε)·tⱼ + ε/classes)·(−log pⱼ), and the mean is that over the rows.
///
/// Source of the smoothing: C. Szegedy and others, "Rethinking the Inception architecture for
/// computer vision", CVPR 2016, section 7.
///
/// - Parameters:
///   - logits: `[…, classes]`; the softmax is over the last axis. Right for logits of any size.
///   - targets: The class of each row, 0..<classes, `[…]`, of an integer dtype; a label out of
///     range makes the loss NaN. Or a distribution for each row, `[…, classes]`, of the logits'
///     dtype, in which the loss is differentiable as well.
///   - labelSmoothing: ε, 0...1: the share of each target that is spread over all classes.
///   - classWeights: w, `[classes]`, a constant; nil where every class counts alike.
/// - Returns: A scalar.
public func crossEntropy(
  _ logits: Tensor, _ targets: Tensor, labelSmoothing: Double = 0, classWeights: Tensor? = nil
) -> Tensor {
  let losses = crossEntropyPerExample(
    logits, targets, labelSmoothing: labelSmoothing, classWeights: classWeights)
  guard let classWeights, !targets.dtype.isFloatingPoint else { return losses.mean() }
  return losses.sum() / classWeights.detached.gather(targets.detached).sum()
}

/// The cross-entropy of softmax of each row.
///
/// - Parameters:
///   - logits: `[…, classes]`.
///   - targets: Labels, `[…]`, of an integer dtype; or distributions, `[…, classes]`.
///   - labelSmoothing: The share of each target that is spread over all classes.
///   - classWeights: `[classes]`, or nil.
/// - Returns: The losses, `[…]`; see ``crossEntropy(_:_:labelSmoothing:classWeights:)``.
public func crossEntropyPerExample(
  _ logits: Tensor, _ targets: Tensor, labelSmoothing: Double = 0, classWeights: Tensor? = nil
) -> Tensor {
  require(
    labelSmoothing >= 0 && labelSmoothing <= 1,
    "crossEntropy: the label smoothing is \(labelSmoothing), not in 0...1")
  checkClasses("crossEntropy", logits, targets, classWeights, takesDistributions: true)
  return classLoss(
    "crossEntropy", .crossEntropy(smoothing: labelSmoothing), logits, targets, classWeights)
}

/// The mean divergence of Kullback and Leibler of softmax from distributions, over a batch:
/// KL(t ‖ p) = Σⱼ tⱼ·(log tⱼ − log pⱼ) of each row.
///
/// The direction is that of the targets relative to the predictions, which PyTorch has too. The
/// predictions are logits z with p = softmax(z); since the softmax of logarithms of probabilities
/// gives these back, they may be given as well. tⱼ = 0 counts for nothing, and has no
/// gradient there. It is the cross-entropy less the targets' own entropy.
///
/// Source: S. Kullback, R. Leibler, "On information and sufficiency", Annals of Mathematical
/// Statistics 22, 1951.
///
/// - Parameters:
///   - logits: `[…, classes]`. Right for logits of any size.
///   - distributions: t, of the same shape and dtype; of each row the sum is 1.
/// - Returns: A scalar: the mean over the rows, PyTorch's "batchmean".
public func klDivergence(_ logits: Tensor, _ distributions: Tensor) -> Tensor {
  klDivergencePerExample(logits, distributions).mean()
}

/// The divergence of softmax from a distribution, of each row.
///
/// - Returns: The divergences, `[…]`; see ``klDivergence(_:_:)``.
public func klDivergencePerExample(_ logits: Tensor, _ distributions: Tensor) -> Tensor {
  require(
    distributions.dtype.isFloatingPoint,
    "klDivergence: the targets are \(distributions.dtype); they are distributions, such as labels.oneHot(classes:)"
  )
  checkClasses("klDivergence", logits, distributions, nil, takesDistributions: true)
  return classLoss("klDivergence", .divergence, logits, distributions, nil)
}

/// The mean multi-class hinge over a batch: what other classes' scores lack of being a margin below
/// the label's.
///
/// Of each row w_y·Σ_{j≠y} max(0, margin − z_y + zⱼ) / classes, PyTorch's `MultiMarginLoss`. The
/// derivative at the kink is 0.
///
/// Source: K. Crammer, Y. Singer, "On the algorithmic implementation of multiclass kernel-based
/// vector machines", JMLR 2, 2001; the sum over classes is that of J. Weston, C. Watkins, "Support
/// vector machines for multi-class pattern recognition", ESANN 1999.
///
/// - Parameters:
///   - scores: z, `[…, classes]`.
///   - labels: y, `[…]`, of an integer dtype; a label out of range makes the loss NaN.
///   - margin: The distance that costs nothing.
///   - classWeights: w, `[classes]`, a constant; nil where every class counts alike.
/// - Returns: A scalar.
public func multiclassHinge(
  _ scores: Tensor, _ labels: Tensor, margin: Double = 1, classWeights: Tensor? = nil
) -> Tensor {
  multiclassHingePerExample(scores, labels, margin: margin, classWeights: classWeights).mean()
}

/// The multi-class hinge of each row.
///
/// - Returns: The losses, `[…]`; see ``multiclassHinge(_:_:margin:classWeights:)``.
public func multiclassHingePerExample(
  _ scores: Tensor, _ labels: Tensor, margin: Double = 1, classWeights: Tensor? = nil
) -> Tensor {
  checkClasses("multiclassHinge", scores, labels, classWeights, takesDistributions: false)
  return classLoss("multiclassHinge", .hinge(margin: margin), scores, labels, classWeights)
}

/// Traps unless scores, targets and weights fit.
private func checkClasses(
  _ operation: String, _ scores: Tensor, _ targets: Tensor, _ classWeights: Tensor?,
  takesDistributions: Bool
) {
  require(scores.rank >= 1, "\(operation): logits of shape \(scores.shape) have no classes")
  require(
    scores.dtype.isComputed, "\(operation): logits are \(scores.dtype), not float32 or float64")
  let rows = Shape(scores.shape.dimensions.dropLast())
  let isDistribution = targets.dtype.isFloatingPoint
  require(
    !isDistribution || takesDistributions && targets.dtype == scores.dtype,
    """
    \(operation): labels are \(targets.dtype); class indices are of an integer dtype\
    \(takesDistributions ? ", distributions of the logits' \(scores.dtype)" : "")
    """)
  require(
    targets.shape == (isDistribution ? scores.shape : rows),
    """
    \(operation): \(isDistribution ? "distributions" : "labels") of shape \(targets.shape) do not \
    fit logits of shape \(scores.shape)\
    \(isDistribution && targets.shape == rows ? "; class indices are of an integer dtype" : "")
    """)
  guard let classWeights else { return }
  require(
    classWeights.shape == [scores.shape[-1]] && classWeights.dtype == scores.dtype,
    """
    \(operation): class weights \(classWeights.dtype) of shape \(classWeights.shape) do not fit \
    logits \(scores.dtype) of shape \(scores.shape)
    """)
}

/// Rows of scores as a matrix.
private struct ScoreRows {
  let scores: Tensor
  let shape: Shape
  var count: Int { shape.count }

  init(_ scores: Tensor) {
    shape = Shape(scores.shape.dimensions.dropLast())
    self.scores = scores.detached.reshaped(to: [shape.count, scores.shape[-1]]).contiguous()
  }
}

/// The loss of each row.
private func classLoss(
  _ operation: String, _ loss: ClassLoss, _ scores: Tensor, _ targets: Tensor,
  _ classWeights: Tensor?
) -> Tensor {
  let device = commonDevice(operation, [scores, targets] + (classWeights.map { [$0] } ?? []))
  let rows = ScoreRows(scores)
  let z = rows.scores
  let isDistribution = targets.dtype.isFloatingPoint
  let t =
    isDistribution
    ? targets.detached.reshaped(to: z.shape).contiguous()
    : targets.detached.reshaped(to: [rows.count])
  let weights = classWeights?.detached
  let losses = device.allocate(z.dtype, rows.shape)
  let statistics = device.allocate(z.dtype, [2, rows.count])
  let lossRows = losses.reshaped(to: [rows.count])
  if rows.count > 0 {
    device.launch(
      reading: [z.view, t.view] + (weights.map { [$0.view] } ?? []),
      writing: [lossRows.view, statistics.view]
    ) {
      try $0.classLoss(
        loss, scores: z.view, targets: t.view, weights: weights?.view, into: lossRows.view,
        statistics: statistics.view)
    }
  }
  return losses.recorded(operation, from: isDistribution ? [scores, targets] : [scores]) {
    cotangent, isNeeded in
    let shape = Shape(cotangent.shape.dimensions + [z.shape[1]])
    let gradient = device.allocate(z.dtype, z.shape)
    let targetGradient =
      isDistribution && isNeeded[1] ? device.allocate(z.dtype, z.shape) : nil
    let gradients = [gradient] + (targetGradient.map { [$0] } ?? [])
    let cotangentRows = cotangent.reshaped(to: [rows.count])
    if z.count > 0 {
      device.launch(
        reading: [cotangentRows.view, z.view, t.view, statistics.view]
          + (weights.map { [$0.view] } ?? []),
        writing: gradients.map(\.view)
      ) {
        try $0.classLossGradient(
          loss, cotangent: cotangentRows.view, scores: z.view, targets: t.view,
          weights: weights?.view, statistics: statistics.view, into: gradient.view,
          targetGradient: targetGradient?.view)
      }
    }
    return isDistribution
      ? [gradient.reshaped(to: shape), targetGradient?.reshaped(to: shape)]
      : [gradient.reshaped(to: shape)]
  }
}
