public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// Pools each window of planes.
  ///
  /// One launch. Traps when shapes or dtypes do not fit, or a view is not contiguous.
  public func pool(
    _ x: View, _ pooling: Pooling, geometry: PoolingGeometry, into y: View, taps: View?
  ) throws {
    checkPooling("pool", x: x, y: y, taps: taps, pooling, geometry, needsTaps: false)
    guard y.count > 0 else { return }
    let taps = pooling.chooses ? taps : nil
    try submit(
      "pool", pooling, geometry, [x, taps, y], x: x, y: y, taps: taps, row: geometry.columns.output,
      rows: geometry.planes * geometry.rows.output, work: x.count + 2 * y.count,
      writing: [y] + (taps.map { [$0] } ?? []))
  }

  /// The gradient of a pooling with respect to its input.
  ///
  /// One launch. Traps when shapes or dtypes do not fit, or a view is not contiguous.
  public func poolGradient(
    _ cotangent: View, _ pooling: Pooling, geometry: PoolingGeometry, taps: View?,
    epilogue: Epilogue?, into gradient: View
  ) throws {
    checkPooling(
      "poolGradient", x: gradient, y: cotangent, taps: taps, pooling, geometry,
      needsTaps: true, epilogue: epilogue)
    guard gradient.count > 0 else { return }
    guard cotangent.count > 0 else {
      return try map(
        [epilogue?.ofZero ?? 0], of: epilogue?.operand.map { [.view($0)] } ?? [],
        into: [gradient])
    }
    let taps = pooling.chooses ? taps : nil
    try submit(
      "pool_gradient", pooling, geometry, [cotangent, taps, epilogue?.operand, gradient],
      x: gradient, y: cotangent, taps: taps, epilogue: epilogue, row: geometry.columns.input,
      rows: geometry.planes * geometry.rows.input, work: gradient.count + 2 * cotangent.count,
      writing: [gradient])
  }

  private func submit(
    _ function: String, _ pooling: Pooling, _ geometry: PoolingGeometry, _ arguments: [View?],
    x: View, y: View, taps: View?, epilogue: Epilogue? = nil, row: Int, rows: Int, work: Int,
    writing outputs: [View]
  ) throws {
    let views = arguments.compactMap { $0 }
    let index = profile.indexType(views, upTo: rows * row)
    // Where a group is a loop anyway, a work-item has rows.
    let isByRow = profile.groupSize == 1
    let (kernel, groupSize) = try prepare(groupSize: isByRow ? 1 : profile.elementGroup) {
      PoolingKernel(
        function: "\(function)_\(isByRow ? "rows" : "elements")", pooling: pooling,
        rows: WindowShape(geometry.rows), columns: WindowShape(geometry.columns),
        isPadded: geometry.rows.reachesPadding || geometry.columns.reachesPadding,
        taps: taps?.dtype, epilogue: EpilogueSource(epilogue), dtype: y.dtype, index: index,
        groupSize: $0)
    }
    let layout = [
      geometry.planes, geometry.rows.input, geometry.columns.input, geometry.rows.output,
      geometry.columns.output, x.offset, y.offset, taps?.offset ?? 0,
      epilogue?.operand?.offset ?? 0,
    ]
    let share = rows.dividedRoundingUp(by: max(profile.taskCount, 4 * device.computeUnits))
    let launch = Launch(
      kernel: kernel,
      arguments: try views.map(LaunchArgument.view) + [index.argument(layout, as: "struct planes")]
        + (isByRow ? [index.argument(share)] : []),
      items: WorkSize(isByRow ? rows.dividedRoundingUp(by: share) : rows * row),
      local: WorkSize(groupSize), work: work)
    try submit([launch], writing: outputs)
  }
}

extension WindowAxis {
  /// Whether a tap lies in the padding at any position.
  var reachesPadding: Bool {
    padding > 0 || element(position: output - 1, tap: kernel - 1) >= input
  }
}

/// What of an axis a kernel is built for.
private struct WindowShape: Hashable, Sendable {
  let kernel: Int, stride: Int, padding: Int

  init(_ axis: WindowAxis) {
    kernel = axis.kernel
    stride = axis.stride
    padding = axis.padding
  }
}

/// A kernel that pools, or spreads the gradient of what was pooled.
private struct PoolingKernel: KernelSpecification {
  let function: String
  let pooling: Pooling
  let rows: WindowShape
  let columns: WindowShape
  let isPadded: Bool
  let taps: DType?
  let epilogue: EpilogueSource
  let dtype: DType
  let index: IndexType
  let groupSize: Int

  var file: String { "pooling.cl" }
  var sharesWork: Bool { false }

  var definitions: Definitions {
    var definitions = dtype.computeType.definitions(index)
    switch pooling {
    case .maximum: definitions.define("MAXIMUM")
    case .minimum: definitions.define("MINIMUM")
    case .average: definitions.append(["AVERAGE": .flag, "COUNTS_PADDING": .flag])
    case .averageWithoutPadding: definitions.define("AVERAGE")
    }
    definitions.append([
      "KERNEL_Y": .integer(rows.kernel), "KERNEL_X": .integer(columns.kernel),
      "STRIDE_Y": .integer(rows.stride), "STRIDE_X": .integer(columns.stride),
      "PAD_Y": .integer(rows.padding), "PAD_X": .integer(columns.padding),
      "GROUP_SIZE": .integer(groupSize),
    ])
    definitions.append(epilogue.definitions(in: dtype.computeType))
    if isPadded { definitions.define("PADDED") }
    if let taps {
      definitions.define("HAS_TAPS")
      definitions.define("TYPE_TAP", .code(taps == .uint8 ? "uchar" : "int"))
    }
    return definitions
  }
}
