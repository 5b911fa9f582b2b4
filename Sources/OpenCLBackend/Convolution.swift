public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// Convolves images, `y = epilogue(w ⋆ x)`.
  ///
  /// Traps when shapes or dtypes do not fit, or a view is not contiguous.
  public func convolve(
    _ x: View, weight: View, epilogue: Epilogue?, geometry: ConvolutionGeometry, into y: View
  ) throws {
    checkConvolution("convolve", x: x, weight: weight, y: y, geometry, epilogue: epilogue)
    checkEpilogue("convolve", epilogue, of: y)
    guard y.count > 0 else { return }
    try correlate([
      Correlation(x, weight: weight, epilogue: epilogue, geometry, into: y)
    ])
  }

  /// The transposed convolution, `x = epilogue(wᵀ ⋆ y)`.
  ///
  /// One correlation for each remainder of a position divided by the stride. Traps when shapes or
  /// dtypes do not fit, or a view is not contiguous.
  public func convolveTransposed(
    _ y: View, weight: View, epilogue: Epilogue?, geometry: ConvolutionGeometry, into x: View
  ) throws {
    checkConvolution("convolveTransposed", x: x, weight: weight, y: y, geometry, epilogue: epilogue)
    checkEpilogue("convolveTransposed", epilogue, of: x)
    guard x.count > 0 else { return }
    try correlate(
      Correlation.transposed(
        y, weight: weight, epilogue: epilogue, geometry, into: x))
  }

  /// The gradient of a convolution with respect to its weight.
  ///
  /// The positions are divided into chunks, so that there is work for all cores; the chunks' sums
  /// are added in order. A processor with vectors sums the gradient of the bias in the same launches.
  /// Traps when shapes or dtypes do not fit, or a view is not contiguous.
  public func convolutionWeightGradient(
    _ cotangent: View, x: View, geometry: ConvolutionGeometry, into gradient: View,
    biasGradient: View?
  ) throws {
    checkConvolution(
      "convolutionWeightGradient", x: x, weight: gradient, y: cotangent, geometry)
    checkBiasGradient("convolutionWeightGradient", biasGradient, of: cotangent, geometry)
    func sumBias() throws {
      guard let biasGradient else { return }
      do {
        try reduce(
          .sum, of: .input(0), operands: [.view(cotangent)], axes: [0, 2, 3], scale: 1,
          into: biasGradient.asChannels)
      } catch {
        // What was written before is one half of a result.
        gradient.storage.fail(error)
        throw error
      }
    }
    guard gradient.count > 0 else { return try sumBias() }
    guard cotangent.count > 0, x.count > 0 else {
      try map([0], of: [], into: [gradient])
      return try sumBias()
    }
    switch profile.matMul {
    case .panels(let tile):
      try weightGradientPanels(
        Correlation(x, weight: gradient, epilogue: nil, geometry, into: cotangent),
        into: gradient, biasGradient: biasGradient, tile.holding(gradient.dtype))
    case .tiles:
      try weightGradientTiles(cotangent, x, geometry, into: gradient)
      try sumBias()
    }
  }

  private func correlate(_ correlations: [Correlation]) throws {
    for correlation in correlations {
      guard correlation.depth > 0, correlation.x.count > 0 else {
        try fill(correlation)
        continue
      }
      let launches =
        switch profile.matMul {
        case .panels(let tile): try panels(correlation, tile.holding(correlation.y.dtype))
        case .tiles: [try tiles(correlation)]
        }
      try submit(launches, writing: [correlation.y])
    }
  }

  /// Writes what sums of nothing give.
  private func fill(_ correlation: Correlation) throws {
    try map(
      [correlation.epilogue?.ofZero ?? 0],
      of: correlation.operand.map { [.view($0)] } ?? [], into: [correlation.outputs])
  }

  // MARK: Tiles

  /// The launch for a processor with local memory.
  private func tiles(_ correlation: Correlation) throws -> Launch {
    let views =
      [correlation.x, correlation.weight, correlation.y]
      + (correlation.operand.map { [$0] } ?? [])
    let index = profile.indexType(views, upTo: correlation.positions)
    let (kernel, shape) = try prepare(
      rows: correlation.filters, columns: correlation.positions, batches: correlation.groups,
      dtype: correlation.y.dtype
    ) {
      ConvolutionKernel(
        function: "correlate_tiles", window: correlation.window,
        epilogue: EpilogueSource(correlation.epilogue),
        hasOperandOfChannels: correlation.hasOperandOfChannels,
        dtype: correlation.y.dtype, index: index, tile: $0)
    }
    var arguments = [try LaunchArgument.view(correlation.x), try .view(correlation.weight)]
    if let operand = correlation.operand { arguments.append(try .view(operand)) }
    arguments.append(try .view(correlation.y))
    arguments.append(index.argument(correlation.layout, as: "struct correlation"))
    return Launch(
      kernel: kernel, arguments: arguments,
      items: WorkSize(
        correlation.positions.dividedRoundingUp(by: shape.columns) * shape.group.x,
        correlation.filters.dividedRoundingUp(by: shape.rows) * shape.group.y,
        correlation.groups),
      local: WorkSize(shape.group.x, shape.group.y, 1), work: correlation.work)
  }

  /// The gradient of the weight, on a processor with local memory.
  private func weightGradientTiles(
    _ cotangent: View, _ x: View, _ geometry: ConvolutionGeometry, into gradient: View
  ) throws {
    let (rows, columns) = (CorrelationAxis(geometry.rows), CorrelationAxis(geometry.columns))
    let correlation = Correlation(
      x, weight: gradient, epilogue: nil, geometry, into: cotangent)
    let width = geometry.groupInputs * rows.taps * columns.taps
    let positions = correlation.positions
    let index = profile.indexType([cotangent, x, gradient], upTo: positions)
    let (kernel, shape) = try prepare(
      rows: geometry.groupOutputs, columns: width, batches: geometry.groups, dtype: gradient.dtype
    ) {
      ConvolutionKernel(
        function: "weight_gradient_tiles", isGradient: true, window: correlation.window,
        epilogue: EpilogueSource(nil), hasOperandOfChannels: false, dtype: gradient.dtype,
        index: index, tile: $0)
    }
    let tileRows = geometry.groupOutputs.dividedRoundingUp(by: shape.rows)
    let tileColumns = width.dividedRoundingUp(by: shape.columns)
    let chunks = profile.chunks(
      tasks: tileRows * tileColumns * geometry.groups, count: positions)
    let target =
      chunks.count == 1 ? gradient : try scratch([chunks.count, gradient.count], gradient.dtype)
    let layout =
      [
        geometry.groupOutputs, geometry.groupInputs, geometry.images, rows.count, columns.count,
      ] + correlation.inputFields + [
        cotangent.offset, geometry.outputChannels * rows.count * columns.count,
        rows.count * columns.count, target.offset, gradient.count / geometry.groups, chunks.length,
        chunks.count, gradient.count,
      ]
    let launch = Launch(
      kernel: kernel,
      arguments: [
        try .view(cotangent), try .view(x), try .view(target),
        index.argument(layout, as: "struct weight_gradient"),
      ],
      items: WorkSize(
        tileColumns * shape.group.x, tileRows * shape.group.y, geometry.groups * chunks.count),
      local: WorkSize(shape.group.x, shape.group.y, 1), work: correlation.work,
      writesOutput: chunks.count == 1)
    try submit([launch], writing: [target])
    if chunks.count > 1 { try addChunks(target, into: gradient) }
  }

  /// Adds up what the chunks of a weight's gradient, `[chunks, elements]`, have.
  private func addChunks(_ chunks: View, into gradient: View) throws {
    try reduce(
      .sum, of: .input(0), operands: [.view(chunks)], axes: [0], scale: 1,
      into: gradient.with(shape: [1, gradient.count], strides: [gradient.count, 1]))
  }

  /// The kernel of the largest tiles of which there are enough to keep the device busy.
  private func prepare(
    rows: Int, columns: Int, batches: Int, dtype: DType,
    _ specification: (ConvolutionTile) -> ConvolutionKernel
  ) throws -> (PreparedKernel, ConvolutionTile) {
    for tile in ConvolutionTile.all {
      let isLast = tile == ConvolutionTile.all.last
      let count =
        rows.dividedRoundingUp(by: tile.rows) * columns.dividedRoundingUp(by: tile.columns)
      // A tile with more than half of its rows idle is not worth its size.
      guard isLast || 2 * rows > tile.rows else { continue }
      guard isLast || count * batches >= device.computeUnits else { continue }
      guard isLast || tile.localBytes(dtype) <= device.localMemory else { continue }
      let kernel = try stream.prepare(specification(tile))
      guard isLast || tile.group.count <= kernel.workGroupLimit else { continue }
      return (kernel, tile)
    }
    fatalError("convolve: the last tile is taken whatever its limits")
  }
}

/// The extent of the tiles that a work-group and a work-item compute.
private struct ConvolutionTile: Sendable, Hashable {
  let group: GroupShape
  let itemRows: Int
  let itemColumns: Int
  let depth: Int

  var rows: Int { group.y * itemRows }
  var columns: Int { group.x * itemColumns }

  /// The local memory that both operands' tiles take, padding included.
  func localBytes(_ dtype: DType) -> Int { depth * (rows + columns + 2) * dtype.byteCount }

  /// From the one that reads least to the one that every device can run, which suits a single filter.
  static let all = [
    ConvolutionTile(group: GroupShape(x: 16, y: 16), itemRows: 8, itemColumns: 8, depth: 16),
    ConvolutionTile(group: GroupShape(x: 16, y: 16), itemRows: 4, itemColumns: 4, depth: 16),
    ConvolutionTile(group: GroupShape(x: 8, y: 8), itemRows: 4, itemColumns: 4, depth: 8),
    ConvolutionTile(group: GroupShape(x: 32, y: 8), itemRows: 1, itemColumns: 2, depth: 8),
    ConvolutionTile(group: GroupShape(x: 64, y: 1), itemRows: 1, itemColumns: 1, depth: 8),
  ]
}

/// A kernel that convolves.
private struct ConvolutionKernel: KernelSpecification {
  let function: String
  var isGradient = false
  let window: CorrelationWindow
  let epilogue: EpilogueSource
  let hasOperandOfChannels: Bool
  let dtype: DType
  let index: IndexType
  let tile: ConvolutionTile

  var file: String { isGradient ? "convolution_gradient.cl" : "convolution.cl" }
  var sharesWork: Bool { true }

  var definitions: Definitions {
    let type = dtype.computeType
    var definitions = type.definitions(index)
    definitions.append(window.definitions)
    if hasOperandOfChannels { definitions.define("OPERAND_OF_CHANNELS") }
    definitions.append(epilogue.definitions(in: type))
    definitions.append([
      "GROUP_X": .integer(tile.group.x), "GROUP_Y": .integer(tile.group.y),
      "ITEM_ROWS": .integer(tile.itemRows), "ITEM_COLUMNS": .integer(tile.itemColumns),
      "TILE_DEPTH": .integer(tile.depth),
    ])
    return definitions
  }
}
