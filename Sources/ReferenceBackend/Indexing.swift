public import Compute

extension ReferenceBackend {
  /// Copies rows: `output[i, :] = table[indices[i], :]`; NaN or 0 where there is no such row.
  ///
  /// Traps when shapes or dtypes do not fit.
  public func gather(_ table: View, indices: View, into output: View) throws {
    checkGather(table, indices: indices, output: output)
    if output.count == 0 { return }
    try launch("gather", [table, indices, output]) {
      let rows: [Int64] = elements(of: indices)
      let (rowCount, width) = (table.shape[0], table.shape[1])
      let rowBytes = width * table.dtype.byteCount
      let (tableStart, outputStart) = (
        table.offset * table.dtype.byteCount, output.offset * table.dtype.byteCount
      )
      table.storage.onHost.withBytes { tableBytes in
        output.storage.onHost.withBytes { outputBytes in
          for (i, row) in rows.enumerated() {
            let target = outputBytes + outputStart + i * rowBytes
            if let row = Int(exactly: row), row >= 0, row < rowCount {
              target.copyMemory(
                from: tableBytes + tableStart + row * rowBytes, byteCount: rowBytes)
            } else {
              withElementType(of: table.dtype) { fillWithNothing(target, count: width, of: $0) }
            }
          }
        }
      }
    }
  }

  /// Adds rows up: `output[r, :] = Σ values[i, :]` over the i with `indices[i] == r`, in order.
  ///
  /// Traps when shapes or dtypes do not fit.
  public func scatterAdd(_ values: View, indices: View, into output: View) throws {
    checkScatterAdd(values, indices: indices, output: output)
    if output.count == 0 { return }
    try launch("scatterAdd", [values, indices, output]) {
      withRealType(of: [values.dtype, output.dtype], for: "scatterAdd") {
        addRows(values, indices: indices, into: output, as: $0)
      }
    }
  }
}

/// Writes NaN, or 0 in a type that has no NaN.
private func fillWithNothing<E: Element>(
  _ target: UnsafeMutableRawPointer, count: Int, of type: E.Type
) {
  target.assumingMemoryBound(to: E.self).update(repeating: E(storing: Double.nan), count: count)
}

private func addRows<S: RealScalar>(
  _ values: View, indices: View, into output: View, as type: S.Type
) {
  let (rowCount, width) = (output.shape[0], output.shape[1])
  let values: [S] = elements(of: values)
  let rows: [Int64] = elements(of: indices)
  var sums = [S](repeating: 0, count: output.count)
  for (i, row) in rows.enumerated() {
    guard let row = Int(exactly: row), row >= 0, row < rowCount else { continue }
    for j in 0..<width { sums[row * width + j] += values[i * width + j] }
  }
  store(sums, to: output)
}
