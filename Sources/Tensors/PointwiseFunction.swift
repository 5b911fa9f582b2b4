import Compute
import Synchronization

/// A pointwise operation: an expression together with its derivatives, made once.
final class PointwiseFunction: Sendable {
  let name: String
  let expression: Expression
  private let inputCount: Int
  private let partials = Mutex<[Int: Expression]>([:])

  /// A function of inputs 0..<inputCount.
  init(_ name: String, _ inputCount: Int, _ expression: Expression) {
    self.name = name
    self.expression = expression
    self.inputCount = inputCount
  }

  convenience init(_ name: String, _ build: (Expression) -> Expression) {
    self.init(name, 1, build(.input(0)))
  }

  convenience init(_ name: String, _ build: (Expression, Expression) -> Expression) {
    self.init(name, 2, build(.input(0), .input(1)))
  }

  /// The derivative with respect to an input.
  func partial(_ input: Int) -> Expression {
    partials.withLock { known in
      if let partial = known[input] { return partial }
      let partial = expression.derivative(withRespectTo: input)
      known[input] = partial
      return partial
    }
  }
}

/// An argument of a pointwise operation: a tensor, or a number that takes the tensors' dtype.
enum PointwiseArgument: Sendable {
  case tensor(Tensor)
  case scalar(Double)

  var tensor: Tensor? { if case .tensor(let tensor) = self { tensor } else { nil } }

  var detached: PointwiseArgument {
    if case .tensor(let tensor) = self { .tensor(tensor.detached) } else { self }
  }
}

extension PointwiseFunction {
  /// Applies the function to arguments, broadcast to one shape.
  func callAsFunction(_ arguments: [PointwiseArgument], as dtype: DType? = nil) -> Tensor {
    let tensors = arguments.compactMap(\.tensor)
    let device = commonDevice(name, tensors)
    let operandType = commonDType(name, tensors)
    let shape = broadcastShape(name, tensors.map(\.shape))
    let result = device.allocate(dtype ?? operandType, shape)
    evaluate([expression], arguments, into: [result], shape: shape)
    guard tensors.contains(where: \.isTracked) else { return result }
    let saved = arguments.map(\.detached)
    return result.recorded(name, from: tensors) { [self] cotangent, isNeeded in
      gradients(
        cotangent: cotangent, arguments: saved, shape: shape, isNeeded: isNeeded,
        chain: { partial, cotangent in partial * cotangent })
    }
  }

  /// The gradients of the tensors among the arguments.
  ///
  /// `chain` forms the gradient's expression from the derivative with respect to an argument and
  /// the cotangent. Where an argument was broadcast, its gradient is summed in the same launch.
  func gradients(
    cotangent: Tensor, arguments: [PointwiseArgument], shape: Shape, isNeeded: [Bool],
    further: [PointwiseArgument] = [], chain: (Expression, Expression) -> Expression
  ) -> [Tensor?] {
    let operands = arguments + [.tensor(cotangent)] + further
    let cotangentInput = Expression.input(arguments.count)
    var results: [Tensor?] = []
    var fullExpressions: [Expression] = []
    var fullResults: [Tensor] = []
    for (input, argument) in arguments.enumerated() {
      guard case .tensor(let tensor) = argument else { continue }
      guard isNeeded[results.count] else {
        results.append(nil)
        continue
      }
      let expression = chain(partial(input), cotangentInput)
      if expression == cotangentInput {
        results.append(cotangent.shape == shape ? cotangent : cotangent.broadcast(to: shape))
      } else if tensor.shape == shape {
        let result = tensor.device.allocate(tensor.dtype, shape)
        fullExpressions.append(expression)
        fullResults.append(result)
        results.append(result)
      } else {
        results.append(
          reduceBroadcast(expression, operands, from: shape, to: tensor))
      }
    }
    if !fullResults.isEmpty { evaluate(fullExpressions, operands, into: fullResults, shape: shape) }
    return results
  }

  private func reduceBroadcast(
    _ expression: Expression, _ operands: [PointwiseArgument], from shape: Shape, to target: Tensor
  ) -> Tensor {
    let lead = shape.rank - target.rank
    let axes = (0..<shape.rank).filter { axis in
      axis < lead || (target.shape.dimensions[axis - lead] == 1 && shape.dimensions[axis] != 1)
    }
    return reduce(
      .sum, expression, operands, shape: shape, axes: axes, scale: 1, dtype: target.dtype,
      device: target.device
    ).reshaped(to: target.shape)
  }
}

/// The shape that operands take together; stops when they do not fit.
func broadcastShape(_ operation: String, _ shapes: [Shape]) -> Shape {
  var result = shapes[0]
  for shape in shapes.dropFirst() {
    guard let next = result.broadcast(with: shape) else {
      fatalError(
        """
        \(operation): shapes \(shapes.map(\.description).joined(separator: " and ")) do not fit; \
        aligned at the last axis, lengths must be equal or 1
        """)
    }
    result = next
  }
  return result
}

/// Evaluates expressions of arguments broadcast to `shape` into new tensors.
func evaluate(
  _ expressions: [Expression], _ arguments: [PointwiseArgument], into results: [Tensor],
  shape: Shape
) {
  guard shape.count > 0 else { return }
  let used = compact(expressions, arguments)
  let operands = used.arguments.map { operand($0, shape: shape) }
  let views = results.map(\.view)
  results[0].device.launch(reading: operands.compactMap(\.view), writing: views) { backend in
    try backend.map(used.expressions, of: operands, into: views)
  }
}

/// Reduces an expression of arguments broadcast to `shape`; the reduced axes keep length 1.
func reduce(
  _ reduction: Reduction, _ expression: Expression, _ arguments: [PointwiseArgument],
  shape: Shape, axes: [Int], scale: Double, dtype: DType, device: Device
) -> Tensor {
  let used = compact([expression], arguments)
  var operands = used.arguments.map { operand($0, shape: shape) }
  if !operands.contains(where: { $0.view != nil }),
    let any = arguments.lazy.compactMap(\.tensor).first
  {
    // An expression without tensors still needs one to say what shape is reduced.
    operands.append(operand(.tensor(any), shape: shape))
  }
  let result = device.allocate(dtype, shape.keeping(reduced: axes))
  device.launch(reading: operands.compactMap(\.view), writing: [result.view]) { backend in
    try backend.reduce(
      reduction, of: used.expressions[0], operands: operands, axes: axes, scale: scale,
      into: result.view)
  }
  return result
}

private func operand(_ argument: PointwiseArgument, shape: Shape) -> Operand {
  switch argument {
  case .scalar(let value): return .scalar(value)
  case .tensor(let tensor):
    guard let view = tensor.view.broadcast(to: shape) else {
      fatalError("shape \(tensor.shape) does not broadcast to \(shape)")
    }
    return .view(view)
  }
}

/// Leaves out the arguments that no expression uses.
///
/// A kernel then reads no more than it needs, and the same formula on other arguments has the
/// same kernel.
private func compact(_ expressions: [Expression], _ arguments: [PointwiseArgument]) -> (
  expressions: [Expression], arguments: [PointwiseArgument]
) {
  let sequence = InstructionSequence(expressions)
  let used = Set(
    sequence.instructions.compactMap { instruction in
      if case .input(let number) = instruction { number } else { nil }
    }
  ).sorted()
  if used.count == arguments.count { return (expressions, arguments) }
  let position = Dictionary(uniqueKeysWithValues: used.enumerated().map { ($1, $0) })
  return (
    expressions.map { $0.substituting { .input(position[$0] ?? $0) } },
    used.map { arguments[$0] }
  )
}
