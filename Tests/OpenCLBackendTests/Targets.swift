import Compute
import OpenCLBackend
import OpenCLRuntime
import Testing

/// Whether there is a device to test on.
let hasDevice = (try? OpenCLDevice.all().isEmpty) == false

/// A device with the kernel variants that a profile chooses.
struct Target: Sendable, CustomTestStringConvertible {
  let name: String
  let backend: OpenCLBackend
  var testDescription: String { name }

  /// Every device, with every profile.
  static let all: [Target] = devices.enumerated().flatMap { number, device in
    profiles(for: device).map { Target(device, number: number, profile: $0.profile, $0.name) }
  }

  /// Every device, with its own profile, and with one that has work-groups where that has none.
  ///
  /// For kernels whose source depends on no more of the profile than that.
  static let few: [Target] = all.filter { $0.name.hasSuffix("own") || $0.name.hasSuffix("groups") }

  /// Every device, with its own profile.
  static let own: [Target] = all.filter { $0.name.hasSuffix("own") }

  static let devices: [OpenCLDevice] = (try? OpenCLDevice.all()) ?? []

  private init(_ device: OpenCLDevice, number: Int, profile: DeviceProfile, _ name: String) {
    self.name = "opencl:\(number) \(name)"
    do {
      backend = try OpenCLBackend(device: device, profile: profile)
    } catch {
      fatalError("\(device.name) is listed, but: \(error)")
    }
  }

  private static func profiles(
    for device: OpenCLDevice
  ) -> [(name: String, profile: DeviceProfile)] {
    let own = DeviceProfile(device)
    var profiles = [("own", own), ("lanes", lanes), ("groups", groups)]
    if own != .cpu { profiles.append(("cpu", .cpu)) }
    if own != .gpu { profiles.append(("gpu", .gpu)) }
    return profiles
  }

  /// A processor's profile that divides its work at the sizes of tests.
  private static let lanes: DeviceProfile = {
    var profile = DeviceProfile.cpu
    profile.matMul = .panels(vectorWidth: 4, tileRows: 3)
    profile.lanes = 4
    profile.elementGroup = 8
    profile.prefersWideIndices = false
    divideEarly(&profile)
    return profile
  }()

  /// A graphics processor's profile that divides its work at the sizes of tests.
  private static let groups: DeviceProfile = {
    var profile = DeviceProfile.gpu
    profile.groupSize = 8
    profile.elementGroup = 32
    profile.prefersWideIndices = true
    divideEarly(&profile)
    return profile
  }()

  private static func divideEarly(_ profile: inout DeviceProfile) {
    profile.taskCount = 40
    profile.leastChunk = 12
    profile.undividedRow = 24
    profile.undividedColumn = 10
    profile.rowChunk = 16
    profile.columnChunk = 6
  }
}

extension OpenCLBackend {
  /// Opens a device with a profile, keeping no kernels on disk.
  convenience init(device: OpenCLDevice, profile: DeviceProfile?) throws {
    var options = Options()
    options.profile = profile
    options.cacheDirectory = nil
    try self.init(device: device, options: options)
  }
}

/// A target and the dtype that a test computes in.
struct Setting: Sendable, CustomTestStringConvertible {
  let target: Target
  let dtype: DType
  var testDescription: String { "\(target.name) \(dtype)" }

  /// float32 and, where the device has it, float64 on each target.
  static func all(_ targets: [Target]) -> [Setting] {
    targets.flatMap { target in
      [DType.float32, .float64].filter(target.backend.supports).map {
        Setting(target: target, dtype: $0)
      }
    }
  }
}
