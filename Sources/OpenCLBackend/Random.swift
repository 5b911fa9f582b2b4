public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// Fills a contiguous view with numbers that depend on key, draw and position alone.
  ///
  /// Traps unless the view is contiguous and float32 or float64, and the draw one int64.
  public func random(
    _ distribution: RandomDistribution, key: RandomKey, draw: View?, into output: View
  ) throws {
    checkRandom(draw: draw, output: output)
    guard output.count > 0 else { return }
    let lanes = profile.lanes(elementBytes: output.dtype.byteCount)
    let (kernel, groupSize) = try prepare(groupSize: max(1, profile.elementGroup / lanes)) {
      RandomKernel(
        distribution: distribution, dtype: output.dtype, hasDraw: draw != nil, lanes: lanes,
        groupSize: $0)
    }
    let blocks = output.count.dividedRoundingUp(by: output.dtype == .float64 ? 2 : 4)
    let launch = Launch(
      kernel: kernel,
      arguments: (try draw.map { [try .view($0), .long(Int64($0.offset))] } ?? []) + [
        try .view(output), .words(key.key), .words(key.stream), .long(Int64(output.offset)),
        .long(Int64(output.count)),
      ],
      items: WorkSize(blocks.dividedRoundingUp(by: lanes)), local: WorkSize(groupSize),
      work: 4 * output.count)
    try submit([launch], writing: [output])
  }
}

/// A kernel that draws from a distribution.
private struct RandomKernel: KernelSpecification {
  let distribution: RandomDistribution
  let dtype: DType
  let hasDraw: Bool
  let lanes: Int
  let groupSize: Int

  var file: String { "random.cl" }
  var function: String { "random_numbers" }
  var sharesWork: Bool { false }

  var definitions: Definitions {
    var definitions = dtype.computeType.definitions(.wide)
    definitions.append(["GROUP_SIZE": .integer(groupSize), "LANES": .integer(lanes)])
    if distribution == .normal { definitions.define("NORMAL") }
    if hasDraw { definitions.define("HAS_DRAW") }
    return definitions
  }
}
