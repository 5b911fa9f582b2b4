public import Compute
import Dispatch

extension ReferenceBackend {
  /// float32: nothing is rounded before it is multiplied.
  public var matMulPrecision: MatMulPrecision { .float32 }

  /// Multiplies matrices: `output = epilogue(a·b)`.
  ///
  /// Traps when shapes or dtypes do not fit, or the output is not contiguous.
  public func multiply(
    _ a: View, _ b: View, epilogue: Epilogue?, into output: View, rowSums: View?
  ) throws {
    checkProduct(a, b, epilogue, output: output, rowSums: rowSums)
    try rowSums.map { try sumRows(of: a, into: $0) }
    if output.count == 0 { return }
    try launch("multiply", [a, b, epilogue?.operand, output]) {
      withRealType(of: [output.dtype], for: "multiply") {
        multiplyMatrices(a, b, into: output, as: $0)
      }
      finish(output, with: epilogue)
    }
  }
}

/// The sizes of the parts into which a product is cut.
private enum Tile {
  /// The rows and columns of the output that one task computes.
  static let rows = 64
  static let columns = 128
  /// The terms of the sums that are added up before the output is touched.
  static let depth = 256
  /// The rows of the output that are held in registers, beside one vector of columns.
  static let stripRows = 4
  /// The multiplications for which asking other threads for help pays.
  static let sharedWork = 1 << 19
}

/// Multiplies matrices without an epilogue.
private func multiplyMatrices<S: RealScalar>(_ a: View, _ b: View, into c: View, as type: S.Type) {
  a.storage.onHost.withBytes { aBytes in
    b.storage.onHost.withBytes { bBytes in
      c.storage.onHost.withBytes { cBytes in
        TiledProduct<S>(
          of: aBytes.assumingMemoryBound(to: S.self), a,
          and: bBytes.assumingMemoryBound(to: S.self), b,
          into: cBytes.assumingMemoryBound(to: S.self), c
        ).compute()
      }
    }
  }
}

/// The textbook's `c[i, j] = Σ a[i, p]·b[p, j]`, tile by tile.
///
/// The terms of an element are added in an order that depends on k alone, so the result does not
/// depend on the number of threads. Threads may share the value, since tiles do not overlap.
private struct TiledProduct<S: RealScalar>: @unchecked Sendable {
  private let a: Matrix<S>
  private let b: Matrix<S>
  private let c: UnsafeMutablePointer<S>
  /// Where each batch's matrices begin, counted from the first's.
  private let aOffsets: [Int]
  private let bOffsets: [Int]
  private let tileRows: Int
  private let tileColumns: Int

  init(
    of aElements: UnsafePointer<S>, _ a: View, and bElements: UnsafePointer<S>, _ b: View,
    into cElements: UnsafeMutablePointer<S>, _ c: View
  ) {
    self.a = Matrix(aElements + a.offset, of: a)
    self.b = Matrix(bElements + b.offset, of: b)
    self.c = cElements + c.offset
    aOffsets = batchOffsets(of: a)
    bOffsets = batchOffsets(of: b)
    tileRows = (c.shape[-2] + Tile.rows - 1) / Tile.rows
    tileColumns = (c.shape[-1] + Tile.columns - 1) / Tile.columns
  }

  /// Computes all tiles, on several threads where the work is worth it.
  func compute() {
    let tiles = aOffsets.count * tileRows * tileColumns
    let work = aOffsets.count * a.rows * a.columns * b.columns
    let share = max(1, Tile.sharedWork * tiles / max(1, work))
    let shares = (tiles + share - 1) / share
    if shares == 1 {
      compute(0..<tiles)
    } else {
      DispatchQueue.concurrentPerform(iterations: shares) { i in
        compute(i * share..<min(tiles, (i + 1) * share))
      }
    }
  }

  private func compute(_ tiles: Range<Int>) {
    let packed = PackedTile<S>(depth: min(a.columns, Tile.depth))
    for tile in tiles {
      let (batch, place) = tile.quotientAndRemainder(dividingBy: tileRows * tileColumns)
      let (tileRow, tileColumn) = place.quotientAndRemainder(dividingBy: tileColumns)
      let rows = tileRow * Tile.rows..<min(a.rows, (tileRow + 1) * Tile.rows)
      let columns = tileColumn * Tile.columns..<min(b.columns, (tileColumn + 1) * Tile.columns)
      packed.multiply(
        a.moved(by: aOffsets[batch])[rows, 0..<a.columns],
        b.moved(by: bOffsets[batch])[0..<b.rows, columns],
        into: c + (batch * a.rows + rows.lowerBound) * b.columns + columns.lowerBound,
        rowStride: b.columns)
    }
  }
}

/// Where the matrices of a view begin, counted from the first one's, in row-major order.
private func batchOffsets(of view: View) -> [Int] {
  zip(view.shape.dimensions, view.strides).dropLast(2).reduce([0]) { starts, axis in
    starts.flatMap { start in (0..<axis.0).map { start + $0 * axis.1 } }
  }
}

/// A strided matrix.
private struct Matrix<S: RealScalar> {
  let first: UnsafePointer<S>
  let rows: Int
  let columns: Int
  let rowStride: Int
  let columnStride: Int

  /// The matrix at an address, with the lengths and strides of a view's last two axes.
  init(_ first: UnsafePointer<S>, of view: View) {
    let rank = view.shape.rank
    self.init(
      first: first, rows: view.shape[-2], columns: view.shape[-1],
      rowStride: view.strides[rank - 2], columnStride: view.strides[rank - 1])
  }

  private init(first: UnsafePointer<S>, rows: Int, columns: Int, rowStride: Int, columnStride: Int)
  {
    self.first = first
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
    self.columnStride = columnStride
  }

  /// The matrix of the same lengths and strides that begins elsewhere.
  func moved(by offset: Int) -> Matrix {
    Matrix(
      first: first + offset, rows: rows, columns: columns, rowStride: rowStride,
      columnStride: columnStride)
  }

  /// A rectangle of the matrix.
  subscript(rows: Range<Int>, columns: Range<Int>) -> Matrix {
    Matrix(
      first: first + rows.lowerBound * rowStride + columns.lowerBound * columnStride,
      rows: rows.count, columns: columns.count, rowStride: rowStride, columnStride: columnStride)
  }

  /// The matrix with its rows as columns.
  var transposed: Matrix {
    Matrix(
      first: first, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride)
  }

  /// Copies the matrix into strips of `width` columns, each contiguous and row by row.
  ///
  /// The last strip is filled up with zeros; what is computed from them is never written out.
  func pack(width: Int, into target: UnsafeMutablePointer<S>) {
    var target = target
    for start in stride(from: 0, to: columns, by: width) {
      let count = min(width, columns - start)
      for row in 0..<rows {
        let source = first + row * rowStride + start * columnStride
        if count == width && columnStride == 1 {
          target.update(from: source, count: width)
        } else {
          for column in 0..<width {
            target[column] = column < count ? source[column * columnStride] : 0
          }
        }
        target += width
      }
    }
  }
}

/// Room for the packed operands of one tile, and the product of them.
private struct PackedTile<S: RealScalar>: ~Copyable {
  private let depth: Int
  /// Rows of a, in strips of `Tile.stripRows`: for each term the strip's elements.
  private let a: UnsafeMutablePointer<S>
  /// Columns of b, in strips of one vector: for each term one vector.
  private let b: UnsafeMutablePointer<S.Lanes>
  /// The product of two strips.
  private let sums: UnsafeMutablePointer<S.Lanes>

  /// Makes room for parts of sums of at most `depth` terms.
  init(depth: Int) {
    self.depth = max(1, depth)
    a = .allocate(capacity: Tile.rows * self.depth)
    b = .allocate(capacity: Tile.columns / S.Lanes.scalarCount * self.depth)
    sums = .allocate(capacity: Tile.stripRows)
  }

  deinit {
    a.deallocate()
    b.deallocate()
    sums.deallocate()
  }

  /// Writes the product of some rows and some columns.
  func multiply(
    _ rows: Matrix<S>, _ columns: Matrix<S>, into c: UnsafeMutablePointer<S>, rowStride: Int
  ) {
    let width = S.Lanes.scalarCount
    for row in 0..<rows.rows { (c + row * rowStride).update(repeating: 0, count: columns.columns) }
    for start in stride(from: 0, to: rows.columns, by: depth) {
      let terms = start..<min(start + depth, rows.columns)
      rows[0..<rows.rows, terms].transposed.pack(width: Tile.stripRows, into: a)
      b.withMemoryRebound(to: S.self, capacity: Tile.columns * terms.count) {
        columns[terms, 0..<columns.columns].pack(width: width, into: $0)
      }
      for i in stride(from: 0, to: rows.rows, by: Tile.stripRows) {
        for j in stride(from: 0, to: columns.columns, by: width) {
          multiplyStrips(
            a + i * terms.count, b + j / width * terms.count, depth: terms.count, into: sums)
          for row in 0..<min(Tile.stripRows, rows.rows - i) {
            let target = c + (i + row) * rowStride + j
            for column in 0..<min(width, columns.columns - j) {
              target[column] += sums[row][column]
            }
          }
        }
      }
    }
  }
}

/// The product of a strip of rows and a strip of columns: one vector for each of the rows.
///
/// The four sums stay in registers, and each vector of b that is read serves all of them.
private func multiplyStrips<S: RealScalar>(
  _ a: UnsafePointer<S>, _ b: UnsafePointer<S.Lanes>, depth: Int,
  into sums: UnsafeMutablePointer<S.Lanes>
) {
  var (sum0, sum1, sum2, sum3) = (S.Lanes.zero, S.Lanes.zero, S.Lanes.zero, S.Lanes.zero)
  for p in 0..<depth {
    let row = b[p]
    sum0 += a[4 * p] * row
    sum1 += a[4 * p + 1] * row
    sum2 += a[4 * p + 2] * row
    sum3 += a[4 * p + 3] * row
  }
  sums[0] = sum0
  sums[1] = sum1
  sums[2] = sum2
  sums[3] = sum3
}
