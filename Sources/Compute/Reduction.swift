/// How elements are combined into one.
public enum Reduction: String, CaseIterable, Sendable {
  /// The sum; 0 without elements.
  case sum
  /// The largest, NaN if any element is; −∞ without elements.
  case maximum
  /// The smallest, NaN if any element is; ∞ without elements.
  case minimum
  /// The position of the largest among the reduced axes, row-major; the first of equals, or the
  /// first NaN. It needs at least one element.
  case argmax
}

/// Combining elements along axes.
public protocol ReductionBackend {
  /// Reduces an expression over axes: `output = scale · reduction(expression(operands))`.
  ///
  /// Every view among the operands has the same shape (broadcasting is a stride of 0), and at
  /// least one operand is a view. `output` has that shape with the reduced axes of length 1, and
  /// any strides. `scale` applies to sums alone. The order of the additions depends on the shape
  /// only, so equal launches give equal bits. Argmax writes an integer dtype.
  func reduce(
    _ reduction: Reduction, of expression: Expression, operands: [Operand], axes: [Int],
    scale: Double, into output: View
  ) throws
}

extension ReductionBackend {
  /// Traps unless operands and output are what ``reduce(_:of:operands:axes:scale:into:)`` takes.
  ///
  /// Returns the operands' shape.
  package func checkReduction(
    _ reduction: Reduction, operands: [Operand], axes: [Int], output: View
  ) -> Shape {
    let views = operands.compactMap(\.view)
    guard let shape = views.first?.shape else {
      fatalError("reduce \(reduction): no operand is a view, and at least one must be")
    }
    require(
      views.allSatisfy { $0.shape == shape },
      "reduce \(reduction): shapes are \(views.map(\.shape)); equal ones were expected")
    let kept = shape.keeping(reduced: axes)
    require(
      output.shape == kept,
      "reduce \(reduction): the output has shape \(output.shape); axes \(axes) of \(shape) leave "
        + "\(kept)")
    require(
      reduction != .argmax || !output.dtype.isFloatingPoint,
      "reduce argmax: the output is \(output.dtype); an integer type was expected")
    require(
      reduction != .argmax || output.count == 0 || shape.count > 0,
      "reduce argmax: there are no elements along axes \(axes) of \(shape)")
    return shape
  }
}
