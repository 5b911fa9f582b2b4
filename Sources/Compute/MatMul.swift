/// Matrix products.
public protocol MatMulBackend {
  /// To what elements of float32 matrices are rounded before they are multiplied.
  var matMulPrecision: MatMulPrecision { get }

  /// Multiplies matrices: `output = epilogue(a·b)`.
  ///
  /// - Parameters:
  ///   - a: `[batch…, m, k]`, float32 or float64 like all others.
  ///   - b: `[batch…, k, n]`.
  ///   - epilogue: What becomes of each product, with an operand `[batch…, m, n]` of any strides; nil
  ///     for nothing.
  ///   - output: `[batch…, m, n]`, contiguous.
  ///
  /// Batch axes are equal in all views (broadcasting is a stride of 0). Operands may have any
  /// strides: a matrix whose rows or whose columns are contiguous is read in place, any other is
  /// packed first. With k = 0 the product is 0.
  ///
  /// Elements of float32 may be rounded to ``matMulPrecision`` first; their products are summed in
  /// float32.
  ///
  /// `rowSums`, `[batch…, m]` and contiguous, becomes the sum over k of each row of a, unrounded; nil
  /// where it is not wanted. Where the product is the gradient of a weight, these are the gradient of
  /// the bias. Where the row sums fail, the output has failed too.
  func multiply(_ a: View, _ b: View, epilogue: Epilogue?, into output: View, rowSums: View?) throws
}

extension MatMulBackend {
  /// Multiplies matrices: `output = epilogue(a·b)`.
  public func multiply(_ a: View, _ b: View, epilogue: Epilogue?, into output: View) throws {
    try multiply(a, b, epilogue: epilogue, into: output, rowSums: nil)
  }

  /// Multiplies matrices: `output = activation(a·b + bias)`.
  ///
  /// `bias` is `[batch…, m, n]`, usually with strides of 0, and `activation` an expression of
  /// `input(0)`; nil for none.
  public func multiply(
    _ a: View, _ b: View, bias: View?, activation: Expression?, into output: View
  ) throws {
    try multiply(
      a, b, epilogue: Epilogue(bias: bias, activation: activation), into: output)
  }

  /// Traps unless views are what ``multiply(_:_:epilogue:into:rowSums:)`` takes.
  package func checkProduct(
    _ a: View, _ b: View, _ epilogue: Epilogue?, output: View, rowSums: View?
  ) {
    let rank = output.shape.rank
    let operand = epilogue?.operand
    require(
      rank >= 2 && a.shape.rank == rank && b.shape.rank == rank
        && a.shape.dimensions.dropLast(2) == output.shape.dimensions.dropLast(2)
        && b.shape.dimensions.dropLast(2) == output.shape.dimensions.dropLast(2)
        && a.shape[-2] == output.shape[-2] && b.shape[-1] == output.shape[-1]
        && a.shape[-1] == b.shape[-2] && (operand?.shape ?? output.shape) == output.shape,
      "multiply: \(a.shape) by \(b.shape) with operand \(operand.map { "\($0.shape)" } ?? "none") into "
        + "\(output.shape); [batch…, m, k] by [batch…, k, n] into [batch…, m, n] was expected")
    let dtypes = [a.dtype, b.dtype, operand?.dtype ?? output.dtype, output.dtype]
    require(
      output.dtype.isComputed && dtypes.allSatisfy { $0 == output.dtype },
      "multiply: dtypes are \(dtypes); one of float32 and float64 was expected")
    require(output.isContiguous, "multiply: the output's strides are \(output.strides)")
    guard let rowSums else { return }
    let sumsShape = Shape(output.shape.dimensions.dropLast())
    require(
      rowSums.shape == sumsShape && rowSums.dtype == output.dtype && rowSums.isContiguous,
      "multiply: the row sums are \(rowSums.dtype) of shape \(rowSums.shape) with strides "
        + "\(rowSums.strides); \(output.dtype) of shape \(sumsShape), contiguous, was expected")
  }
}

extension MatMulBackend where Self: ReductionBackend {
  /// The row sums of `a` by a reduction, where a product does not make them on its way.
  package func sumRows(of a: View, into rowSums: View) throws {
    try reduce(
      .sum, of: .input(0), operands: [.view(a)], axes: [a.shape.rank - 1], scale: 1,
      into: rowSums.with(
        shape: Shape(rowSums.shape.dimensions + [1]), strides: rowSums.strides + [1]))
  }
}
