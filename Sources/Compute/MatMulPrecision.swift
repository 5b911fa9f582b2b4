/// The precision to which the elements of float32 matrices are rounded before they are multiplied.
///
/// Products are summed in float32 whatever the precision.
public enum MatMulPrecision: String, Sendable, Hashable, CaseIterable {
  /// float32: nothing is rounded.
  case float32
  /// TensorFloat-32: the range of float32 with 11 significant bits, an error of at most 2⁻¹¹ of
  /// each element; to nearest, ties away from zero.
  case tf32
  /// bfloat16: the range of float32 with 8 significant bits, an error of at most 2⁻⁸ of each element;
  /// to nearest, ties to even.
  case bfloat16
}
