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

extension IndexingBackend {
  /// Traps unless views are what ``gather(_:indices:into:)`` takes.
  package func checkGather(_ table: View, indices: View, output: View) {
    check("gather", rows: output, indices: indices, table: table)
    require(
      table.dtype == output.dtype,
      "gather: rows of \(table.dtype) were to be copied into \(output.dtype)")
  }

  /// Traps unless views are what ``scatterAdd(_:indices:into:)`` takes.
  package func checkScatterAdd(_ values: View, indices: View, output: View) {
    check("scatterAdd", rows: values, indices: indices, table: output)
    require(
      values.dtype.isFloatingPoint && output.dtype.isFloatingPoint,
      "scatterAdd: values are \(values.dtype) and sums \(output.dtype); floating-point types were "
        + "expected")
  }

  private func check(_ operation: String, rows: View, indices: View, table: View) {
    require(
      rows.shape.rank == 2 && table.shape.rank == 2 && indices.shape == [rows.shape[0]]
        && rows.shape[1] == table.shape[1],
      "\(operation): rows \(rows.shape), indices \(indices.shape) and table \(table.shape) came; "
        + "[count, width], [count] and [rows, width] were expected")
    require(
      rows.isContiguous && table.isContiguous,
      "\(operation): strides are \(rows.strides) and \(table.strides); contiguous views were "
        + "expected")
    require(
      !indices.dtype.isFloatingPoint,
      "\(operation): the indices are \(indices.dtype); an integer type was expected")
  }
}
