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
  func multiply(_ a: View, _ b: View, epilogue: Epilogue?, into output: View) throws
}

extension MatMulBackend {
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

  /// Traps unless views are what ``multiply(_:_:epilogue:into:)`` takes.
  package func checkProduct(_ a: View, _ b: View, _ epilogue: Epilogue?, output: View) {
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
  }
}
