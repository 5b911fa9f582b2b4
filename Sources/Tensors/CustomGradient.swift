import Compute

/// An operation with a gradient of one's own: its value and its pullback, stated side by side.
///
///     func squared(_ x: Tensor) -> Tensor {
///       withGradient("squared", at: [x]) { x in
///         x[0] * x[0]
///       } pullback: { inputs, _, cotangent in
///         [2.0 * inputs[0] * cotangent]
///       }
///     }
///
/// For a value that comes from elsewhere, a gradient that is stabler or cheaper than what the
/// operations inside would give, or one that is meant to differ from the derivative. Nothing here
/// checks that it is right: `checkGradients` of GradientChecking does.
///
/// - Parameters:
///   - name: The operation, for messages.
///   - inputs: What the value is differentiable in.
///   - value: Computes the value from the inputs, as constants. Traps if the result is being
///     differentiated: then the closure uses a tensor that should be among the inputs.
///   - pullback: Computes, from the inputs, the value and the cotangent, the gradient of each
///     input. Traps unless there is one gradient for each input, of its shape and dtype.
/// - Returns: The value, recorded for differentiation if an input is.
public func withGradient(
  _ name: String, at inputs: [Tensor], of value: ([Tensor]) -> Tensor,
  pullback:
    @escaping @Sendable (_ inputs: [Tensor], _ value: Tensor, _ cotangent: Tensor) ->
    [Tensor]
) -> Tensor {
  let operands = inputs.map(\.detached)
  let result = value(operands)
  require(
    !result.isTracked,
    "\(name): its value depends on a tensor that is being differentiated and is not an input")
  return result.recorded(name, from: inputs) { cotangent, _ in
    let gradients = pullback(operands, result, cotangent)
    require(
      gradients.count == operands.count,
      "\(name): its pullback gave \(gradients.count) gradients for \(operands.count) inputs")
    for (index, (gradient, input)) in zip(gradients, operands).enumerated() {
      require(
        gradient.shape == input.shape && gradient.dtype == input.dtype,
        """
        \(name): its pullback gave a gradient \(gradient.dtype) of shape \(gradient.shape) for \
        input \(index), which is \(input.dtype) of shape \(input.shape)
        """)
    }
    return gradients
  }
}
