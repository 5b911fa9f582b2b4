public import OpenCLRuntime

/// What suits a device: which variants of the kernels it runs, and in what portions.
///
/// Every variant runs on every device and is right there; a profile only says which is fast. How
/// work is divided depends on the profile and the shapes alone, so that equal launches give equal
/// bits.
public struct DeviceProfile: Sendable, Hashable {
  /// The ways to multiply matrices.
  public enum MatMul: Sendable, Hashable {
    /// Tiles in registers, over packed panels; the width is for float32.
    case panels(RegisterTile)
    /// Tiles in local memory: a work-item has item × item outputs where there are enough of them to
    /// keep the device busy, and `depth` products are summed between two barriers.
    case tiles(item: Int, depth: Int)
  }

  /// How matrices are multiplied.
  public var matMul: MatMul
  /// What multiplies matrices of float32 that are not small; nil for what ``matMul`` says.
  public var tensorCores: TensorCores?
  /// The work-items that share a row, a power of two; 1 where a group runs in a loop anyway.
  public var groupSize: Int
  /// The floats that a work-item treats side by side, a power of two.
  public var lanes: Int
  /// The work-items of a group that each treat one element.
  public var elementGroup: Int
  /// Whether positions are counted in 64 bits even where 32 would do.
  public var prefersWideIndices: Bool
  /// The work-groups, or work-items alone in theirs, that keep the device busy.
  public var taskCount: Int
  /// The least elements that a chunk of a divided reduction has.
  public var leastChunk: Int
  /// The most elements of a row, and of a column, that are normalised without dividing them.
  public var undividedRow: Int, undividedColumn: Int
  /// The most rows of a column that a work-item keeps in memory of its own between two passes.
  public var keptColumn: Int
  /// The least bytes of what a launch reads, or writes, that are not expected to be in the caches, or
  /// to stay there.
  public var streamedBytes: Int
  /// The most work of a launch that is chained with its neighbours in a replay; 0 chains nothing.
  ///
  /// It is counted as `Launch.work` is: above it, dividing the work among cores gains more than a
  /// launch costs.
  public var chainedWork: Int
  /// The replays before a chain is compiled that is not on disk.
  public var chainDelay: Int
  /// The elements of a row, and of a column, in a chunk that stays in cache between two passes.
  public var rowChunk: Int, columnChunk: Int

  /// What suits processors, whose drivers run a work-group as a loop on one core.
  public static let cpu = DeviceProfile(
    matMul: .panels(RegisterTile(width: 16, rows: 6, vectors: 4)), groupSize: 1, lanes: 16,
    elementGroup: 256, prefersWideIndices: true, taskCount: 16, leastChunk: 4096,
    streamedBytes: 1 << 22, chainedWork: 1 << 18, chainDelay: 512, undividedRow: 1 << 16,
    undividedColumn: 1 << 12, keptColumn: 1 << 8, rowChunk: 1 << 12, columnChunk: 1 << 9)

  /// What suits graphics processors.
  public static let gpu = DeviceProfile(
    matMul: .tiles(item: 8, depth: 16), groupSize: 256, lanes: 1, elementGroup: 256,
    prefersWideIndices: false,
    taskCount: 512, leastChunk: 1024, streamedBytes: .max, chainedWork: 0, chainDelay: 0,
    undividedRow: 1 << 13, undividedColumn: 1 << 8, keptColumn: 0, rowChunk: 1 << 12,
    columnChunk: 1 << 5)

  /// What a device's properties suggest, and what is known of its family.
  public init(_ device: OpenCLDevice) {
    self = device.kind == .cpu ? .cpu : .gpu
    // PoCL has private memory on a thread's stack; some drivers of processors have 64 KB of it.
    if device.kind == .cpu && device.platform.name == "Portable Computing Language" {
      keptColumn = 1 << 10
    }
    DeviceFamily(device)?.adjust(&self)
    let limit = 1 << (Int.bitWidth - 1 - max(1, device.maxWorkGroupSize).leadingZeroBitCount)
    groupSize = min(groupSize, limit)
    elementGroup = min(elementGroup, limit)
  }

  private init(
    matMul: MatMul, groupSize: Int, lanes: Int, elementGroup: Int, prefersWideIndices: Bool,
    taskCount: Int, leastChunk: Int, streamedBytes: Int, chainedWork: Int, chainDelay: Int,
    undividedRow: Int, undividedColumn: Int, keptColumn: Int, rowChunk: Int, columnChunk: Int
  ) {
    self.matMul = matMul
    self.groupSize = groupSize
    self.lanes = lanes
    self.elementGroup = elementGroup
    self.prefersWideIndices = prefersWideIndices
    self.taskCount = taskCount
    self.leastChunk = leastChunk
    self.streamedBytes = streamedBytes
    self.chainedWork = chainedWork
    self.chainDelay = chainDelay
    self.undividedRow = undividedRow
    self.undividedColumn = undividedColumn
    self.keptColumn = keptColumn
    self.rowChunk = rowChunk
    self.columnChunk = columnChunk
  }

  /// The elements of a type that a work-item treats side by side.
  func lanes(elementBytes: Int) -> Int { max(1, lanes * 4 / elementBytes) }

  /// The chunks into which the positions of a reduction are divided so that the device is busy.
  ///
  /// - Parameter least: The least positions in a chunk; nil for `leastChunk`.
  func chunks(tasks: Int, count: Int, least: Int? = nil) -> (count: Int, length: Int) {
    let wanted = min(
      taskCount.dividedRoundingUp(by: max(1, tasks)), count / (least ?? leastChunk))
    let length = count.dividedRoundingUp(by: max(1, wanted))
    return (max(1, count.dividedRoundingUp(by: max(1, length))), length)
  }
}

extension Int {
  /// The quotient, rounded up.
  func dividedRoundingUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }

  /// The least multiple of a number that is not below this one.
  func rounded(upToMultipleOf step: Int) -> Int { dividedRoundingUp(by: step) * step }

  /// The least power of two that is not below this number.
  var nextPowerOfTwo: Int {
    self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
  }
}
