public import Compute

extension ReferenceBackend {
  /// Evaluates expressions at every position: `outputs[k][i] = expressions[k](operands[…][i])`.
  ///
  /// Traps when the shapes or the numbers of expressions and outputs differ, or when a function
  /// that integers do not have meets integers alone.
  public func map(_ expressions: [Expression], of operands: [Operand], into outputs: [View])
    throws
  {
    checkMap(expressions, of: operands, into: outputs)
    guard let shape = outputs.first?.shape, shape.count > 0 else { return }
    let views = operands.compactMap(\.view) + outputs
    try launch("map", views) { evaluate(expressions, of: operands, into: outputs) }
  }

  /// Applies an epilogue to a result, in place.
  func finish(_ result: View, with epilogue: Epilogue?) {
    guard let epilogue else { return }
    evaluate(
      [epilogue.expression],
      of: [.view(result)] + (epilogue.operand.map { [.view($0)] } ?? []), into: [result])
  }
}

/// Evaluates expressions at every position of views with equally many elements, row-major.
func evaluate(_ expressions: [Expression], of operands: [Operand], into outputs: [View]) {
  let dtypes = (operands.compactMap(\.view) + outputs).map(\.dtype)
  withScalarType(of: dtypes) { evaluate(expressions, of: operands, into: outputs, as: $0) }
}

private func evaluate<S: Scalar>(
  _ expressions: [Expression], of operands: [Operand], into outputs: [View], as type: S.Type
) {
  let count = outputs.first?.count ?? 0
  var evaluator = Evaluator<S>(expressions, of: operands)
  var cursors = outputs.map(Cursor.init)
  // All results of a block are there before one is written, so an output may be an operand.
  for start in stride(from: 0, to: count, by: Evaluator<S>.blockLength) {
    let length = min(Evaluator<S>.blockLength, count - start)
    evaluator.next(length)
    for i in cursors.indices { cursors[i].store(length, from: evaluator.values(of: i)) }
  }
}
