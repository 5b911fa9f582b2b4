import Compute

/// Losses: one fused kernel forward and one back.
public enum LossOperation: String, OperationFamily {
  case crossEntropy, crossEntropyPerExample, binaryCrossEntropy, meanSquaredError

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
    /// Predictions and targets of one shape.
    func pairs(
      _ values: SampleValues, _ loss: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> [OperationSample] {
      let shapes = lengths.map { Shape([$0, 3]) } + [[], [1], [257], [2, 3, 5]]
      return shapes.map { shape in
        OperationSample([.init(shape, values), .init(shape)]) { loss($0[0], $0[1]) }
      }
        + [SampleInput.Layout.transposed, .sliced].map { layout in
          OperationSample([
            .init([3, 17], values, layout: layout),
            .init([3, 17], layout: layout == .sliced ? .transposed : .sliced),
          ]) { loss($0[0], $0[1]) }
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
    case .binaryCrossEntropy:
      pairs(.awayFromZero) { Tensors.binaryCrossEntropy($0, $1) } + [
        OperationSample([.init([7, 3], .awayFromZero), .init([7, 3])], label: "logits of ±1e4") {
          Tensors.binaryCrossEntropy($0[0] * 1e4, $0[1])
        }
      ]
    case .meanSquaredError: pairs(.normal) { Tensors.meanSquaredError($0, $1) }
    }
  }
}

/// The mean cross-entropy of softmax over a batch: −log of the probability given to each label.
///
/// - Parameters:
///   - logits: `[…, classes]`; the softmax is over the last axis. Right for logits of any size.
///   - labels: The class of each row, 0..<classes, `[…]`, of an integer dtype. A label out of
///     range makes the loss NaN.
/// - Returns: A scalar.
public func crossEntropy(_ logits: Tensor, _ labels: Tensor) -> Tensor {
  crossEntropyPerExample(logits, labels).mean()
}

/// The cross-entropy of softmax of each row.
///
/// - Parameters:
///   - logits: `[…, classes]`.
///   - labels: `[…]`, of an integer dtype.
/// - Returns: The losses, `[…]`.
public func crossEntropyPerExample(_ logits: Tensor, _ labels: Tensor) -> Tensor {
  require(
    logits.rank >= 1 && Shape(logits.shape.dimensions.dropLast()) == labels.shape,
    "crossEntropy: labels of shape \(labels.shape) do not fit logits of shape \(logits.shape)")
  require(
    !labels.dtype.isFloatingPoint,
    "crossEntropy: labels are \(labels.dtype); class indices are of an integer dtype")
  require(
    logits.dtype.isComputed, "crossEntropy: logits are \(logits.dtype), not float32 or float64")
  let device = commonDevice("crossEntropy", [logits, labels])
  let classes = logits.shape[-1]
  let rows = labels.count
  let scores = logits.detached.reshaped(to: [rows, classes]).contiguous()
  let targets = labels.detached.reshaped(to: [rows])
  let losses = device.allocate(logits.dtype, labels.shape)
  let logSumExp = device.allocate(logits.dtype, [rows])
  let lossRows = losses.reshaped(to: [rows])
  if rows > 0 {
    device.launch(
      reading: [scores.view, targets.view], writing: [lossRows.view, logSumExp.view]
    ) {
      try $0.softmaxCrossEntropy(
        logits: scores.view, labels: targets.view, into: lossRows.view, logSumExp: logSumExp.view)
    }
  }
  return losses.recorded("crossEntropy", from: [logits]) { cotangent, _ in
    let gradient = device.allocate(scores.dtype, scores.shape)
    let cotangentRows = cotangent.reshaped(to: [rows])
    if scores.count > 0 {
      device.launch(
        reading: [cotangentRows.view, scores.view, targets.view, logSumExp.view],
        writing: [gradient.view]
      ) {
        try $0.softmaxCrossEntropyGradient(
          cotangent: cotangentRows.view, logits: scores.view, labels: targets.view,
          logSumExp: logSumExp.view, into: gradient.view)
      }
    }
    return [gradient.reshaped(to: Shape(cotangent.shape.dimensions + [classes]))]
  }
}

/// The mean binary cross-entropy of logits: −t log σ(z) − (1 − t) log(1 − σ(z)).
///
/// Computed as max(z, 0) − z·t + log(1 + e^(−|z|)), which is right for logits of any size.
///
/// - Parameters:
///   - logits: z, of any shape.
///   - targets: t in 0...1, of the same shape.
/// - Returns: A scalar.
public func binaryCrossEntropy(_ logits: Tensor, _ targets: Tensor) -> Tensor {
  requireEqualShapes("binaryCrossEntropy", logits, targets)
  return reduced(
    binaryCrossEntropyFunction, .sum, [logits, targets], axes: nil, keepsDimensions: false,
    takesMean: true)
}

/// The mean squared difference, over all entries.
///
/// Traps unless prediction and target have one shape.
public func meanSquaredError(_ prediction: Tensor, _ target: Tensor) -> Tensor {
  requireEqualShapes("meanSquaredError", prediction, target)
  return reduced(
    squaredErrorFunction, .sum, [prediction, target], axes: nil, keepsDimensions: false,
    takesMean: true)
}

/// A loss of broadcast operands is nearly always a mistake, so shapes must be equal.
private func requireEqualShapes(_ operation: String, _ x: Tensor, _ y: Tensor) {
  require(
    x.shape == y.shape, "\(operation): shapes \(x.shape) and \(y.shape) differ; reshape one of them"
  )
}

private let binaryCrossEntropyFunction = PointwiseFunction("binaryCrossEntropy") { z, t in
  max(z, 0) - z * t + (-z.magnitude).exp.logOnePlus
}

private let squaredErrorFunction = PointwiseFunction("meanSquaredError") { prediction, target in
  (prediction - target) * (prediction - target)
}
