import Compute
import OpenCLRuntime

// Convolutions on processors that are vector machines.

extension OpenCLBackend {
  /// The launches of a correlation: one that packs the weight, and one that copies what each block of
  /// positions sees and computes it.
  func panels(_ correlation: Correlation, _ tile: RegisterTile) throws -> [Launch] {
    let dtype = correlation.y.dtype
    let tile = tile.correlating(correlation)
    let regions = RegionPlan(
      correlation, channels: correlation.channels, tasks: correlation.images * correlation.groups,
      wanted: panelTasks, slack: tile.panel, mostRows: correlation.rows.count, dtype)
    let tiles = correlation.filters.dividedRoundingUp(by: tile.rows)
    let packed = try scratch(
      [correlation.groups, tiles, correlation.depth, tile.rows], dtype)
    let memory = try scratch([regions.items, regions.length], dtype)
    let views =
      [correlation.x, correlation.weight, correlation.y, packed, memory]
      + (correlation.operand.map { [$0] } ?? [])
    let index = profile.indexType(views)
    func kernel(_ function: String) throws -> PreparedKernel {
      let isPacking = function == "pack_filters"
      return try stream.prepare(
        ConvolutionPanelKernel(
          function: function, window: correlation.window,
          epilogue: EpilogueSource(isPacking ? nil : correlation.epilogue),
          hasOperandOfChannels: !isPacking && correlation.hasOperandOfChannels,
          hasUnitStep: !isPacking && correlation.columns.outputStep == 1, dtype: dtype,
          index: index, tile: tile))
    }
    let layout = index.argument(correlation.layout, as: "struct correlation")
    let packing = Launch(
      kernel: try kernel("pack_filters"),
      arguments: [try .view(correlation.weight), try .view(packed), layout],
      items: WorkSize(tiles, correlation.channels, correlation.groups), local: WorkSize(1, 1, 1),
      work: packed.count, writesOutput: false)
    var arguments = [try LaunchArgument.view(correlation.x), try .view(packed)]
    if let operand = correlation.operand { arguments.append(try .view(operand)) }
    arguments += [
      try .view(correlation.y), try .view(memory), layout,
      index.argument(regions.layout, as: "struct region"),
    ]
    let computing = Launch(
      kernel: try kernel("correlate_panels"), arguments: arguments,
      items: WorkSize(regions.items, 1, 1), local: WorkSize(1, 1, 1), work: correlation.work)
    return [packing, computing]
  }

  /// The gradient of the weight, and of the bias if it is wanted, summed for several chunks of the
  /// blocks of positions, then over those in order.
  func weightGradientPanels(
    _ correlation: Correlation, into gradient: View, biasGradient: View?, _ tile: RegisterTile
  ) throws {
    let dtype = gradient.dtype
    let (groups, channels) = (correlation.groups, correlation.channels)
    let taps = channels * correlation.rows.taps * correlation.columns.taps
    let tile = tile.summing(filters: correlation.filters, taps: taps)
    let panels = correlation.filters.dividedRoundingUp(by: tile.panel)
    // The bias is one more tap, which every position sees with a factor of 1.
    let rows = taps + (biasGradient == nil ? 0 : 1)
    let sums = groups * panels * rows * tile.panel

    // As many chunks as there is work for, but no more than their sums are worth; what is then
    // missing, parts of the channels give.
    let wanted = panelTasks.dividedRoundingUp(by: groups)
    let mostChunks = max(1, Self.mostSums / sums)
    let part = channels.dividedRoundingUp(
      by: min(channels, wanted.dividedRoundingUp(by: min(wanted, mostChunks))))
    let parts = channels.dividedRoundingUp(by: part)
    let regions = RegionPlan(
      correlation, channels: part, tasks: correlation.images,
      wanted: min(wanted, mostChunks), slack: 0,
      mostRows: Self.turnedBytes / (correlation.columns.count * tile.panel * dtype.byteCount),
      dtype)
    let chunks = regions.items
    let partial = try scratch([chunks, sums], dtype)
    let memory = try scratch([chunks * groups * parts, regions.length], dtype)
    let turned = try scratch(
      [
        chunks * groups * parts, panels,
        regions.blockRows * correlation.columns.count * tile.panel,
      ], dtype)
    let biasGradients = biasGradient.map { [$0] } ?? []
    let index = profile.indexType(
      [correlation.x, correlation.y, gradient, partial, memory, turned] + biasGradients)
    func kernel(_ function: String) throws -> PreparedKernel {
      try stream.prepare(
        ConvolutionPanelKernel(
          function: function, isGradient: true, window: correlation.window,
          epilogue: EpilogueSource(nil), hasOperandOfChannels: false,
          hasBiasGradient: biasGradient != nil, hasUnitStep: false,
          dtype: dtype, index: index, tile: tile))
    }
    let layout = index.argument(correlation.layout, as: "struct correlation")
    let summing = Launch(
      kernel: try kernel("weight_gradient_panels"),
      arguments: [
        try .view(correlation.y), try .view(correlation.x), try .view(partial), try .view(memory),
        try .view(turned), layout, index.argument(regions.layout, as: "struct region"),
        index.argument(part),
      ],
      items: WorkSize(chunks, groups, parts), local: WorkSize(1, 1, 1), work: correlation.work,
      writesOutput: false)
    let merging = Launch(
      kernel: try kernel("merge_panels"),
      arguments: try [partial, gradient].map(LaunchArgument.view)
        + biasGradients.flatMap { [try .view($0), index.argument($0.offset)] }
        + [layout, index.argument(chunks)],
      items: WorkSize(rows.dividedRoundingUp(by: tile.rows), panels, groups),
      local: WorkSize(1, 1, 1), work: partial.count)
    try submit([summing, merging], writing: [gradient] + biasGradients)
  }

  /// The work-items among which the blocks of positions are divided.
  private var panelTasks: Int { max(profile.taskCount, 2 * device.computeUnits) }

  /// The most sums of all chunks of a weight's gradient.
  private static let mostSums = 1 << 22
  /// The bytes of a panel of y that is read for each tile of taps: what a fast cache holds.
  private static let turnedBytes = 1 << 16
}

extension RegisterTile {
  /// The shape for a correlation's filters, and its positions, which are adjacent across rows.
  fileprivate func correlating(_ correlation: Correlation) -> RegisterTile {
    let (rows, columns) = (correlation.rows, correlation.columns)
    let positions = (rows.count - 1) * (columns.count + columns.lastShift) + columns.count
    func instructions(_ shape: RegisterTile) -> Int {
      shape.instructions(rows: correlation.filters, columns: positions, loads: 2)
    }
    return shapes(mostVectors: 8).min { instructions($0) < instructions($1) } ?? self
  }

  /// The shape for so many taps by filters.
  fileprivate func summing(filters: Int, taps: Int) -> RegisterTile {
    let sums = rows * vectors
    let wanted = min(vectors, filters.dividedRoundingUp(by: width))
    // The taps lie apart, each with an address in a register, of which there are enough for ten.
    let rows = taps <= 10 ? taps : min(8, sums / wanted)
    return RegisterTile(width: width, rows: rows, vectors: max(1, min(wanted, sums / rows)))
  }
}

/// How the positions of a correlation are divided into blocks of rows, and what of x each sees.
private struct RegionPlan {
  let blockRows: Int
  let blocks: Int
  private let pitch: Int, plane: Int, channel: Int
  /// The elements of a region.
  let length: Int
  /// The blocks that a work-item computes.
  private let share: Int
  /// The work-items.
  let items: Int

  /// The bytes of a region that a core's own cache holds beside other things.
  private static let cachedBytes = 1 << 18

  /// Divides the rows.
  ///
  /// - Parameters:
  ///   - channels: The channels that are copied at once.
  ///   - tasks: The regions that there are for a block.
  ///   - wanted: The work-items that keep the device busy.
  ///   - slack: The elements beyond a region's end that are read.
  ///   - mostRows: The most rows of a block.
  init(
    _ correlation: Correlation, channels: Int, tasks: Int, wanted: Int, slack: Int, mostRows: Int,
    _ dtype: DType
  ) {
    let (rows, columns) = (correlation.rows, correlation.columns)
    pitch = columns.count + columns.lastShift
    let planes = rows.planes * columns.planes
    let rowBytes = channels * planes * pitch * dtype.byteCount
    let fitting = Self.cachedBytes / rowBytes - rows.lastShift
    let shared = rows.count.dividedRoundingUp(by: wanted.dividedRoundingUp(by: tasks))
    // Of fewer rows than taps add, more would be copied twice than once.
    let least = min(rows.count, rows.lastShift + 1)
    let most = max(least, min(fitting, shared, mostRows))
    blocks = rows.count.dividedRoundingUp(by: min(rows.count, most))
    blockRows = rows.count.dividedRoundingUp(by: blocks)
    plane = (blockRows + rows.lastShift) * pitch
    channel = planes * plane
    length = channels * channel + slack
    share = (tasks * blocks).dividedRoundingUp(by: wanted)
    items = (tasks * blocks).dividedRoundingUp(by: share)
  }

  /// The fields of the kernels' struct.
  var layout: [Int] { [blockRows, blocks, pitch, plane, channel, 0, length, share] }
}

extension CorrelationAxis {
  /// The positions that the last tap adds.
  fileprivate var lastShift: Int { (taps - 1) * dilation / stride }
  /// The planes into which what taps of different remainders see is divided.
  fileprivate var planes: Int { min(taps, period) }
}

/// A kernel that convolves on a processor with vectors, or prepares that.
private struct ConvolutionPanelKernel: KernelSpecification {
  let function: String
  var isGradient = false
  let window: CorrelationWindow
  let epilogue: EpilogueSource
  let hasOperandOfChannels: Bool
  var hasBiasGradient = false
  let hasUnitStep: Bool
  let dtype: DType
  let index: IndexType
  let tile: RegisterTile

  var file: String { isGradient ? "convolution_gradient.cl" : "convolution.cl" }
  var sharesWork: Bool { false }

  var definitions: Definitions {
    let type = dtype.computeType
    var definitions = type.definitions(index)
    definitions.append(window.definitions)
    definitions.append(tile.definitions)
    if hasOperandOfChannels { definitions.define("OPERAND_OF_CHANNELS") }
    if hasBiasGradient { definitions.define("HAS_BIAS_GRADIENT") }
    if hasUnitStep { definitions.define("UNIT_STEP") }
    definitions.append(epilogue.definitions(in: type, onVectors: true))
    return definitions
  }
}
