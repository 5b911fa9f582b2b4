public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// Measures what the device can do at most: fused multiply-adds in registers, and a plain copy.
  ///
  /// The best of several runs counts, since whatever else runs can only slow them down.
  public func measureCeilings() throws -> DeviceCeilings? {
    DeviceCeilings(
      operationsPerSecond: try measureOperations(), bytesPerSecond: try measureCopy())
  }

  private func kernel(
    _ function: String, chains: Int, groupSize: Int
  ) throws -> (PreparedKernel, Int) {
    let prepared = try prepare(groupSize: groupSize) {
      CeilingKernel(function: function, lanes: profile.lanes, chains: chains, groupSize: $0)
    }
    return (prepared.kernel, prepared.groupSize)
  }

  private func measureOperations() throws -> Double {
    let rounds = 1 << 16
    // Sixteen sums, as many as a register tile of 8 × 2 has.
    let chains = 16
    let (kernel, groupSize) = try kernel(
      "fma_ceiling", chains: chains, groupSize: profile.lanes > 1 ? 1 : profile.elementGroup)
    let items = 16 * device.computeUnits * (profile.lanes > 1 ? 1 : 4 * groupSize)
    let output = try scratch([items * profile.lanes], .float32)
    let seconds = try bestTime(
      Launch(
        kernel: kernel,
        arguments: [try .view(output), .float(0.5), IndexType.narrow.argument(rounds)],
        items: WorkSize(items), local: WorkSize(groupSize), work: items * rounds),
      writing: output)
    return 2 * Double(items * profile.lanes * chains * rounds) / seconds
  }

  private func measureCopy() throws -> Double {
    // Larger than any cache, smaller than any device's memory.
    let count = 1 << 25
    let (kernel, groupSize) = try kernel(
      "copy_ceiling", chains: 1, groupSize: profile.elementGroup)
    let views = try (0..<2).map { _ in try scratch([count], .float32) }
    try map([0], of: [], into: [views[0]])
    let seconds = try bestTime(
      Launch(
        kernel: kernel, arguments: try views.map { try .view($0) },
        items: WorkSize(count / profile.lanes), local: WorkSize(groupSize), work: count),
      writing: views[1])
    return 2 * Double(4 * count) / seconds
  }

  private func bestTime(_ launch: Launch, writing output: View) throws -> Double {
    var best = Duration.seconds(1_000_000)
    // The first run builds the kernel.
    for round in 0..<9 {
      let duration = try ContinuousClock().measure {
        try submit([launch], writing: [output])
        try wait()
      }
      if round > 0 { best = min(best, duration) }
    }
    return best / .seconds(1)
  }
}

/// A kernel that does as much as a device can.
private struct CeilingKernel: KernelSpecification {
  let function: String
  let lanes: Int
  let chains: Int
  let groupSize: Int

  var file: String { "ceilings.cl" }
  var sharesWork: Bool { false }

  var definitions: Definitions {
    [
      "VECTOR": .code(lanes > 1 ? "float\(lanes)" : "float"), "CHAINS": .integer(chains),
      "GROUP_SIZE": .integer(groupSize),
    ]
  }
}
