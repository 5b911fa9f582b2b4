/// Matrix products.
public protocol MatMulBackend {
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
  func multiply(
    _ a: View, _ b: View, bias: View?, activation: Expression?, into output: View
  ) throws
}
