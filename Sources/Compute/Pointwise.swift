/// An argument of a pointwise expression.
public enum Operand: Sendable {
  /// Elements; in a launch every view has the same shape.
  case view(View)
  /// One number for all elements. It reaches the kernel by value, so another costs no build.
  case scalar(Double)

  /// The view, or nil for a scalar.
  public var view: View? { if case .view(let view) = self { view } else { nil } }
}

/// Elementwise arithmetic.
public protocol PointwiseBackend {
  /// Evaluates expressions at every position: `outputs[k][i] = expressions[k](operands[…][i])`.
  ///
  /// `Expression.input(n)` is the n-th operand. Every view has the shape of the outputs
  /// (broadcasting is a stride of 0) and any strides. Operands are converted to the
  /// `ComputeType` of all dtypes involved and results to the outputs' dtypes. An output may be
  /// exactly an operand's view, but must not overlap one otherwise; the outputs are distinct.
  func map(_ expressions: [Expression], of operands: [Operand], into outputs: [View]) throws

  /// Whether a function of single elements, an activation or a derivative, costs less in the epilogue of
  /// another operation than in a launch of its own.
  func isWorthFusing(_ function: Expression) -> Bool
}

extension PointwiseBackend {
  /// It does, for a launch reads and writes every element again.
  public func isWorthFusing(_ function: Expression) -> Bool { true }

  /// Traps unless there is an output for each expression and all views have one shape.
  package func checkMap(_ expressions: [Expression], of operands: [Operand], into outputs: [View]) {
    require(
      expressions.count == outputs.count,
      "map: \(expressions.count) expressions came with \(outputs.count) outputs")
    let views = operands.compactMap(\.view) + outputs
    require(
      views.allSatisfy { $0.shape == outputs.first?.shape },
      "map: shapes are \(views.map(\.shape)); equal ones were expected")
  }
}
