/// Rows by number.
public protocol IndexingBackend {
  /// Copies rows: `output[i, :] = table[indices[i], :]`.
  ///
  /// table is `[rows, width]`, contiguous; indices `[count]` of an integer dtype; output
  /// `[count, width]`, contiguous, of the table's dtype. A row out of range reads as NaN, or as 0
  /// in an integer table.
  func gather(_ table: View, indices: View, into output: View) throws

  /// Adds rows up: `output[r, :] = Σ values[i, :]` over the i with `indices[i] == r`, in order of i.
  ///
  /// values is `[count, width]` and output `[rows, width]`, both contiguous and floating-point.
  /// Rows out of range are left out.
  func scatterAdd(_ values: View, indices: View, into output: View) throws
}
