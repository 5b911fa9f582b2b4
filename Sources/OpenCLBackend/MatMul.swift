public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// To what elements of float32 matrices are rounded before they are multiplied.
  public var matMulPrecision: MatMulPrecision { profile.tensorCores?.precision ?? .float32 }

  /// Multiplies matrices: `output = epilogue(a·b)`.
  ///
  /// Batches whose distances are the same throughout take one launch, others one for each such
  /// run. Row sums are made in the same launch; a reduction makes them where there are several, and
  /// where tensor cores multiply, which have a only rounded. Traps when shapes or dtypes do not fit, or
  /// the output is not contiguous.
  public func multiply(
    _ a: View, _ b: View, epilogue: Epilogue?, into output: View, rowSums: View?
  ) throws {
    checkProduct(a, b, epilogue, output: output, rowSums: rowSums)
    guard output.count > 0, a.count > 0 else {
      if output.count > 0 {
        // The product is 0.
        try map(
          [epilogue?.ofZero ?? 0], of: epilogue?.operand.map { [.view($0)] } ?? [], into: [output])
      }
      return try sumRows(of: a, into: rowSums, besides: output)
    }

    let product = MatrixProduct(
      a: try readable(a), b: try readable(b), epilogue: epilogue, output: output,
      index: profile.indexType(
        [a, b, output] + (epilogue?.operand.map { [$0] } ?? []) + (rowSums.map { [$0] } ?? [])))
    var batches = product.uniformBatches()
    let isOneLaunch =
      batches.count == 1 && partCount(batches[0]) == 1 && tensorCores(for: batches[0]) == nil
    if isOneLaunch { batches[0].rowSums = rowSums }
    var launches: [Launch] = []
    // Scratch memory lives until everything is enqueued.
    var scratch: [View] = []
    for part in batches {
      let parts = partCount(part)
      guard parts > 1 else {
        launches += try multiply(part)
        continue
      }
      let sums = try self.scratch([part.batches * parts, part.rows, part.columns], part.dtype)
      scratch.append(sums)
      launches += try multiply(part.divided(parts, into: sums)).map { launch in
        var launch = launch
        launch.writesOutput = false
        return launch
      }
      launches.append(try merging(part.divided(parts, into: sums), into: part))
    }
    try submit(launches, writing: [output] + (batches[0].rowSums.map { [$0] } ?? []))
    withExtendedLifetime(scratch) {}
    if !isOneLaunch { try sumRows(of: a, into: rowSums, besides: output) }
  }

  /// The row sums in launches of their own, without which the output is one half of a result.
  private func sumRows(of a: View, into rowSums: View?, besides output: View) throws {
    guard let rowSums else { return }
    do {
      try sumRows(of: a, into: rowSums)
    } catch {
      output.storage.fail(error)
      throw error
    }
  }

  /// The launches for products at equal distances.
  private func multiply(_ product: MatrixProduct) throws -> [Launch] {
    if let cores = tensorCores(for: product) { return [try fragments(product, cores)] }
    return switch profile.matMul {
    case .panels(let tile): try panels(product, tile.holding(product.dtype))
    case .tiles(let item, let depth): [try tiles(product, item: item, depth: depth)]
    }
  }

  // MARK: Parts

  /// The parts along k into which products are divided so that the device is busy.
  private func partCount(_ product: MatrixProduct) -> Int {
    let (tile, leastDepth): ((rows: Int, columns: Int), Int) =
      switch profile.matMul {
      // Several tiles share a panel, which is worth keeping.
      case .panels(let tile): ((PanelPlan.blockTiles * tile.rows, tile.panel), 2048)
      case .tiles: ((64, 64), 256)
      }
    let tasks =
      product.batches * product.rows.dividedRoundingUp(by: tile.rows)
      * product.columns.dividedRoundingUp(by: tile.columns)
    guard tasks < device.computeUnits else { return 1 }
    return max(
      1, min((2 * device.computeUnits).dividedRoundingUp(by: tasks), product.depth / leastDepth))
  }

  /// The launch that adds the parts of products.
  private func merging(_ divided: MatrixProduct, into product: MatrixProduct) throws -> Launch {
    var merged = product
    (merged.parts, merged.partDepth) = (divided.parts, divided.partDepth)
    let group = GroupShape(x: min(64, profile.elementGroup), y: 1)
    let kernel = try stream.prepare(
      MatMulKernel(
        entry: "merge_parts", dtype: product.dtype, index: product.index,
        epilogue: EpilogueSource(product.epilogue), variant: .single(group)))
    return Launch(
      kernel: kernel,
      arguments: [try .view(divided.output.view)]
        + (try product.operand.map { [try .view($0.view)] } ?? [])
        + [try .view(product.output.view), merged.layout(aPanel: 0, bPanel: 0)],
      items: WorkSize(product.columns, product.rows, product.batches),
      local: WorkSize(group.x, group.y, 1),
      work: product.batches * product.rows * product.columns * divided.parts)
  }

  /// The operand itself if its rows or its columns are contiguous, else a copy.
  private func readable(_ matrix: View) throws -> View {
    let (rows, columns) = (matrix.shape[-2], matrix.shape[-1])
    let (row, column) = (
      matrix.strides[matrix.shape.rank - 2], matrix.strides[matrix.shape.rank - 1]
    )
    if row == 1 || column == 1 || rows == 1 || columns == 1 { return matrix }
    let copy = try scratch(matrix.shape, matrix.dtype)
    try map([.input(0)], of: [.view(matrix)], into: [copy])
    stream.countPack()
    return copy
  }

  // MARK: Panels

  /// The launches for a processor with vectors: those that pack what does not lie right, and the
  /// one that multiplies.
  private func panels(_ product: MatrixProduct, _ tile: RegisterTile) throws -> [Launch] {
    let plan = PanelPlan(product, tile)
    var product = plan.isTransposed ? product.transposed : product
    var launches: [Launch] = []

    var (aPanel, bPanel) = (0, 0)
    if !plan.isInPlace {
      let packed = try pack(
        product.b, length: product.columns, panel: plan.tile.panel, width: tile.width, &product,
        &launches)
      bPanel = packed.batchLength
      product.b = packed.matrix
    }
    if plan.packsA {
      let packed = try pack(
        product.a.transposed, length: product.rows, panel: plan.tile.rows, width: tile.width,
        &product, &launches)
      aPanel = packed.batchLength
      product.a = packed.matrix
    }

    let kernel = try stream.prepare(
      MatMulKernel(
        entry: "multiply_panels", dtype: product.dtype, index: product.index,
        epilogue: EpilogueSource(product.epilogue),
        variant: .panels(plan), hasRowSums: product.rowSums != nil))
    launches.append(
      Launch(
        kernel: kernel, arguments: try product.arguments(aPanel: aPanel, bPanel: bPanel),
        items: WorkSize(
          product.rows.dividedRoundingUp(by: plan.blockRows),
          product.columns.dividedRoundingUp(by: plan.tile.panel), product.batches * product.parts),
        local: WorkSize(1, 1, 1), work: product.work))
    return launches
  }

  /// Packs a matrix of `[depth, length]` into panels.
  ///
  /// What is adjacent along k is turned in squares of half vectors, which fit the registers. What is
  /// adjacent across goes by whole vectors where a panel has them, and half as many rows at a time: each
  /// may lie in a page of its own.
  ///
  /// Returns the panels, whose row is the distance along k, and the length of one panel.
  private func pack(
    _ matrix: BatchedMatrix, length: Int, panel: Int, width: Int, _ product: inout MatrixProduct,
    _ launches: inout [Launch]
  ) throws -> (matrix: BatchedMatrix, batchLength: Int) {
    let batches = matrix.batchStride == 0 ? 1 : product.batches
    let depth = product.depth
    let count = length.dividedRoundingUp(by: panel)
    let packed = try scratch([batches, count, depth, panel], product.dtype)
    let isAlongDepth = matrix.rowStride == 1
    let lanes = min(isAlongDepth ? max(1, width / 2) : width, panel & -panel)
    let packDepth = !isAlongDepth && lanes == width ? 32 : 64
    let kernel = try stream.prepare(
      MatMulKernel(
        entry: "pack_panels", dtype: product.dtype, index: product.index,
        epilogue: EpilogueSource(nil),
        variant: .packing(
          panel: panel, width: lanes, depth: packDepth, isAlongDepth: isAlongDepth)))
    launches.append(
      Launch(
        kernel: kernel,
        arguments: [
          try .view(matrix.view), try .view(packed),
          product.index.argument(matrix.fields, as: "struct matrix"),
          product.index.argument(length), product.index.argument(depth),
        ],
        items: WorkSize(count, depth.dividedRoundingUp(by: packDepth), batches),
        local: WorkSize(1, 1, 1), work: packed.count, writesOutput: false))
    let panels = BatchedMatrix(
      view: packed, offset: 0, rowStride: panel, columnStride: 1,
      batchStride: batches == 1 ? 0 : count * depth * panel)
    return (panels, depth * panel)
  }

  // MARK: Tiles

  /// The launch for a processor with local memory: the largest tiles of which there are enough to
  /// keep it busy.
  private func tiles(_ product: MatrixProduct, item: Int, depth: Int) throws -> Launch {
    if product.parts == 1, product.rows * product.columns * product.depth <= Self.directLimit {
      return try direct(product)
    }
    let shapes = TileShape.all(item: item, depth: depth)
    for shape in shapes {
      let (rows, columns) = (
        product.rows.dividedRoundingUp(by: shape.rows),
        product.columns.dividedRoundingUp(by: shape.columns)
      )
      let isLast = shape == shapes.last
      guard isLast || rows * columns * product.batches * product.parts >= device.computeUnits else {
        continue
      }
      guard isLast || shape.localBytes(product.dtype) <= device.localMemory else { continue }
      let kernel = try stream.prepare(
        MatMulKernel(
          entry: "multiply_tiles", dtype: product.dtype, index: product.index,
          epilogue: EpilogueSource(product.epilogue),
          variant: .tiles(
            shape, a: TileAccess(product.a, isAlongDepth: product.a.columnStride == 1),
            b: TileAccess(product.b, isAlongDepth: product.b.columnStride != 1)),
          hasRowSums: product.rowSums != nil))
      guard isLast || shape.group.count <= kernel.workGroupLimit else { continue }
      return Launch(
        kernel: kernel, arguments: try product.arguments(aPanel: 0, bPanel: 0),
        items: WorkSize(
          columns * shape.group.x, rows * shape.group.y, product.batches * product.parts),
        local: WorkSize(shape.group.x, shape.group.y, 1), work: product.work)
    }
    fatalError("multiply: the last tile shape is taken whatever its limits")
  }

  /// The most products that are made one output at a time: tiles would be mostly empty.
  private static let directLimit = 1 << 12

  /// The launch for a product so small that sharing operands gains nothing.
  private func direct(_ product: MatrixProduct) throws -> Launch {
    let group = GroupShape(x: 8, y: 8)
    let kernel = try stream.prepare(
      MatMulKernel(
        entry: "multiply_directly", dtype: product.dtype, index: product.index,
        epilogue: EpilogueSource(product.epilogue), variant: .single(group),
        hasRowSums: product.rowSums != nil))
    return Launch(
      kernel: kernel, arguments: try product.arguments(aPanel: 0, bPanel: 0),
      items: WorkSize(product.columns, product.rows, product.batches),
      local: WorkSize(group.x, group.y, 1), work: product.work)
  }
}

/// The extent of the tiles that a work-group and a work-item of `multiply_tiles` compute.
private struct TileShape: Sendable, Hashable {
  let group: GroupShape
  let itemRows: Int
  let itemColumns: Int
  let depth: Int

  var rows: Int { group.y * itemRows }
  var columns: Int { group.x * itemColumns }

  /// The local memory that both operands' tiles take, padding included.
  func localBytes(_ dtype: DType) -> Int { 2 * depth * (rows + columns + 8) * dtype.byteCount }

  /// From the one that reads least to the one that every device can run.
  static func all(item: Int, depth: Int) -> [TileShape] {
    [
      TileShape(group: GroupShape(x: 16, y: 16), itemRows: item, itemColumns: item, depth: depth),
      TileShape(group: GroupShape(x: 16, y: 16), itemRows: 4, itemColumns: 4, depth: depth),
      TileShape(group: GroupShape(x: 8, y: 8), itemRows: 4, itemColumns: 4, depth: 8),
    ]
  }
}

/// A kernel that multiplies matrices, or packs one.
private struct MatMulKernel: KernelSpecification {
  enum Variant: Hashable {
    case packing(panel: Int, width: Int, depth: Int, isAlongDepth: Bool)
    case panels(PanelPlan)
    case tiles(TileShape, a: TileAccess, b: TileAccess)
    /// A work-item for each output.
    case single(GroupShape)

    var isPanels: Bool { if case .panels = self { true } else { false } }
  }

  let entry: String
  let dtype: DType
  let index: IndexType
  let epilogue: EpilogueSource
  let variant: Variant
  var hasRowSums = false

  var file: String { "matmul.cl" }
  var function: String { entry }
  var sharesWork: Bool { if case .tiles = variant { true } else { false } }

  var definitions: Definitions {
    let type = dtype.computeType
    var definitions = type.definitions(index)
    definitions.append(epilogue.definitions(in: type, onVectors: variant.isPanels))
    if hasRowSums { definitions.define("HAS_ROW_SUMS") }
    switch variant {
    case .packing(let panel, let width, let depth, let isAlongDepth):
      definitions.append([
        "PANEL": .integer(panel), "WIDTH": .integer(width), "PACK_DEPTH": .integer(depth),
      ])
      if isAlongDepth && width > 1 { definitions.define("PACKS_ALONG_DEPTH") }
    case .panels(let plan):
      definitions.append(plan.tile.definitions)
      definitions.define("BLOCK_ROWS", .integer(plan.blockRows))
      if plan.packsA { definitions.define("A_PACKED") }
      if plan.isInPlace { definitions.define("B_IN_PLACE") }
      if plan.isTransposed { definitions.define("TRANSPOSED") }
      if plan.areRowsAdjacent { definitions.define("A_ROWS_ADJACENT") }
    case .single(let group):
      definitions.append(["GROUP_X": .integer(group.x), "GROUP_Y": .integer(group.y)])
    case .tiles(let shape, let a, let b):
      definitions.append([
        "GROUP_X": .integer(shape.group.x), "GROUP_Y": .integer(shape.group.y),
        "ITEM_ROWS": .integer(shape.itemRows), "ITEM_COLUMNS": .integer(shape.itemColumns),
        "TILE_DEPTH": .integer(shape.depth),
      ])
      if a.isAlongDepth { definitions.define("A_ALONG_DEPTH") }
      if b.isAlongDepth { definitions.define("B_ALONG_DEPTH") }
      if a.isAligned { definitions.define("A_QUADS") }
      if b.isAligned { definitions.define("B_QUADS") }
    }
    return definitions
  }
}
