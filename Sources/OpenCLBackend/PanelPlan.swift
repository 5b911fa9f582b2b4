import Compute

/// How a product is computed from panels: by what tiles, and of which operands packed.
struct PanelPlan: Sendable, Hashable {
  /// The sums that are held in registers.
  let tile: RegisterTile
  /// Whether the transposed product is computed, of the operands exchanged and transposed.
  let isTransposed: Bool
  /// Whether b is read where it lies.
  let isInPlace: Bool
  /// Whether a is packed.
  let packsA: Bool
  /// Whether a is read where it lies, and neighbours of its rows are adjacent.
  let areRowsAdjacent: Bool
  /// The rows that a work-item computes.
  var blockRows: Int { Self.blockTiles * tile.rows }

  /// The tiles of a panel that a work-item computes, which finds it in its cache from the second on.
  static let blockTiles = 8

  /// Chooses the cheapest of the shapes of a tile and of the product and its transpose; no sum differs.
  init(_ product: MatrixProduct, _ tile: RegisterTile) {
    let plans = [(product, false), (product.transposed, true)].flatMap { product, isTransposed in
      tile.shapes(mostVectors: tile.vectors).map { shape in
        let costs = Costs(product, shape, isTransposed: isTransposed)
        let plan = PanelPlan(product, shape, costs, isTransposed: isTransposed)
        return (plan: plan, cost: costs.total)
      }
    }
    self = plans.dropFirst().reduce(plans[0]) { $1.cost < $0.cost ? $1 : $0 }.plan
  }

  private init(
    _ product: MatrixProduct, _ tile: RegisterTile, _ costs: Costs, isTransposed: Bool
  ) {
    self.tile = tile
    self.isTransposed = isTransposed
    isInPlace = costs.bInPlace <= costs.bPacked
    packsA = costs.aPacked < costs.aInPlace
    areRowsAdjacent = !packsA && product.a.rowStride == 1
  }
}

/// What tiles of a shape cost, and the operands packed and in place: roughly, the instructions in whose
/// time it is done, for each position along k, measured on two cores of an Intel Xeon.
private struct Costs {
  let computing, writing, aPacked, aInPlace, bPacked, bInPlace: Int

  var total: Int { computing + writing + min(aPacked, aInPlace) + min(bPacked, bInPlace) }

  /// The bytes over which an operand may be spread and be read at full speed in place.
  ///
  /// Beyond, its pages are more than a processor has the addresses of at hand, and where its rows begin
  /// at powers of two they fall into a few sets of the caches.
  private static let mostSpread = 3 << 18
  /// What an element costs that is packed, for the few rows of a tile or for its vectors.
  private static let (packingFactor, packingVector) = (6, 5)
  /// What an element of a costs in each panel, if a is spread and in place.
  private static let lateFactor = 4
  /// The tiles in which together an element of b costs one instruction, if b is spread and in place.
  private static let tilesOfLateVector = 2

  init(_ product: MatrixProduct, _ tile: RegisterTile, isTransposed: Bool) {
    let (rows, columns) = (product.rows, product.columns)
    func isSpread(_ distance: Int) -> Bool {
      product.depth * abs(distance) * product.dtype.byteCount > Self.mostSpread
    }
    computing = tile.instructions(rows: rows, columns: columns)
    // A transposed tile is written element by element, once.
    writing = isTransposed ? rows * columns / product.depth : 0
    aPacked = Self.packingFactor * rows
    // Rows that are contiguous are read ahead of, however far they lie apart.
    aInPlace =
      product.a.columnStride == 1 || !isSpread(product.a.columnStride)
      ? 0 : Self.lateFactor * rows * columns.dividedRoundingUp(by: tile.panel)
    bPacked = Self.packingVector * columns
    if product.b.columnStride != 1 || columns < tile.panel {
      bInPlace = .max
    } else {
      bInPlace =
        isSpread(product.b.rowStride)
        ? columns * rows.dividedRoundingUp(by: tile.rows) / Self.tilesOfLateVector : 0
    }
  }
}
