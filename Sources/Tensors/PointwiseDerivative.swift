import Compute

/// The derivative of a function of single elements, where the function was applied: what a cotangent is
/// multiplied by on its way back.
struct PointwiseDerivative: Sendable {
  /// The derivative, of what was kept as `input(0)`.
  let formula: Expression
  /// The function's input or its output, whichever the formula is written in.
  let kept: Tensor

  /// The product with a cotangent, in a launch of its own.
  func callAsFunction(_ cotangent: Tensor) -> Tensor {
    let result = kept.device.allocate(kept.dtype, kept.shape)
    evaluate(
      [.input(1) * formula], [.tensor(kept), .tensor(cotangent)], into: [result],
      shape: kept.shape)
    return result
  }

  /// The product as the epilogue of the operation that computes the cotangent, in a shape of as many
  /// elements; nil where that costs more than a launch of its own.
  func epilogue(of shape: Shape) -> Epilogue? {
    guard kept.view.isContiguous, let operand = kept.view.reshaped(to: shape),
      kept.device.backend.isWorthFusing(formula)
    else { return nil }
    return Epilogue(.input(0) * formula.substituting { _ in .input(1) }, operand: operand)
  }
}
