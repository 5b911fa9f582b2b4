public import Compute
import RealModule

extension ReferenceBackend {
  /// The loss of each row of scores.
  ///
  /// Traps when shapes or dtypes do not fit.
  public func classLoss(
    _ loss: ClassLoss, scores: View, targets: View, weights: View?, into losses: View,
    statistics: View
  ) throws {
    checkClassLoss(
      loss, scores: scores, targets: targets, weights: weights, rows: [losses],
      statistics: statistics)
    if losses.count == 0 { return }
    try launch("classLoss", [scores, targets, weights, losses, statistics]) {
      withRealType(of: [scores.dtype], for: "classLoss") {
        evaluate(
          loss, scores: scores, targets: targets, weights: weights, into: losses,
          statistics: statistics, as: $0)
      }
    }
  }

  /// The gradient of each row's loss, times its cotangent.
  ///
  /// Traps when shapes or dtypes do not fit.
  public func classLossGradient(
    _ loss: ClassLoss, cotangent: View, scores: View, targets: View, weights: View?,
    statistics: View, into gradient: View, targetGradient: View?
  ) throws {
    checkClassLoss(
      loss, scores: scores, targets: targets, weights: weights, rows: [cotangent],
      statistics: statistics, gradients: [gradient] + (targetGradient.map { [$0] } ?? []))
    if gradient.count == 0 { return }
    try launch(
      "classLossGradient",
      [cotangent, scores, targets, weights, statistics, gradient, targetGradient]
    ) {
      withRealType(of: [scores.dtype], for: "classLossGradient") {
        differentiate(
          loss, cotangent: cotangent, scores: scores, targets: targets, weights: weights,
          statistics: statistics, into: gradient, targetGradient: targetGradient, as: $0)
      }
    }
  }
}

/// What rows of scores are compared with.
private struct ClassTargets<S: RealScalar> {
  let classes: Int
  /// The share of the target itself, and what every class has besides.
  private let share: S
  private let spread: S
  private let labels: [Int64]?
  private let distributions: [S]
  private let weights: [S]?

  init(_ loss: ClassLoss, _ targets: View, weights: View?, classes: Int) {
    self.classes = classes
    var smoothing = 0.0
    if case .crossEntropy(let value) = loss { smoothing = value }
    share = S(1 - smoothing)
    spread = S(smoothing / Double(classes))
    let isDistribution = targets.dtype.isFloatingPoint
    labels = isDistribution ? nil : elements(of: targets)
    distributions = isDistribution ? elements(of: targets) : []
    self.weights = weights.map { elements(of: $0) }
  }

  /// The class that a row's label names, if it names one.
  func label(_ row: Int) -> Int? {
    labels.flatMap { Int(exactly: $0[row]) }.flatMap { (0..<classes).contains($0) ? $0 : nil }
  }

  /// Whether the row has a target: a distribution, or a label that names a class.
  func isKnown(_ row: Int) -> Bool { labels == nil || label(row) != nil }

  func weight(_ j: Int) -> S { weights?[j] ?? 1 }

  /// The coefficient of a class.
  func coefficient(_ row: Int, _ j: Int) -> S {
    let target = labels == nil ? distributions[row * classes + j] : label(row) == j ? 1 : 0
    return weight(j) * (share * target + spread)
  }

  /// The derivative of the coefficient with respect to the target.
  func slope(_ j: Int) -> S { weight(j) * share }
}

private func evaluate<S: RealScalar>(
  _ loss: ClassLoss, scores: View, targets: View, weights: View?, into losses: View,
  statistics: View, as type: S.Type
) {
  let (rows, classes) = (scores.shape[0], scores.shape[1])
  let targets = ClassTargets<S>(loss, targets, weights: weights, classes: classes)
  let z: [S] = elements(of: scores)
  var results: [S] = []
  var logSums: [S] = []
  var maxima: [S] = []
  for row in 0..<rows {
    let z = Array(z[row * classes..<(row + 1) * classes])
    var result: S = 0
    switch loss {
    case .hinge(let margin):
      let costs =
        targets.label(row)
        .map { excesses(z, label: $0, margin: S(margin)).filter { !($0 <= 0) } } ?? []
      logSums.append(S(costs.count))
      maxima.append(0)
      result =
        costs.reduce(0, +) * targets.weight(targets.label(row) ?? 0) / S(classes)
    case .crossEntropy, .divergence:
      let largest = maximum(of: z)
      let logSum = S.log(z.reduce(0) { $0 + S.exp($1 - largest) })
      logSums.append(logSum)
      maxima.append(logSum.isNaN ? logSum : largest)
      for j in 0..<classes {
        let c = targets.coefficient(row, j)
        if c == 0 { continue }
        // The differences from the largest are small, unlike the two terms themselves.
        result += c * (logSum - (z[j] - largest))
        if loss == .divergence { result += c * S.log(c) }
      }
    }
    results.append(targets.isKnown(row) ? result : .nan)
  }
  store(results, to: losses)
  store(logSums + maxima, to: statistics)
}

/// The largest of a row, NaN if any element is.
private func maximum<S: RealScalar>(of row: some Sequence<S>) -> S {
  row.reduce(-.infinity) { S.evaluate(BinaryIntrinsic.maximum, $0, $1) }
}

/// margin − z of the label + zⱼ for each class j; −∞ for the label itself.
private func excesses<S: RealScalar>(_ z: [S], label: Int, margin: S) -> [S] {
  z.indices.map { $0 == label ? -.infinity : margin + (z[$0] - z[label]) }
}

private func differentiate<S: RealScalar>(
  _ loss: ClassLoss, cotangent: View, scores: View, targets: View, weights: View?,
  statistics: View, into gradient: View, targetGradient: View?, as type: S.Type
) {
  let (rows, classes) = (scores.shape[0], scores.shape[1])
  let targets = ClassTargets<S>(loss, targets, weights: weights, classes: classes)
  let z: [S] = elements(of: scores)
  let cotangent: [S] = elements(of: cotangent)
  let statistics: [S] = elements(of: statistics)
  var result = [S](repeating: .nan, count: rows * classes)
  var targetResult = [S](repeating: .nan, count: rows * classes)
  for row in 0..<rows where targets.isKnown(row) {
    let z = Array(z[row * classes..<(row + 1) * classes])
    switch loss {
    case .hinge(let margin):
      guard let label = targets.label(row) else { continue }
      let factor = cotangent[row] * targets.weight(label) / S(classes)
      for (j, excess) in excesses(z, label: label, margin: S(margin)).enumerated() {
        let slope: S = j == label ? -statistics[row] : excess <= 0 ? 0 : 1
        result[row * classes + j] = slope * factor
      }
    case .crossEntropy, .divergence:
      let largest = statistics[rows + row]
      let total = (0..<classes).reduce(S(0)) { $0 + targets.coefficient(row, $1) }
      for j in 0..<classes {
        let c = targets.coefficient(row, j)
        // −log of the probability.
        let cost = statistics[row] - (z[j] - largest)
        result[row * classes + j] = (S.exp(-cost) * total - c) * cotangent[row]
        let slope = loss != .divergence ? cost : c == 0 ? 0 : cost + (S.log(c) + 1)
        targetResult[row * classes + j] = targets.slope(j) * slope * cotangent[row]
      }
    }
  }
  store(result, to: gradient)
  if let targetGradient { store(targetResult, to: targetGradient) }
}
