import Compute
import OpenCLRuntime

/// The sums that a work-item keeps in vector registers while it multiplies: so many rows by so many
/// vectors of columns.
///
/// The sums, the vectors of one row of the right operand and a factor of the left one are to fit the
/// registers. The more sums there are, and the nearer in number the rows are to the vectors, the less is
/// read for what is computed.
public struct RegisterTile: Sendable, Hashable {
  /// The elements of a vector.
  public var width: Int
  /// The rows.
  public var rows: Int
  /// The vectors of each row.
  public var vectors: Int

  /// A tile of rows by vectors of so many elements.
  public init(width: Int, rows: Int, vectors: Int) {
    self.width = width
    self.rows = rows
    self.vectors = vectors
  }

  /// The columns.
  var panel: Int { vectors * width }

  /// The tile, said for float32, with vectors of as many bytes of another dtype.
  func holding(_ dtype: DType) -> RegisterTile {
    RegisterTile(width: width * 4 / dtype.byteCount, rows: rows, vectors: vectors)
  }

  /// The tiles of no more sums, among which are some that suit results of few rows and of few columns:
  /// of two vectors, unless the tile has one, to so many.
  func shapes(mostVectors: Int) -> [RegisterTile] {
    let sums = rows * vectors
    return (1...sums / min(2, vectors)).filter { sums.isMultiple(of: $0) }.map {
      RegisterTile(width: width, rows: $0, vectors: min(mostVectors, sums / $0))
    }
  }

  /// The instructions, for each position along k, of as many tiles as a result takes: those that load
  /// factors and vectors, and the fused multiply-adds.
  ///
  /// - Parameter loads: The loads of a vector: 2 where most lie in two lines of the cache.
  func instructions(rows: Int, columns: Int, loads: Int = 1) -> Int {
    rows.dividedRoundingUp(by: self.rows) * columns.dividedRoundingUp(by: panel)
      * (self.rows * vectors + self.rows + loads * vectors)
  }

  /// The macros of the kernels that multiply by register tiles.
  var definitions: Definitions {
    [
      "WIDTH": .integer(width), "TILE_ROWS": .integer(rows), "VECTORS": .integer(vectors),
    ]
  }
}
