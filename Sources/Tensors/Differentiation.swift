import Compute

/// The value of a function and its gradient with respect to each of its arguments.
///
/// The gradient is that of the sum of the function's elements: of the loss itself where the
/// function returns one number, and with one loss for each model, of each by itself.
///
///     let (y, gradients) = valueWithGradient(at: [x]) { x in (x[0] * x[0]).sum() }
///
/// Gradients are first order: traps when an argument is being differentiated already.
public func valueWithGradient(
  at arguments: [Tensor], of function: ([Tensor]) -> Tensor
) -> (value: Tensor, gradients: [Tensor]) {
  let (value, _, gradients) = valueWithGradientAndResult(at: arguments) { (function($0), ()) }
  return (value, gradients)
}

/// The value of a function of one tensor and its gradient.
///
/// The gradient is that of the sum of the function's elements. Traps when the argument is being
/// differentiated already: gradients are first order.
public func valueWithGradient(
  at argument: Tensor, of function: (Tensor) -> Tensor
) -> (value: Tensor, gradient: Tensor) {
  let (value, gradients) = valueWithGradient(at: [argument]) { function($0[0]) }
  return (value, gradients[0])
}

/// The value of a function of two tensors and its gradients.
///
/// The gradients are those of the sum of the function's elements. Traps when an argument is being
/// differentiated already: gradients are first order.
public func valueWithGradient(
  at first: Tensor, _ second: Tensor, of function: (Tensor, Tensor) -> Tensor
) -> (value: Tensor, gradients: (Tensor, Tensor)) {
  let (value, gradients) = valueWithGradient(at: [first, second]) { function($0[0], $0[1]) }
  return (value, (gradients[0], gradients[1]))
}

/// The value of a function, a further result of it, and the gradients at its arguments.
package func valueWithGradientAndResult<Result>(
  at arguments: [Tensor], of function: ([Tensor]) -> (Tensor, Result)
) -> (value: Tensor, result: Result, gradients: [Tensor]) {
  let (value, result, pullback) = valueWithPullback(at: arguments, of: function)
  let gradients = pullback(.full(value.shape, 1, dtype: value.dtype, on: value.device))
  return (value, result, gradients)
}

/// The value of a function and its pullback: the map from a cotangent of the value to the
/// gradients at the arguments.
///
/// A cotangent has the value's shape and dtype. The gradient of an argument that the value does
/// not depend on is zero. Traps when an argument is being differentiated already.
public func valueWithPullback(
  at arguments: [Tensor], of function: ([Tensor]) -> Tensor
) -> (value: Tensor, pullback: (Tensor) -> [Tensor]) {
  let (value, _, pullback) = valueWithPullback(at: arguments) { (function($0), ()) }
  return (value, pullback)
}

private func valueWithPullback<Result>(
  at arguments: [Tensor], of function: ([Tensor]) -> (Tensor, Result)
) -> (value: Tensor, result: Result, pullback: (Tensor) -> [Tensor]) {
  for argument in arguments {
    require(
      !argument.isTracked,
      """
      valueWithGradient: an argument is being differentiated already; gradients are first order, \
      so the gradient of a gradient cannot be taken
      """)
    require(
      argument.dtype.isComputed,
      "valueWithGradient: an argument is of \(argument.dtype); gradients are taken in float32 and float64"
    )
  }
  let tape = Tape()
  let tracked = arguments.map(tape.track)
  let (value, result) = function(tracked)
  require(
    value.node == nil || value.node?.tape === tape,
    "valueWithGradient: the value belongs to another differentiation")
  return (
    value.detached, result,
    { cotangent in
      require(
        cotangent.shape == value.shape && cotangent.dtype == value.dtype,
        """
        pullback: the cotangent is \(cotangent.dtype) of shape \(cotangent.shape), \
        the value \(value.dtype) of shape \(value.shape)
        """)
      let gradients = tape.gradients(of: value, cotangent: cotangent.detached, at: tracked)
      return zip(gradients, arguments).map { gradient, argument in
        gradient ?? .zeros(argument.shape, dtype: argument.dtype, on: argument.device)
      }
    }
  )
}
