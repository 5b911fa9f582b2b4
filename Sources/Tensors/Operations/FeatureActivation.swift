import Compute

// Activations that are more than a function of one number: a learned slope, a gate, the largest of
// a group of features.

/// Activations of several features together, or with parameters.
public enum FeatureActivationOperation: String, OperationFamily {
  case prelu, glu, maxout, perUnit

  /// Odd numbers of rows and features, in every layout.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let lengths = source.shuffledLengths()
    let layouts = SampleInput.Layout.allCases
    switch self {
    case .prelu:
      func sample(
        _ shape: Shape, slopes: Int, _ layout: SampleInput.Layout = .contiguous
      ) -> OperationSample {
        OperationSample([
          .init(shape, .awayFromZero, layout: layout),
          .init([slopes], layout: layout == .transposed ? .sliced : layout),
        ]) { Tensors.prelu($0[0], slope: $0[1]) }
      }
      return lengths.map { sample([3, $0], slopes: $0) }
        + lengths.map { sample([$0, 2], slopes: 1) }
        + layouts.map { sample([5, 9], slopes: 9, $0) }
        + [
          sample([2, 3, 5, 2], slopes: 3), sample([7], slopes: 1), sample([0, 3], slopes: 3),
          sample([3, 0], slopes: 1),
        ]
    case .glu:
      func sample(
        _ shape: Shape, axis: Int = -1, _ layout: SampleInput.Layout = .contiguous
      ) -> OperationSample {
        OperationSample([.init(shape, layout: layout)], label: "axis \(axis)") {
          Tensors.glu($0[0], axis: axis)
        }
      }
      return lengths.map { sample([$0, 2]) } + lengths.map { sample([3, 2 * $0]) }
        + layouts.map { sample([5, 6], $0) }
        + [sample([2, 4, 3], axis: 1), sample([6]), sample([0, 4]), sample([4, 0])]
    case .maxout:
      func sample(
        _ shape: Shape, pieces: Int, _ layout: SampleInput.Layout = .contiguous
      ) -> OperationSample {
        OperationSample(
          [.init(shape, .distinct, layout: layout)], label: "\(pieces) pieces", accuracy: .exact
        ) { Tensors.maxout($0[0], pieces: pieces) }
      }
      return lengths.map { sample([$0, 4], pieces: 2) }
        + lengths.map { sample([2, $0], pieces: $0) }
        + layouts.map { sample([5, 6], pieces: 3, $0) }
        + [sample([2, 3, 4], pieces: 2), sample([6], pieces: 1), sample([0, 4], pieces: 2)]
    case .perUnit:
      func sample(
        _ shape: Shape, _ activations: [Activation], _ layout: SampleInput.Layout = .contiguous
      ) -> OperationSample {
        let units = UnitActivations(activations)
        return OperationSample(
          [.init(shape, .awayFrom(units.kinks), layout: layout)],
          label: activations.map(\.name).joined(separator: ", ")
        ) { units($0[0]) }
      }
      let waves: [Activation] = [.cos, .identity]
      let many: [Activation] = [.tanh, .relu, .tanh, .gelu, .elu(), .hardSwish]
      return lengths.map { sample([$0, 2], waves) } + layouts.map { sample([5, 6], many, $0) }
        + [
          sample([2, 3, 4], waves), sample([6], many), sample([0, 2], waves),
          sample([3, 0], waves),
          sample([4, 3], [.sin, .sin, .sin]),
        ]
    }
  }
}

/// x above 0 and slope·x below, the slope being learned; the derivative at 0 is the slope.
///
/// Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, equation 1.
///
/// - Parameters:
///   - x: `[n, c, …]`, or any shape with a single slope.
///   - slope: One for all, `[1]`, or one for each entry of axis 1, `[c]`; of x's dtype.
/// - Returns: A tensor of x's shape. Traps when the slopes do not fit.
public func prelu(_ x: Tensor, slope: Tensor) -> Tensor {
  require(
    slope.rank == 1 && (slope.count == 1 || (x.rank >= 2 && x.shape[1] == slope.count)),
    """
    prelu: slopes of shape \(slope.shape) do not fit an input of shape \(x.shape); expected [1], or \
    one for each entry of axis 1
    """)
  guard slope.count > 1 else { return preluFunction([.tensor(x), .tensor(slope)]) }
  let space = [Int](repeating: 1, count: x.rank - 2)
  let aligned = slope.reshaped(to: Shape([slope.count] + space))
  return preluFunction([.tensor(x), .tensor(aligned)])
}

private let preluFunction = PointwiseFunction("prelu") { x, slope in
  select(x .> 0, x, slope * x)
}

/// The first half of an axis times the sigmoid of the second: a linear unit with a gate.
///
/// Source: Y. Dauphin, A. Fan, M. Auli, D. Grangier, "Language modeling with gated convolutional
/// networks", ICML 2017, equation 1.
///
/// - Parameters:
///   - x: Of any shape with an even number of entries along the axis; traps otherwise.
///   - axis: The axis to halve; a negative one counts from the end.
/// - Returns: A tensor with half as many entries along the axis.
public func glu(_ x: Tensor, axis: Int = -1) -> Tensor {
  require(x.rank >= 1, "glu: a scalar has no axis to halve")
  let axis = x.shape.normalized(axis: axis)
  let length = x.shape[axis]
  require(
    length.isMultiple(of: 2),
    "glu: axis \(axis) of shape \(x.shape) has \(length) entries; expected an even number")
  @Sendable func halves(_ tensor: Tensor) -> (value: Tensor, gate: Tensor) {
    (
      tensor.slice(axis: axis, 0..<(length / 2)),
      tensor.slice(axis: axis, (length / 2)..<length)
    )
  }
  let (value, gate) = halves(x.detached)
  let result = fused(value, gate) { $0 * $1.sigmoid }
  let shape = x.shape
  return result.recorded("glu", from: [x]) { cotangent, _ in
    let gradient = value.device.allocate(value.dtype, shape)
    let parts = halves(gradient)
    let share = Expression.input(2) * Expression.input(1).sigmoid
    // g·σ(b), and g·a·σ(b)(1 − σ(b)), in one launch.
    evaluate(
      [share, share * .input(0) * (1 - Expression.input(1).sigmoid)],
      [.tensor(value), .tensor(gate), .tensor(cotangent)], into: [parts.value, parts.gate],
      shape: cotangent.shape)
    return [gradient]
  }
}

/// The largest of each group of consecutive features: `[…, units · pieces]` gives `[…, units]`.
///
/// Features that tie for the largest share the gradient equally.
///
/// Source: I. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville, Y. Bengio, "Maxout networks",
/// ICML 2013, section 3.
///
/// - Parameters:
///   - x: Any shape with at least one axis, the last divisible by `pieces`; traps otherwise.
///   - pieces: The number of features in a group.
/// - Returns: y[…, j] = max over i of x[…, j · pieces + i].
public func maxout(_ x: Tensor, pieces: Int) -> Tensor {
  require(
    pieces >= 1 && x.rank >= 1 && x.shape[-1].isMultiple(of: pieces),
    "maxout: the last axis of shape \(x.shape) is not divisible into groups of \(pieces)")
  let units = x.shape[-1] / pieces
  let groups = x.reshaped(to: Shape(x.shape.dimensions.dropLast() + [units, pieces]))
  return groups.max(axes: [-1])
}
