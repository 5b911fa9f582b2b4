public import Compute

/// Normalising groups of elements.
public enum NormalizationOperation: String, OperationFamily {
  case batch, batchActivated, batchSpatial, layer, group, instance, mean, meanSquare, sumOfSquares
  case withStatistics, models

  /// The operation with its scale and shift, at sizes that no vector divides.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    func sample(
      _ shape: Shape, _ geometry: NormalizationGeometry, _ mode: NormalizationMode,
      activation: Activation = .identity, layout: SampleInput.Layout = .contiguous
    ) -> OperationSample {
      let parameter = SampleInput(
        geometry.models == 1 ? [geometry.channels] : [geometry.models, geometry.channels],
        layout: layout)
      return OperationSample(
        [.init(shape, .shifted(mean: 3, deviation: 2), layout: layout), parameter, parameter],
        label: activation.name
      ) { x in
        normalize(
          x[0], geometry: geometry, mode: mode, epsilon: 1e-3, scale: x[1], shift: x[2],
          activation: activation
        ).output
      }
    }
    /// Without scale and shift, or with one of them.
    func plain(_ shape: Shape, _ geometry: NormalizationGeometry, _ mode: NormalizationMode)
      -> [OperationSample]
    {
      let x = SampleInput(shape, layout: .sliced)
      let parameter = SampleInput([geometry.channels], layout: .sliced)
      return [
        OperationSample([x], label: "neither scale nor shift") {
          normalize($0[0], geometry: geometry, mode: mode, epsilon: 1e-3).output
        },
        OperationSample([x, parameter], label: "no shift") {
          normalize($0[0], geometry: geometry, mode: mode, epsilon: 1e-3, scale: $0[1]).output
        },
        OperationSample([x, parameter], label: "no scale") {
          normalize($0[0], geometry: geometry, mode: mode, epsilon: 1e-3, shift: $0[1]).output
        },
      ]
    }
    /// One geometry on shapes of each odd length, an empty one, and one that lies otherwise.
    func each(
      _ shapes: (Int) -> Shape, _ geometry: (Shape) -> NormalizationGeometry,
      _ mode: NormalizationMode = .meanAndVariance, activation: Activation = .identity
    ) -> [OperationSample] {
      (source.shuffledLengths() + [0]).map(shapes).map {
        sample($0, geometry($0), mode, activation: activation)
      }
        + SampleInput.Layout.allCases.dropFirst().map { layout in
          sample(shapes(17), geometry(shapes(17)), mode, activation: activation, layout: layout)
        }
    }
    return switch self {
    case .batch:
      each({ [$0, 3] }, { .batch($0) }) + each({ [5, $0] }, { .batch($0) })
        + plain([9, 4], .batch([9, 4]), .meanAndVariance)
        // So many that they are divided among work-items.
        + [sample([4111, 3], .batch([4111, 3]), .meanAndVariance)]
    case .batchActivated:
      [Activation.tanh, .sin].flatMap { each({ [$0, 3] }, { .batch($0) }, activation: $0) }
    case .batchSpatial:
      each({ [3, 4, $0] }, { .batch($0) }) + each({ [$0, 2, 3, 3] }, { .batch($0) })
        + [sample([3, 1, 22_003], .batch([3, 1, 22_003]), .meanAndVariance)]
    case .layer:
      each({ [3, $0] }, { .layer($0) }) + each({ [$0, 5] }, { .layer($0) })
        + plain([3, 9], .layer([3, 9]), .meanAndVariance)
        + [sample([2, 66_003], .layer([2, 66_003]), .meanAndVariance)]
    case .group:
      each({ [3, 6, $0] }, { .group($0, groups: 2) })
        + each({ [$0, 4, 3, 2] }, { .group($0, groups: 2) }, activation: .tanh)
    case .instance: each({ [3, 4, $0] }, { .group($0, groups: 4) })
    case .mean:
      each({ [$0, 3] }, { .batch($0) }, .mean) + each({ [3, $0] }, { .layer($0) }, .mean)
    case .meanSquare:
      each({ [$0, 3] }, { .batch($0) }, .meanSquare)
        + each({ [3, $0] }, { .layer($0) }, .meanSquare, activation: .sin)
    case .sumOfSquares:
      each({ [$0, 3] }, { .batch($0) }, .sumOfSquares)
        + each({ [3, $0] }, { .layer($0) }, .sumOfSquares)
    case .withStatistics:
      [SampleInput.Layout.contiguous, .transposed, .sliced].map { layout in
        OperationSample(
          [.init([17, 5], layout: layout), .init([5], layout: layout), .init([5], layout: layout)]
        ) { x in
          let statistics = Tensor.range(5, dtype: x[0].dtype, on: x[0].device)
          return normalize(
            x[0], mean: statistics, variance: statistics + 1.0, epsilon: 1e-3, scale: x[1],
            shift: x[2])
        }
      }
        + source.shuffledLengths().map { length in
          OperationSample([.init([length, 2, 3])]) { x in
            let statistics = Tensor.range(2, dtype: x[0].dtype, on: x[0].device)
              .reshaped(to: [2, 1])
            return normalize(
              x[0], mean: statistics, variance: statistics + 1.0, epsilon: 1e-3, scale: nil,
              shift: nil)
          }
        } + [
          OperationSample([.init([0, 3]), .init([3]), .init([3])]) { x in
            normalize(
              x[0], mean: x[1], variance: .ones([3], dtype: x[0].dtype, on: x[0].device),
              epsilon: 1e-3, scale: x[1], shift: x[2])
          }
        ]
    case .models:
      // Three networks with statistics, scales and shifts of their own.
      each({ [3, $0, 5] }, { $0.asModels { .batch($0) } })
        + each({ [3, 4, 2, $0] }, { $0.asModels { .batch($0) } })
    }
  }
}

extension Shape {
  /// The geometry of one model, for as many as the first axis is long.
  fileprivate func asModels(
    _ geometry: (Shape) -> NormalizationGeometry
  ) -> NormalizationGeometry {
    var result = geometry(Shape(Array(dimensions.dropFirst())))
    result.models = dimensions[0]
    return result
  }
}

extension NormalizationGeometry {
  /// Batch norm of `[n, c]` or `[n, c, …]`: one set of statistics for each channel.
  public static func batch(_ shape: Shape) -> NormalizationGeometry {
    let channels = shape[1]
    let inner = shape.dimensions.dropFirst(2).reduce(1, *)
    return NormalizationGeometry(
      outer: shape[0], groups: channels, inner: inner, channels: channels, channelStride: inner)
  }

  /// Layer norm over the last axes: one set of statistics for each example.
  public static func layer(_ shape: Shape, axes: Int = 1) -> NormalizationGeometry {
    let width = shape.dimensions.suffix(axes).reduce(1, *)
    return NormalizationGeometry(
      outer: 1, groups: shape.count / Swift.max(width, 1), inner: width, channels: width,
      channelStride: 1)
  }

  /// Group norm of `[n, c, …]`: one set for each example and group of neighbouring channels.
  ///
  /// One group is layer norm over channels and space, as many groups as channels instance norm.
  public static func group(_ shape: Shape, groups: Int) -> NormalizationGeometry {
    let channels = shape[1]
    let space = shape.dimensions.dropFirst(2).reduce(1, *)
    return NormalizationGeometry(
      outer: 1, groups: shape[0] * groups, inner: channels / groups * space, channels: channels,
      channelStride: space)
  }
}

/// Normalises with given statistics: `(x − mean) / √(variance + ε) · scale + shift`, as a batch
/// norm does in evaluation.
///
/// `mean`, `variance`, `scale` and `shift` are broadcast with x. Differentiable in x, scale and
/// shift.
public func normalize(
  _ x: Tensor, mean: Tensor, variance: Tensor, epsilon: Double, scale: Tensor?, shift: Tensor?
) -> Tensor {
  let scale = scale.map { PointwiseArgument.tensor($0) } ?? .scalar(1)
  let shift = shift.map { PointwiseArgument.tensor($0) } ?? .scalar(0)
  return statisticsFunction([
    .tensor(x), .tensor(mean.detached), .tensor(variance.detached), .scalar(epsilon), scale, shift,
  ])
}

private let statisticsFunction: PointwiseFunction = {
  let (x, mean, variance) = (Expression.input(0), Expression.input(1), Expression.input(2))
  let (epsilon, scale, shift) = (Expression.input(3), Expression.input(4), Expression.input(5))
  return PointwiseFunction(
    "normalize", 6, (x - mean) * (variance + epsilon).reciprocalSquareRoot * scale + shift)
}()

/// What normalising gives.
public struct Normalized: Sendable {
  /// The normalised tensor, of the input's shape.
  public let output: Tensor
  /// The mean of each group, `[models · groups]`; 0 where the mode subtracts none.
  public let mean: Tensor
  /// The factor by which each group was multiplied, `[models · groups]`; 1 where none.
  public let inverseDeviation: Tensor
}

/// Normalises groups of elements: `activation(x̂·scale + shift)`.
///
/// - Parameters:
///   - x: The input; its elements, row-major, are divided as `geometry` says.
///   - geometry: What is grouped.
///   - mode: What is taken out of each group.
///   - epsilon: Added to the variance or mean square under the root.
///   - scale: `geometry.models · channels` factors, or nil for 1.
///   - shift: `geometry.models · channels` summands, or nil for 0.
///   - activation: Applied in the same launch, where that costs less than one of its own.
/// - Returns: The output, differentiable in x, scale and shift, and the statistics, constants.
///
/// Source: S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, and its relatives; the design
/// names the geometry of each. Traps when the geometry does not fit.
public func normalize(
  _ x: Tensor, geometry: NormalizationGeometry, mode: NormalizationMode, epsilon: Double,
  scale: Tensor? = nil, shift: Tensor? = nil, activation: Activation = .identity
) -> Normalized {
  let parameters = [scale, shift].compactMap { $0 }
  let inputs = [x] + parameters
  let device = commonDevice("normalize", inputs)
  guard activation.isFused(on: device) else {
    let plain = normalize(
      x, geometry: geometry, mode: mode, epsilon: epsilon, scale: scale, shift: shift)
    return Normalized(
      output: activation(plain.output), mean: plain.mean, inverseDeviation: plain.inverseDeviation)
  }
  let dtype = commonDType("normalize", inputs)
  require(
    dtype.isComputed, "normalize: the operand is \(dtype); convert it with cast(to: .float32)")
  require(
    geometry.count == x.count,
    "normalize: shape \(x.shape) has \(x.count) elements, the geometry \(geometry.count)")
  for parameter in parameters {
    require(
      parameter.count == geometry.models * geometry.channels,
      "normalize: scale or shift of shape \(parameter.shape) for \(geometry.channels) channels")
  }
  let input = x.detached.contiguous()
  let gamma = scale?.detached.contiguous()
  let beta = shift?.detached.contiguous()
  let sets = geometry.models * geometry.groups
  let output = device.allocate(dtype, x.shape)
  // Nothing is launched for an empty input, so what still has elements is filled here.
  let isEmpty = x.count == 0
  let mean =
    isEmpty ? Tensor.zeros([sets], dtype: dtype, on: device) : device.allocate(dtype, [sets])
  let inverseDeviation =
    isEmpty
    ? Tensor.full(
      [sets], mode.divides ? 1 / epsilon.squareRoot() : 1, dtype: dtype, on: device)
    : device.allocate(dtype, [sets])
  let optional = [gamma, beta].compactMap { $0?.view }
  if !isEmpty {
    device.launch(
      reading: [input.view] + optional, writing: [output.view, mean.view, inverseDeviation.view]
    ) {
      try $0.normalize(
        input.view, geometry: geometry, mode: mode, epsilon: epsilon, scale: gamma?.view,
        shift: beta?.view, activation: activation.isIdentity ? nil : activation.expression,
        into: output.view, mean: mean.view, inverseDeviation: inverseDeviation.view)
    }
  }
  let recorded = output.recorded("normalize", from: inputs) { cotangent, isNeeded in
    let cotangent = cotangent.contiguous()
    let inputGradient = device.allocate(dtype, input.shape)
    func parameterGradient(_ parameter: Tensor) -> Tensor {
      isEmpty
        ? .zeros(parameter.shape, dtype: dtype, on: device)
        : device.allocate(dtype, parameter.shape)
    }
    let gammaGradient = gamma.map(parameterGradient)
    let betaGradient = beta.map(parameterGradient)
    let written = [inputGradient, gammaGradient, betaGradient].compactMap { $0?.view }
    if !isEmpty {
      device.launch(
        reading: [cotangent.view, input.view, mean.view, inverseDeviation.view] + optional,
        writing: written
      ) {
        try $0.normalizeGradient(
          cotangent.view, x: input.view, mean: mean.view,
          inverseDeviation: inverseDeviation.view, geometry: geometry, mode: mode,
          scale: gamma?.view, shift: beta?.view,
          activationDerivative: activation.isIdentity ? nil : activation.derivative,
          into: inputGradient.view, scaleGradient: gammaGradient?.view,
          shiftGradient: betaGradient?.view)
      }
    }
    let parameterGradients: [Tensor] = [gammaGradient, betaGradient].compactMap { $0 }
    return [inputGradient] + parameterGradients
  }
  return Normalized(output: recorded, mean: mean, inverseDeviation: inverseDeviation)
}
