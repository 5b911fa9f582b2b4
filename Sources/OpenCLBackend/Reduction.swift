public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// Reduces an expression over axes: `output = scale · reduction(expression(operands))`.
  ///
  /// Long reductions into few outputs are divided into chunks, whose results a second launch
  /// combines. Traps when the shapes do not fit, no operand is a view, or argmax has nothing to
  /// choose from or no integers to write.
  public func reduce(
    _ reduction: Reduction, of expression: Expression, operands: [Operand], axes: [Int],
    scale: Double, into output: View
  ) throws {
    let shape = checkReduction(reduction, operands: operands, axes: axes, output: output)
    guard output.count > 0 else { return }
    guard shape.count > 0 else {
      // The mean of nothing is NaN: 0 times a scale of 1/0.
      let nothing = reduction == .sum ? .constant(0 * scale) : reduction.neutral
      return try map([nothing], of: [], into: [output])
    }
    let plan = ReductionPlan(
      operands, reducing: Set(axes.map(shape.normalized(axis:))), into: output, profile)
    try submit(reduction, of: expression, operands: operands, by: plan, scale: scale, into: output)
  }

  private func submit(
    _ reduction: Reduction, of expression: Expression, operands: [Operand], by plan: ReductionPlan,
    scale: Double, into output: View
  ) throws {
    let views = operands.compactMap(\.view)
    let type = ComputeType((views + [output]).map(\.dtype))
    let index = profile.indexType(
      views + [output], upTo: plan.outputs * plan.chunks * profile.groupSize)
    let isDivided = plan.chunks > 1
    // An integer sum is multiplied as a number that has the scale.
    let scaleType: ComputeType =
      type != .int64 || reduction != .sum || scale == 1
      ? type : device.supportsFloat64 ? .float64 : .float32
    let traffic = traffic(reading: views, writing: [])
    func specification(_ function: ReductionKernel.Function, groupSize: Int) -> ReductionKernel {
      ReductionKernel(
        entry: function, reduction: reduction, expression: expression,
        operands: operands.map { operand in operand.view.map { .view($0.dtype) } ?? .number },
        output: output.dtype, scale: scaleType, steps: views.indices.map(plan.step),
        isColumns: plan.isColumns,
        isPartial: isDivided, keptRank: plan.kept.rank, reducedRank: plan.reduced.rank,
        lanes: plan.lanes, block: plan.block, traffic: function == .rows ? traffic : .cached,
        type: type, index: index, groupSize: groupSize)
    }

    var arguments: [LaunchArgument] = []
    for operand in operands {
      switch operand {
      case .view(let view): arguments.append(try .view(view))
      case .scalar(let number): arguments.append(.scalar(number, type))
      }
    }
    let layout = index.argument(
      plan.layout(offsets: (views + [output]).map(\.offset)), as: "struct layout")
    let results: [LaunchArgument] = [try .view(output), .scalar(scale, scaleType), layout]

    let (kernel, groupSize) = try prepare {
      specification(plan.isColumns ? .columns : .rows, groupSize: $0)
    }
    let items = plan.tasks * plan.chunks * (plan.isColumns ? 1 : groupSize)
    var launch = Launch(
      kernel: kernel, arguments: arguments + results,
      items: WorkSize(items), local: WorkSize(groupSize),
      work: plan.outputs * plan.count * max(1, views.count))
    guard isDivided else { return try submit([launch], writing: [output]) }

    let stateBytes =
      reduction == .argmax ? 2 * max(type.byteCount, index.byteCount) : type.byteCount
    let partials = LaunchArgument.storage(
      try scratch(byteCount: plan.outputs * plan.chunks * stateBytes))
    launch.arguments = arguments + [partials, layout]
    launch.writesOutput = false
    let (merging, mergingSize) = try prepare { specification(.partials, groupSize: $0) }
    let merge = Launch(
      kernel: merging, arguments: [partials] + results,
      items: WorkSize(plan.outputs * mergingSize), local: WorkSize(mergingSize),
      work: plan.outputs * plan.chunks)
    try submit([launch, merge], writing: [output])
  }
}

extension Reduction {
  /// What no elements reduce to.
  fileprivate var neutral: Expression {
    switch self {
    case .sum: 0
    case .maximum, .argmax: .constant(-.infinity)
    case .minimum: .constant(.infinity)
    }
  }
}

/// How a reduction is divided among work-items: by shapes, strides and profile alone.
private struct ReductionPlan {
  /// The axes that index the outputs, of the operands and, last, the output.
  let kept: AxisLayout
  /// The axes that are reduced, of the operands.
  let reduced: AxisLayout
  /// Whether work-items lie along the innermost kept axis rather than the innermost reduced one.
  let isColumns: Bool
  /// How many values a work-item combines side by side.
  let lanes: Int
  /// The outputs of columns that a work-item reduces.
  let block: Int
  /// The outputs.
  let outputs: Int
  /// The positions that are reduced into each.
  let count: Int
  /// The work-groups of rows, or work-items of columns, for one chunk.
  let tasks: Int
  /// The chunks, and the positions in each but the last.
  let chunks: Int, chunkLength: Int

  /// A row of so few elements is not worth a work-group, nor a vector.
  private static let shortRow = 16
  /// The columns from which on a work-item has many of them, the most, and the least positions in a
  /// chunk of theirs.
  private static let wideRow = 256, wideBlock = 1024, leastRows = 256

  init(_ operands: [Operand], reducing axes: Set<Int>, into output: View, _ profile: DeviceProfile)
  {
    let views = operands.compactMap(\.view)
    let shape = views[0].shape
    let keptAxes = shape.dimensions.indices.filter { !axes.contains($0) }
    let reducedAxes = shape.dimensions.indices.filter { axes.contains($0) }
    let kept = AxisLayout(
      lengths: keptAxes.map { shape.dimensions[$0] },
      strides: (views + [output]).map { view in keptAxes.map { view.strides[$0] } })
    let reduced = AxisLayout(
      lengths: reducedAxes.map { shape.dimensions[$0] },
      strides: views.map { view in reducedAxes.map { view.strides[$0] } })
    self.kept = kept
    self.reduced = reduced
    outputs = output.count
    count = shape.count / outputs

    // The axis along which the first view that has both is denser is the one to walk.
    let innermost = views.indices.map { view in
      (kept: abs(kept.strides[view].last ?? 0), reduced: abs(reduced.strides[view].last ?? 0))
    }
    let dense = innermost.first { $0.kept != 0 && $0.reduced != 0 }
    let keptIsDenser = dense.map { $0.kept < $0.reduced } ?? false
    isColumns = outputs > 1 && (count <= Self.shortRow || keptIsDenser)
    let vector = profile.lanes(
      elementBytes: ComputeType((views + [output]).map(\.dtype)).byteCount)
    let width = kept.lengths[kept.rank - 1]
    lanes = vector
    // Memory is read best where much of a row is read at once.
    let isWide = isColumns && vector > 1 && width >= Self.wideRow
    block = isWide ? min(Self.wideBlock, width.rounded(upToMultipleOf: vector)) : vector
    tasks =
      isColumns ? outputs / width * width.dividedRoundingUp(by: block) : outputs
    // Work-items of columns are single, so as many are wanted as groups have; wide ones have enough
    // elements in few positions.
    (chunks, chunkLength) = profile.chunks(
      tasks: isColumns ? tasks.dividedRoundingUp(by: profile.groupSize) : tasks, count: count,
      least: isWide ? Self.leastRows : nil)
  }

  /// How an operand moves along the walked axis.
  func step(_ view: Int) -> Step { isColumns ? kept.step(view) : reduced.step(view) }

  /// The fields of the kernel's struct.
  func layout(offsets: [Int]) -> [Int] {
    kept.lengths + reduced.lengths + [count, chunks, chunkLength] + offsets
      + kept.strides.flatMap { $0 } + reduced.strides.flatMap { $0 }
  }
}

/// A kernel that reduces, or that combines what was reduced in chunks.
private struct ReductionKernel: KernelSpecification {
  enum Function: String {
    case rows = "reduce_rows"
    case columns = "reduce_columns"
    case partials = "reduce_partials"
  }

  let entry: Function
  let reduction: Reduction
  let expression: Expression
  let operands: [OperandKind]
  let output: DType
  let scale: ComputeType
  let steps: [Step]
  let isColumns: Bool
  let isPartial: Bool
  let keptRank: Int
  let reducedRank: Int
  let lanes: Int
  let block: Int
  let traffic: Traffic
  let type: ComputeType
  let index: IndexType
  let groupSize: Int

  var file: String { "reduction.cl" }
  var function: String { entry.rawValue }
  var sharesWork: Bool { groupSize > 1 }

  var definitions: Definitions {
    let source = OperandSource(operands, in: type)
    let printer = ExpressionPrinter([expression], in: type, input: source.value)
    let element = printer.statements + ["const SCALAR element = \(printer.results[0]);"]
    let scaleDType: [DType] = scale == .float64 ? [.float64] : []
    var definitions = type.definitions(index, dtypes: source.dtypes + [output] + scaleDType)
    definitions.append([
      "REDUCTION": .code(reduction.rawValue.uppercased()), "VIEWS": .integer(source.viewCount),
      "PARAMETERS": .code(source.parameters.joined(separator: ", ")),
      "ELEMENT": .code(element.joined(separator: "\n")),
      "TYPE_OUTPUT": .code(output.openCLName), "STORE_OUTPUT": .code("STORE_\(output)"),
      "KEPT_RANK": .integer(keptRank), "REDUCED_RANK": .integer(reducedRank),
      "LANES": .integer(lanes), "BLOCK": .integer(block), "GROUP_SIZE": .integer(groupSize),
    ])
    if isColumns { definitions.define("COLUMNS") }
    if isPartial { definitions.define("PARTIAL") }
    definitions.append(traffic.definitions)
    let ahead = steps.indices.filter { steps[$0] == .unit }.map {
      "READ_AHEAD(v\($0) + AT(\($0)));"
    }
    definitions.define("AHEAD", .code(ahead.joined(separator: "\n")))
    if scale != type { definitions.define("SCALE", .code(scale.name)) }
    definitions.append(Step.definitions(steps))
    return definitions
  }
}
