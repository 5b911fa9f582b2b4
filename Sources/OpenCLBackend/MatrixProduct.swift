import Compute

/// Matrices at equal distances.
struct BatchedMatrix {
  var view: View
  var offset: Int
  var rowStride: Int
  var columnStride: Int
  var batchStride: Int

  /// The fields of the kernels' `struct matrix`.
  var fields: [Int] { [offset, rowStride, columnStride, batchStride] }

  /// The matrices with rows and columns exchanged.
  var transposed: BatchedMatrix {
    var result = self
    (result.rowStride, result.columnStride) = (columnStride, rowStride)
    return result
  }
}

/// Products of matrices at equal distances.
struct MatrixProduct {
  var rows: Int
  var columns: Int
  var depth: Int
  var batches = 1
  var a: BatchedMatrix
  var b: BatchedMatrix
  var output: BatchedMatrix
  var epilogue: Epilogue?
  /// The epilogue's operand.
  var operand: BatchedMatrix?
  /// Where the sums of the rows of a, as the product was first asked for, are written too.
  var rowSums: View?
  let dtype: DType
  let index: IndexType
  /// The parts along k that each have an output of their own, and how long all but the last are.
  var parts = 1
  var partDepth: Int
  /// The batch axes, of a, b, output and operand.
  private let batchAxes: AxisLayout

  init(a: View, b: View, epilogue: Epilogue?, output: View, index: IndexType) {
    func matrix(_ view: View) -> BatchedMatrix {
      let rank = view.shape.rank
      return BatchedMatrix(
        view: view, offset: view.offset, rowStride: view.strides[rank - 2],
        columnStride: view.strides[rank - 1], batchStride: 0)
    }
    rows = output.shape[-2]
    columns = output.shape[-1]
    depth = a.shape[-1]
    partDepth = depth
    self.a = matrix(a)
    self.b = matrix(b)
    self.output = matrix(output)
    self.epilogue = epilogue
    operand = epilogue?.operand.map(matrix)
    self.index = index
    dtype = output.dtype
    // The output is contiguous even where a length of 1 leaves a stride open.
    (self.output.rowStride, self.output.columnStride) = (columns, 1)
    batchAxes = AxisLayout(
      lengths: output.shape.dimensions.dropLast(2),
      strides: [a, b, output, epilogue?.operand ?? output].map { $0.strides.dropLast(2) })
  }

  /// The same numbers from the operands exchanged and transposed, written to the same places.
  var transposed: MatrixProduct {
    var result = self
    (result.rows, result.columns) = (columns, rows)
    (result.a, result.b) = (b.transposed, a.transposed)
    result.operand = operand?.transposed
    result.output = output.transposed
    return result
  }

  /// The same products divided along k, each part of them written to a matrix of its own.
  func divided(_ parts: Int, into sums: View) -> MatrixProduct {
    var result = self
    // A multiple of 64, so that every part begins where tiles and quads do.
    result.partDepth = depth.dividedRoundingUp(by: parts).rounded(upToMultipleOf: 64)
    result.parts = depth.dividedRoundingUp(by: result.partDepth)
    (result.epilogue, result.operand) = (nil, nil)
    result.output = BatchedMatrix(
      view: sums, offset: sums.offset, rowStride: columns, columnStride: 1,
      batchStride: rows * columns)
    return result
  }

  /// What it costs beside other launches: some 16 products are added in the time in which an element
  /// is read, computed and written.
  var work: Int { batches * rows * columns * max(1, depth / 16) }

  /// The products, divided so that within each part the distances are equal.
  func uniformBatches() -> [MatrixProduct] {
    let inner = batchAxes.rank - 1
    var first = self
    first.batches = batchAxes.lengths[inner]
    first.move {
      batchAxes.strides[$0][inner]
    } by: {
      $0.batchStride = $1
    }
    var parts = [first]
    for axis in 0..<inner {
      parts = parts.flatMap { part in
        (0..<batchAxes.lengths[axis]).map { number in
          var part = part
          part.move {
            number * batchAxes.strides[$0][axis]
          } by: {
            $0.offset += $1
          }
          return part
        }
      }
    }
    return parts
  }

  private mutating func move(
    _ distance: (Int) -> Int, by change: (inout BatchedMatrix, Int) -> Void
  ) {
    change(&a, distance(0))
    change(&b, distance(1))
    change(&output, distance(2))
    if var operand {
      change(&operand, distance(3))
      self.operand = operand
    }
  }

  /// The arguments of both kernels that multiply.
  func arguments(aPanel: Int, bPanel: Int) throws -> [LaunchArgument] {
    var arguments: [LaunchArgument] = [try .view(a.view), try .view(b.view)]
    if let operand { arguments.append(try .view(operand.view)) }
    arguments.append(try .view(output.view))
    if let rowSums { arguments += [try .view(rowSums), index.argument(rowSums.offset)] }
    arguments.append(layout(aPanel: aPanel, bPanel: bPanel))
    return arguments
  }

  /// The kernels' `struct product`.
  func layout(aPanel: Int, bPanel: Int) -> LaunchArgument {
    index.argument(
      [rows, columns, depth] + a.fields + b.fields + (operand?.fields ?? [0, 0, 0, 0])
        + output.fields + [aPanel, bPanel, parts, partDepth], as: "struct product")
  }
}

/// How a tile of an operand is fetched.
struct TileAccess: Sendable, Hashable {
  /// Whether neighbours along k are adjacent in memory.
  let isAlongDepth: Bool
  /// Whether every fourth of the neighbours lies on four elements.
  let isAligned: Bool

  init(_ matrix: BatchedMatrix, isAlongDepth: Bool) {
    self.isAlongDepth = isAlongDepth
    isAligned =
      (matrix.rowStride == 1 || matrix.columnStride == 1)
      && [matrix.offset, max(matrix.rowStride, matrix.columnStride), matrix.batchStride]
        .allSatisfy { $0.isMultiple(of: 4) }
  }
}
