import Compute

/// Softmax and its logarithm.
public enum SoftmaxOperation: String, OperationFamily {
  case softmax, logSoftmax

  /// Rows and columns of odd lengths, in every layout, and numbers that overflow an exponential.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let function: @Sendable (Tensor, Int) -> Tensor =
      switch self {
      case .softmax: { Tensors.softmax($0, axis: $1) }
      case .logSoftmax: { Tensors.logSoftmax($0, axis: $1) }
      }
    let lengths = source.shuffledLengths()
    let trials: [(input: SampleInput, axis: Int)] =
      lengths.map { (.init([3, $0]), -1) } + lengths.prefix(3).map { (.init([$0, 3]), 0) }
      + SampleInput.Layout.allCases.map { (.init([5, 9], layout: $0), -1) }
      + [
        (.init([2, 5, 3]), 1), (.init([7]), 0), (.init([0, 4]), -1), (.init([4, 0]), -1),
      ]
    return trials.map { input, axis in
      OperationSample([input], label: "axis \(axis)") { function($0[0], axis) }
    } + [
      OperationSample([.init([7, 5], .distinct)], label: "numbers of ±1e4") {
        function($0[0] * 1e4, -1)
      }
    ]
  }
}

/// eˣ divided by its sum along an axis: positive numbers that add up to 1.
///
/// The largest element is subtracted first, which changes nothing but keeps eˣ from overflowing.
///
/// Source: J. Bridle, "Probabilistic interpretation of feedforward classification network outputs",
/// 1990.
///
/// - Parameters:
///   - x: Of any shape with at least one axis.
///   - axis: The axis along which the results add up to 1; a negative one counts from the end.
/// - Returns: A tensor of the same shape.
public func softmax(_ x: Tensor, axis: Int = -1) -> Tensor {
  guard let parts = SoftmaxParts("softmax", x, axis: axis) else { return x }
  let result = parts.map { ($0 - $1).exp / $2 }
  return result.recorded("softmax", from: [x]) { cotangent, _ in
    // ∂L/∂xᵢ = yᵢ(gᵢ − Σⱼ gⱼyⱼ).
    let sum = Tensors.sum(cotangent, result, axes: [parts.axis], keepsDimensions: true) { $0 * $1 }
    return [fused(cotangent, result, sum) { g, y, sum in y * (g - sum) }]
  }
}

/// The logarithm of softmax along an axis: x − log Σeˣ, without the loss of a logarithm of numbers
/// near 0.
///
/// - Parameters:
///   - x: Of any shape with at least one axis.
///   - axis: The axis along which the exponentials add up to 1; a negative one counts from the end.
/// - Returns: A tensor of the same shape.
public func logSoftmax(_ x: Tensor, axis: Int = -1) -> Tensor {
  guard let parts = SoftmaxParts("logSoftmax", x, axis: axis) else { return x }
  let result = parts.map { ($0 - $1) - $2.log }
  return result.recorded("logSoftmax", from: [x]) { cotangent, _ in
    // ∂L/∂xᵢ = gᵢ − e^yᵢ·Σⱼ gⱼ.
    let sum = cotangent.sum(axes: [parts.axis], keepsDimensions: true)
    return [fused(cotangent, result, sum) { g, y, sum in g - y.exp * sum }]
  }
}

/// What softmax is made of: the numbers, the largest of each row, and the sum of the exponentials.
private struct SoftmaxParts {
  let axis: Int
  private let x: Tensor
  private let largest: Tensor
  private let sum: Tensor

  /// Takes the largest and the sum; nil where there is nothing to take them of.
  init?(_ operation: String, _ tensor: Tensor, axis: Int) {
    require(tensor.rank >= 1, "\(operation): a scalar has no axis to add up along")
    require(
      tensor.dtype.isComputed,
      "\(operation): the operand is \(tensor.dtype); convert it with cast(to: .float32)")
    let axis = tensor.shape.normalized(axis: axis)
    guard tensor.count > 0 else { return nil }
    let x = tensor.detached
    self.x = x
    self.axis = axis
    largest = x.max(axes: [axis], keepsDimensions: true)
    sum = Tensors.sum(x, largest, axes: [axis], keepsDimensions: true) { ($0 - $1).exp }
  }

  /// A function of each number with what belongs to its row, in one launch.
  func map(_ function: (_ x: Expression, _ largest: Expression, _ sum: Expression) -> Expression)
    -> Tensor
  {
    fused(x, largest, sum, function)
  }
}
