/// Matrix products.
public protocol MatMulBackend {
  /// To what elements of float32 matrices are rounded before they are multiplied.
  var matMulPrecision: MatMulPrecision { get }

  /// Multiplies matrices: `output = activation(a·b + bias)`.
  ///
  /// - Parameters:
  ///   - a: `[batch…, m, k]`, float32 or float64 like all others.
  ///   - b: `[batch…, k, n]`.
  ///   - bias: `[batch…, m, n]`, usually with strides of 0, or nil for none.
  ///   - activation: An expression of `input(0)`, the biased product, or nil for none.
  ///   - output: `[batch…, m, n]`, contiguous.
  ///
  /// Batch axes are equal in all views (broadcasting is a stride of 0). Operands may have any
  /// strides: a matrix whose rows or whose columns are contiguous is read in place, any other is
  /// packed first. With k = 0 the product is 0.
  ///
  /// Elements of float32 may be rounded to ``matMulPrecision`` first; their products are summed in
  /// float32.
  func multiply(
    _ a: View, _ b: View, bias: View?, activation: Expression?, into output: View
  ) throws
}

extension MatMulBackend {
  /// Traps unless views are what ``multiply(_:_:bias:activation:into:)`` takes.
  package func checkProduct(_ a: View, _ b: View, bias: View?, output: View) {
    let rank = output.shape.rank
    require(
      rank >= 2 && a.shape.rank == rank && b.shape.rank == rank
        && a.shape.dimensions.dropLast(2) == output.shape.dimensions.dropLast(2)
        && b.shape.dimensions.dropLast(2) == output.shape.dimensions.dropLast(2)
        && a.shape[-2] == output.shape[-2] && b.shape[-1] == output.shape[-1]
        && a.shape[-1] == b.shape[-2] && (bias?.shape ?? output.shape) == output.shape,
      "multiply: \(a.shape) by \(b.shape) with bias \(bias.map { "\($0.shape)" } ?? "none") into "
        + "\(output.shape); [batch…, m, k] by [batch…, k, n] into [batch…, m, n] was expected")
    let dtypes = [a.dtype, b.dtype, bias?.dtype ?? output.dtype, output.dtype]
    require(
      output.dtype.isComputed && dtypes.allSatisfy { $0 == output.dtype },
      "multiply: dtypes are \(dtypes); one of float32 and float64 was expected")
    require(output.isContiguous, "multiply: the output's strides are \(output.strides)")
  }
}
