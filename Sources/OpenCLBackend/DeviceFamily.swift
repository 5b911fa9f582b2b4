import OpenCLRuntime

/// Families of devices that want other numbers than their kind usually does.
///
/// They are defaults for devices that nobody has tuned, from what their makers and the users of other
/// OpenCL programs report; `apus tune` finds better ones for the device at hand.
enum DeviceFamily: CaseIterable {
  /// Processors with vectors of eight floats, such as AVX2.
  case eightLaneProcessor
  /// Processors with vectors of four floats, such as NEON.
  case fourLaneProcessor
  /// Intel's GPUs, which have few registers for a work-item, and groups of at most 256 that run well.
  case intel
  /// Apple's GPUs, whose compiler spills large register tiles.
  case apple
  /// ARM's GPUs, whose local memory is global memory.
  case mali
  /// Qualcomm's GPUs, which have few registers and run small groups best.
  case adreno

  /// The first family that a device belongs to.
  init?(_ device: OpenCLDevice) {
    guard let family = Self.allCases.first(where: { $0.contains(device) }) else { return nil }
    self = family
  }

  private func contains(_ device: OpenCLDevice) -> Bool {
    func isNamed(_ names: String...) -> Bool {
      let text = "\(device.vendor) \(device.name) \(device.platform.name)".lowercased()
      return device.kind != .cpu && names.contains { text.contains($0) }
    }
    return switch self {
    case .eightLaneProcessor: device.kind == .cpu && (8..<16).contains(device.nativeFloatWidth)
    case .fourLaneProcessor: device.kind == .cpu && device.nativeFloatWidth < 8
    case .mali:
      isNamed("mali", "immortalis") || (isNamed("arm ") && !device.hasDedicatedLocalMemory)
    case .adreno: isNamed("adreno", "qualcomm")
    case .apple: isNamed("apple")
    case .intel: isNamed("intel")
    }
  }

  /// Changes the profile of the device's kind to what suits the family.
  func adjust(_ profile: inout DeviceProfile) {
    switch self {
    case .eightLaneProcessor:
      // Sixteen registers: twelve sums, two vectors of b, one of a.
      profile.matMul = .panels(RegisterTile(width: 8, rows: 6, vectors: 2))
      profile.lanes = 8
    case .fourLaneProcessor:
      profile.matMul = .panels(RegisterTile(width: 4, rows: 8, vectors: 2))
      profile.lanes = 4
    case .intel:
      profile.matMul = .tiles(item: 4, depth: 16)
      profile.groupSize = 128
    case .apple:
      profile.matMul = .tiles(item: 4, depth: 16)
    case .mali, .adreno:
      profile.matMul = .tiles(item: 4, depth: 16)
      profile.groupSize = 64
      profile.elementGroup = 64
      profile.taskCount = 64
    }
  }
}
