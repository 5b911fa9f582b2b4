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
