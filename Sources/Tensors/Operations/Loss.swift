import Compute

/// Losses: one fused kernel forward and one back.
public enum LossOperation: String, OperationFamily {
  case crossEntropy, crossEntropyPerExample, smoothedCrossEntropy, weightedCrossEntropy
  case distributionCrossEntropy, klDivergence, multiclassHinge
  case binaryCrossEntropy, weightedBinaryCrossEntropy
  case meanSquaredError, meanAbsoluteError, huber

  /// The losses on small and odd batches, and with logits of ten thousand.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let lengths = source.shuffledLengths()
    let layouts = SampleInput.Layout.allCases
    /// Logits and labels; a row of one class has a loss of 0.
    func classes(
      _ loss: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> [OperationSample] {
      let shapes = zip(lengths, lengths.reversed()).map { Shape([$0, min($1, 33)]) }
      let trials =
        (shapes + [[1, 257], [5, 127], [3, 65]]).map { ($0, SampleInput.Layout.contiguous) }
        + layouts.map { ([17, 9], $0) }
      return trials.map { shape, layout in
        OperationSample([
          .init(shape, layout: layout), .init([shape[0]], .labels(shape[1]), layout: layout),
        ]) { loss($0[0], $0[1]) }
      } + [
        OperationSample(
          [.init([7, 5], .distinct), .init([7], .labels(5))], label: "logits of ±1e4"
        ) { loss($0[0] * 1e4, $0[1]) }
      ]
    }
    /// Logits and what each class is to have, in which the loss is differentiable too.
    func distributions(
      _ loss: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> [OperationSample] {
      let shapes = zip(lengths, lengths.reversed()).map { Shape([$0, min($1, 33)]) }
      return (shapes + [[2, 257], [5, 127], [3, 65], [0, 3], [2, 3, 5]]).map { shape in
        OperationSample([.init(shape), .init(shape, .positive)]) { loss($0[0], $0[1]) }
      }
        + layouts.map { layout in
          OperationSample([
            .init([17, 9], layout: layout),
            .init([17, 9], .positive, layout: layout == .transposed ? .sliced : .transposed),
          ]) { loss($0[0], $0[1]) }
        } + [
          OperationSample(
            [.init([7, 5], .distinct), .init([7, 5], .positive)], label: "logits of ±1e4"
          ) { loss($0[0] * 1e4, $0[1]) }
        ]
    }
    /// Scores whose differences are multiples of 1/8, as the margin is not, and labels.
    func margins(
      _ loss: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> [OperationSample] {
      let shapes = zip(lengths, lengths.reversed()).map { Shape([$0, min($1, 33)]) }
      let trials =
        (shapes + [[1, 257], [3, 127], [3, 65], [0, 3]]).map {
          ($0, SampleInput.Layout.contiguous)
        } + layouts.map { ([17, 9], $0) }
      return trials.map { shape, layout in
        OperationSample([
          .init(shape, .distinct, layout: layout),
          .init([shape[0]], .labels(shape[1]), layout: layout),
        ]) { loss($0[0], $0[1]) }
      } + [
        OperationSample(
          [.init([7, 5], .distinct), .init([7], .labels(5))], label: "scores of ±1e4"
        ) { loss($0[0] * 1e4, $0[1]) }
      ]
    }
    /// Predictions and targets of one shape.
    func pairs(
      _ values: SampleValues, _ others: SampleValues = .normal,
      _ loss: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> [OperationSample] {
      let shapes = lengths.map { Shape([$0, 3]) } + [[], [1], [257], [2, 3, 5]]
      return shapes.map { shape in
        OperationSample([.init(shape, values), .init(shape, others)]) { loss($0[0], $0[1]) }
      }
        + [SampleInput.Layout.transposed, .sliced].map { layout in
          OperationSample([
            .init([3, 17], values, layout: layout),
            .init([3, 17], others, layout: layout == .sliced ? .transposed : .sliced),
          ]) { loss($0[0], $0[1]) }
        }
    }
    /// A loss of each example, tried on rows and on an empty axis besides.
    func pairsPerExample(
      _ values: SampleValues, _ others: SampleValues = .normal,
      _ loss: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> [OperationSample] {
      [[17, 3], [5], [0, 3], [2, 3, 5]].map { shape in
        OperationSample(
          [.init(shape, values), .init(shape, others)], label: "per example"
        ) { loss($0[0], $0[1]) }
      }
    }
    return switch self {
    case .crossEntropy: classes { Tensors.crossEntropy($0, $1) }
    case .crossEntropyPerExample:
      classes { Tensors.crossEntropyPerExample($0, $1) } + [
        OperationSample([.init([0, 3]), .init([0], .labels(3))]) {
          Tensors.crossEntropyPerExample($0[0], $0[1])
        },
        OperationSample([.init([2, 3, 5], layout: .transposed), .init([2, 3], .labels(5))]) {
          Tensors.crossEntropyPerExample($0[0], $0[1])
        },
      ]
    case .smoothedCrossEntropy:
      classes { Tensors.crossEntropy($0, $1, labelSmoothing: 0.1) } + [
        OperationSample([.init([0, 3]), .init([0], .labels(3))]) {
          Tensors.crossEntropyPerExample($0[0], $0[1], labelSmoothing: 0.1)
        }
      ]
    case .weightedCrossEntropy:
      classes {
        Tensors.crossEntropy($0, $1, labelSmoothing: 0.2, classWeights: Self.weights(of: $0))
      } + [
        OperationSample([.init([0, 3]), .init([0], .labels(3))]) {
          Tensors.crossEntropyPerExample($0[0], $0[1], classWeights: Self.weights(of: $0[0]))
        }
      ]
    case .distributionCrossEntropy:
      distributions {
        Tensors.crossEntropyPerExample(
          $0, $1, labelSmoothing: 0.1, classWeights: Self.weights(of: $0))
      }
    case .klDivergence: distributions { Tensors.klDivergencePerExample($0, $1) }
    case .multiclassHinge:
      margins {
        Tensors.multiclassHingePerExample(
          $0, $1, margin: 0.8125, classWeights: Self.weights(of: $0))
      }
    case .binaryCrossEntropy:
      pairs(.awayFromZero) { Tensors.binaryCrossEntropy($0, $1) }
        + pairsPerExample(.awayFromZero) { binaryCrossEntropyPerExample($0, $1) } + [
          OperationSample([.init([7, 3], .awayFromZero), .init([7, 3])], label: "logits of ±1e4") {
            Tensors.binaryCrossEntropy($0[0] * 1e4, $0[1])
          }
        ]
    case .weightedBinaryCrossEntropy:
      pairs(.awayFromZero) { Tensors.binaryCrossEntropy($0, $1, positiveWeight: 3) }
        + pairsPerExample(.awayFromZero) {
          binaryCrossEntropyPerExample($0, $1, positiveWeight: 3)
        }
    case .meanSquaredError:
      pairs(.normal) { Tensors.meanSquaredError($0, $1) }
        + pairsPerExample(.normal) { meanSquaredErrorPerExample($0, $1) }
    case .meanAbsoluteError:
      pairs(SampleValues.apart.left, SampleValues.apart.right) {
        Tensors.meanAbsoluteError($0, $1)
      }
        + pairsPerExample(SampleValues.apart.left, SampleValues.apart.right) {
          meanAbsoluteErrorPerExample($0, $1)
        }
    case .huber:
      // Differences are odd multiples of 1/16, and δ, where the second derivative jumps, an even one.
      pairs(SampleValues.apart.left, SampleValues.apart.right) {
        Tensors.huber($0, $1, delta: 0.5)
      }
        + pairsPerExample(SampleValues.apart.left, SampleValues.apart.right) {
          huberPerExample($0, $1, delta: 2)
        }
    }
  }

  /// Weights of as many classes as logits have.
  private static func weights(of logits: Tensor) -> Tensor {
    Tensor(
      (0..<logits.shape[-1]).map { 0.5 + Double($0 % 3) }, dtype: logits.dtype, on: logits.device)
  }
}

/// The mean binary cross-entropy of logits: −w·t log σ(z) − (1 − t) log(1 − σ(z)).
///
/// Computed from log(1 + e^(−|z|)), which is right for logits of any size.
///
/// - Parameters:
///   - logits: z, of any shape.
///   - targets: t in 0...1, of the same shape.
///   - positiveWeight: w: what a target of 1 counts for, beside one of 0.
/// - Returns: A scalar: the mean over all entries.
public func binaryCrossEntropy(
  _ logits: Tensor, _ targets: Tensor, positiveWeight: Double = 1
) -> Tensor {
  meanLoss(binaryCrossEntropyFunction(positiveWeight), logits, targets)
}

/// The binary cross-entropy of each example: the mean over all axes but the first, `[n]`.
public func binaryCrossEntropyPerExample(
  _ logits: Tensor, _ targets: Tensor, positiveWeight: Double = 1
) -> Tensor {
  lossPerExample(binaryCrossEntropyFunction(positiveWeight), logits, targets)
}

/// The mean squared difference, over all entries.
///
/// Traps unless prediction and target have one shape.
public func meanSquaredError(_ prediction: Tensor, _ target: Tensor) -> Tensor {
  meanLoss(squaredErrorFunction, prediction, target)
}

/// The mean squared difference of each example: over all axes but the first, `[n]`.
public func meanSquaredErrorPerExample(_ prediction: Tensor, _ target: Tensor) -> Tensor {
  lossPerExample(squaredErrorFunction, prediction, target)
}

/// The mean absolute difference, over all entries: the L1 loss.
///
/// Its derivative at 0 is 0.
///
/// Traps unless prediction and target have one shape.
public func meanAbsoluteError(_ prediction: Tensor, _ target: Tensor) -> Tensor {
  meanLoss(absoluteErrorFunction, prediction, target)
}

/// The mean absolute difference of each example: over all axes but the first, `[n]`.
public func meanAbsoluteErrorPerExample(_ prediction: Tensor, _ target: Tensor) -> Tensor {
  lossPerExample(absoluteErrorFunction, prediction, target)
}

/// The mean over all entries of e²/2 for differences |e| of at most δ, and δ·(|e| − δ/2) beyond.
///
/// Traps unless prediction and target have one shape, and δ is above 0.
///
/// Source: P. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics
/// 35, 1964.
public func huber(_ prediction: Tensor, _ target: Tensor, delta: Double = 1) -> Tensor {
  meanLoss(huberFunction(delta), prediction, target)
}

/// Huber's loss of each example: the mean over all axes but the first, `[n]`.
public func huberPerExample(_ prediction: Tensor, _ target: Tensor, delta: Double = 1) -> Tensor {
  lossPerExample(huberFunction(delta), prediction, target)
}

/// The mean of a function of prediction and target, in one launch.
private func meanLoss(_ function: PointwiseFunction, _ x: Tensor, _ y: Tensor) -> Tensor {
  requireEqualShapes(function.name, x, y)
  return reduced(
    function, .sum, [x, y], axes: nil, keepsDimensions: false, takesMean: true)
}

/// The mean over all axes but the first, in one launch.
private func lossPerExample(_ function: PointwiseFunction, _ x: Tensor, _ y: Tensor) -> Tensor {
  requireEqualShapes(function.name, x, y)
  require(x.rank >= 1, "\(function.name): a scalar is no batch of examples")
  return reduced(
    function, .sum, [x, y], axes: Array(1..<x.rank), keepsDimensions: false, takesMean: true)
}

/// A loss of broadcast operands is nearly always a mistake, so shapes must be equal.
private func requireEqualShapes(_ operation: String, _ x: Tensor, _ y: Tensor) {
  require(
    x.shape == y.shape, "\(operation): shapes \(x.shape) and \(y.shape) differ; reshape one of them"
  )
}

private func binaryCrossEntropyFunction(_ positiveWeight: Double) -> PointwiseFunction {
  guard positiveWeight != 1 else { return plainBinaryCrossEntropyFunction }
  return PointwiseFunction("binaryCrossEntropy") { z, t in
    // −log σ(z) = max(−z, 0) + log(1 + e^(−|z|)), and −log(1 − σ(z)) is that plus z.
    (1 - t) * z
      + (1 + .constant(positiveWeight - 1) * t) * (max(-z, 0) + (-z.magnitude).exp.logOnePlus)
  }
}

private let plainBinaryCrossEntropyFunction = PointwiseFunction("binaryCrossEntropy") { z, t in
  max(z, 0) - z * t + (-z.magnitude).exp.logOnePlus
}

private let squaredErrorFunction = PointwiseFunction("meanSquaredError") { prediction, target in
  (prediction - target) * (prediction - target)
}

private let absoluteErrorFunction = PointwiseFunction("meanAbsoluteError") { prediction, target in
  (prediction - target).magnitude
}

private func huberFunction(_ delta: Double) -> PointwiseFunction {
  require(delta > 0, "huber: δ is \(delta); it must be above 0")
  return PointwiseFunction("huber") { prediction, target in
    let error = prediction - target
    let distance = error.magnitude
    let bound = Expression.constant(delta)
    return select(distance .<= bound, 0.5 * error * error, bound * (distance - 0.5 * bound))
  }
}
