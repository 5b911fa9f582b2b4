public import Compute

// Reductions of a tensor, or of an expression of several tensors in the same launch.

/// Combining elements along axes.
public enum ReductionOperation: String, OperationFamily {
  case sum, mean, variance, max, min, argmax, sumOfExpression, meanOfExpression, maxOfExpression

  /// The operation on inputs of several shapes and layouts, over leading, trailing, several and
  /// all axes.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let lengths = source.shuffledLengths()
    var trials = lengths.enumerated().map { position, length in
      position % 2 == 0
        ? Trial([length, 3], axes: [0]) : Trial([3, length], axes: [-1], keeps: true)
    }
    trials += [
      Trial([257]), Trial([]), Trial([17, 33], keeps: true), Trial([0, 3], axes: [1]),
      Trial([33, 17], .transposed, axes: [0]), Trial([17, 33], .transposed, axes: [1]),
      Trial([33, 3], .sliced, axes: [0]), Trial([2, 5, 7], axes: [0, 2]),
    ]
    func each(
      _ values: SampleValues, _ trials: [Trial], accuracy: (Trial) -> SampleAccuracy,
      _ apply: @escaping @Sendable (Tensor, [Int]?, Bool) -> Tensor
    ) -> [OperationSample] {
      trials.map { trial in
        OperationSample(
          [.init(trial.shape, values, layout: trial.layout)], label: trial.label,
          accuracy: accuracy(trial)
        ) { apply($0[0], trial.axes, trial.keeps) }
      }
    }
    func extremes(
      _ apply: @escaping @Sendable (Tensor, [Int]?, Bool) -> Tensor
    ) -> [OperationSample] { each(.distinct, trials, accuracy: { _ in .exact }, apply) }
    return switch self {
    case .sum:
      each(.normal, trials + Trial.further, accuracy: { .sums(terms: $0.terms, back: 1) }) {
        ($0 * $0).sum(axes: $1, keepsDimensions: $2)
      }
    case .mean:
      each(.normal, trials, accuracy: { .sums(terms: $0.terms, back: 1) }) {
        ($0 * $0).mean(axes: $1, keepsDimensions: $2)
      }
    case .variance:
      each(.shifted(mean: 20, deviation: 2), trials, accuracy: { _ in .yardstick }) {
        $0.variance(axes: $1, keepsDimensions: $2)
      } + [
        OperationSample([.init([3, 17], .shifted(mean: 20, deviation: 2))], label: "unbiased") {
          $0[0].variance(axes: [1], correction: 1)
        }
      ]
    case .max: extremes { $0.max(axes: $1, keepsDimensions: $2) }
    case .min: extremes { $0.min(axes: $1, keepsDimensions: $2) }
    case .argmax:
      trials.filter { $0.axes?.count == 1 }.map { trial in
        OperationSample(
          [.init(trial.shape, .distinct, layout: trial.layout)], label: trial.label,
          accuracy: .exact
        ) { inputs in
          // Times the largest, so that the result has a gradient.
          let (x, axis) = (inputs[0], trial.axes?[0] ?? 0)
          return x.argmax(axis: axis).cast(to: x.dtype) * x.max(axes: [axis])
        }
      }
    case .sumOfExpression:
      expressionTrials(lengths).map { shapes, axes in
        OperationSample(shapes) { x in Tensors.sum(x[0], x[1], axes: axes) { ($0 - $1) * $0 } }
      } + [
        OperationSample([.init([3, 17], layout: .transposed)]) { x in
          Tensors.sum(x[0], axes: [1]) { $0.sin }
        }
      ]
    case .meanOfExpression:
      expressionTrials(lengths).map { shapes, axes in
        OperationSample(shapes) { x in Tensors.mean(x[0], x[1], axes: axes) { ($0 * $1).sin } }
      }
    case .maxOfExpression:
      each(.distinct, trials, accuracy: { _ in .exact }) { x, axes, keeps in
        Tensors.maximum(x, axes: axes, keepsDimensions: keeps) { -($0 * 3) }
      }
    }
  }

  /// Two operands that are broadcast to one shape, and the axes to reduce.
  private func expressionTrials(_ lengths: [Int]) -> [(shapes: [SampleInput], axes: [Int]?)] {
    lengths.map { ([.init([3, $0]), .init([$0])], [0]) } + [
      ([.init([17, 4]), .init([4])], nil),
      ([.init([33, 1]), .init([1, 3])], [1]),
      ([.init([3, 0]), .init([3, 1])], [0]),
      ([.init([3, 17], layout: .transposed), .init([3, 17], layout: .sliced)], [0]),
      ([.init([3, 17], layout: .sliced), .init([3, 17], layout: .transposed)], [0]),
    ]
  }

  /// One shape and what is reduced of it.
  private struct Trial {
    let shape: Shape
    let layout: SampleInput.Layout
    let axes: [Int]?
    let keeps: Bool

    init(
      _ shape: Shape, _ layout: SampleInput.Layout = .contiguous, axes: [Int]? = nil,
      keeps: Bool = false
    ) {
      self.shape = shape
      self.layout = layout
      self.axes = axes
      self.keeps = keeps
    }

    /// What sums can do besides: nothing to add up, several axes of odd layouts, and so many terms
    /// that they are divided among work-items.
    static let further = [
      Trial([0, 3], axes: [0]), Trial([3, 0]), Trial([2, 5, 7], axes: [1]),
      Trial([2, 5, 7], .transposed, axes: [0, 2]), Trial([2, 5, 7], .sliced, axes: [1]),
      Trial([9001]), Trial([2, 8209], axes: [1]), Trial([8209, 2], axes: [0]),
    ]

    /// The number of elements that are combined into one.
    var terms: Int {
      Swift.max(1, axes.map { $0.reduce(1) { $0 * shape[$1] } } ?? shape.count)
    }

    var label: String { axes.map { "axes \($0)" } ?? "all axes" }
  }
}

extension Tensor {
  /// The sum over the given axes, or over all.
  ///
  /// `keepsDimensions` leaves the reduced axes in place with length 1. Without elements it is 0.
  public func sum(axes: [Int]? = nil, keepsDimensions: Bool = false) -> Tensor {
    reduced(identity, .sum, [self], axes: axes, keepsDimensions: keepsDimensions)
  }

  /// The mean over the given axes, or over all; NaN without elements.
  public func mean(axes: [Int]? = nil, keepsDimensions: Bool = false) -> Tensor {
    reduced(
      identity, .sum, [self], axes: axes, keepsDimensions: keepsDimensions, takesMean: true)
  }

  /// The variance over the given axes, or over all: the mean squared distance from the mean.
  ///
  /// With n elements and `correction` c the sum is divided by n − c; 1 gives the unbiased
  /// estimate. The mean is taken first, so that a large one does not cancel.
  public func variance(
    axes: [Int]? = nil, correction: Double = 0, keepsDimensions: Bool = false
  ) -> Tensor {
    let center = detached.mean(axes: axes, keepsDimensions: true)
    // The mean's own share of the gradient is Σ(x − mean) = 0, so it may be held constant.
    let squares = reduced(
      squaredDistance, .sum, [self, center], axes: axes, keepsDimensions: keepsDimensions,
      takesMean: true)
    let n = Double(shape.axesCount(axes))
    return correction == 0 ? squares : squares * (n / (n - correction))
  }

  /// The largest element over the given axes, or over all; NaN if any is.
  ///
  /// Elements that tie for the largest share the gradient equally. Traps without elements.
  public func max(axes: [Int]? = nil, keepsDimensions: Bool = false) -> Tensor {
    reduced(identity, .maximum, [self], axes: axes, keepsDimensions: keepsDimensions)
  }

  /// The smallest element over the given axes, or over all; NaN if any is.
  ///
  /// Elements that tie for the smallest share the gradient equally. Traps without elements.
  public func min(axes: [Int]? = nil, keepsDimensions: Bool = false) -> Tensor {
    reduced(identity, .minimum, [self], axes: axes, keepsDimensions: keepsDimensions)
  }

  /// The position of the largest element along an axis, as int32; of equals the first.
  ///
  /// NaN counts as largest. Traps when the axis is empty.
  public func argmax(axis: Int, keepsDimensions: Bool = false) -> Tensor {
    let axis = shape.normalized(axis: axis)
    require(shape[axis] > 0, "argmax: axis \(axis) of shape \(shape) is empty")
    let source = detached
    let result = reduce(
      .argmax, .input(0), [.tensor(source)], shape: shape, axes: [axis], scale: 1, dtype: .int32,
      device: device)
    return keepsDimensions ? result : result.reshaped(to: shape.dropping(axes: [axis]))
  }
}

/// The sum of an expression of two tensors, broadcast to one shape, in one launch.
///
///     sum(prediction, target) { ($0 - $1) * ($0 - $1) }
public func sum(
  _ x: Tensor, _ y: Tensor, axes: [Int]? = nil, keepsDimensions: Bool = false,
  of build: (Expression, Expression) -> Expression
) -> Tensor {
  reduced(
    PointwiseFunction("sum", build), .sum, [x, y], axes: axes, keepsDimensions: keepsDimensions)
}

/// The mean of an expression of two tensors, broadcast to one shape, in one launch.
public func mean(
  _ x: Tensor, _ y: Tensor, axes: [Int]? = nil, keepsDimensions: Bool = false,
  of build: (Expression, Expression) -> Expression
) -> Tensor {
  reduced(
    PointwiseFunction("mean", build), .sum, [x, y], axes: axes,
    keepsDimensions: keepsDimensions, takesMean: true)
}

/// The sum of an expression of a tensor in one launch.
public func sum(
  _ x: Tensor, axes: [Int]? = nil, keepsDimensions: Bool = false,
  of build: (Expression) -> Expression
) -> Tensor {
  reduced(
    PointwiseFunction("sum", build), .sum, [x], axes: axes, keepsDimensions: keepsDimensions)
}

/// The largest value of an expression of a tensor in one launch.
public func maximum(
  _ x: Tensor, axes: [Int]? = nil, keepsDimensions: Bool = false,
  of build: (Expression) -> Expression
) -> Tensor {
  reduced(
    PointwiseFunction("maximum", build), .maximum, [x], axes: axes,
    keepsDimensions: keepsDimensions)
}

private let identity = PointwiseFunction("identity") { $0 }
private let squaredDistance = PointwiseFunction("variance") { ($0 - $1) * ($0 - $1) }

extension Shape {
  /// The number of elements along the given axes, or along all.
  fileprivate func axesCount(_ axes: [Int]?) -> Int {
    axes.map { $0.reduce(1) { $0 * self[$1] } } ?? count
  }
}

/// Reduces a pointwise function of tensors; the one place where reductions and their gradients are.
func reduced(
  _ function: PointwiseFunction, _ reduction: Reduction, _ tensors: [Tensor], axes: [Int]?,
  keepsDimensions: Bool, takesMean: Bool = false
) -> Tensor {
  let device = commonDevice(function.name, tensors)
  let dtype = commonDType(function.name, tensors)
  let shape = broadcastShape(function.name, tensors.map(\.shape))
  let axes = (axes ?? Array(0..<shape.rank)).map { shape.normalized(axis: $0) }
  require(
    Set(axes).count == axes.count,
    "\(function.name): axes \(axes) of shape \(shape) name an axis twice")
  let reducedCount = shape.axesCount(axes)
  require(
    reduction == .sum || reducedCount > 0,
    "\(reduction.rawValue): shape \(shape) has no elements along axes \(axes)")
  let scale = takesMean ? 1 / Double(reducedCount) : 1
  let arguments = tensors.map { PointwiseArgument.tensor($0.detached) }
  let kept = reduce(
    reduction, function.expression, arguments, shape: shape, axes: axes,
    scale: takesMean && reducedCount == 0 ? .nan : scale, dtype: dtype, device: device)
  let result = keepsDimensions ? kept : kept.reshaped(to: shape.dropping(axes: axes))
  return result.recorded(function.name, from: tensors) { cotangent, isNeeded in
    let cotangent = cotangent.reshaped(to: kept.shape)
    if reduction == .sum {
      return function.gradients(
        cotangent: cotangent, arguments: arguments, shape: shape, isNeeded: isNeeded,
        further: [.scalar(scale)]
      ) { partial, cotangent in
        takesMean ? partial * (cotangent * .input(arguments.count + 1)) : partial * cotangent
      }
    }
    // Of elements that tie for the extreme each has an equal share.
    let isExtreme = function.expression .== .input(arguments.count)
    let ties = reduce(
      .sum, isExtreme, arguments + [.tensor(kept)], shape: shape, axes: axes, scale: 1,
      dtype: dtype, device: device)
    return function.gradients(
      cotangent: cotangent / ties, arguments: arguments, shape: shape, isNeeded: isNeeded,
      further: [.tensor(kept)]
    ) { partial, cotangent in
      select(function.expression .== .input(arguments.count + 1), partial * cotangent, 0)
    }
  }
}
