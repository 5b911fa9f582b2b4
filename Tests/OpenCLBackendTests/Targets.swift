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

  /// Every device with its own profile.
  static let own = make("own") { DeviceProfile($0) }

  /// Every device as a processor that divides its work at the sizes of tests.
  static let lanes = make("lanes") { _ in .processor }

  /// Every device as a graphics processor that divides its work at the sizes of tests.
  static let groups = make("groups") { _ in .graphics }

  /// Every device as a graphics processor.
  static let gpu = make("gpu") { _ in .gpu }

  /// Every device with fragments of a precision: those of its tensor cores, or emulated ones.
  static func fragments(_ precision: MatMulPrecision) -> [Target] {
    make("\(precision)") { device in
      var profile = DeviceProfile.graphics
      profile.tensorCores = TensorCores(
        precision, isEmulated: (device.computeCapability?.major ?? 0) < 8)
      return profile
    }
  }

  /// The kernels that can be chained, which replays do at once whatever there is to compute.
  static let chaining = [("own", DeviceProfile.cpu), ("lanes", .processor)].flatMap {
    name, profile in
    make("chaining \(name)") { _ in
      var profile = profile
      profile.chainedWork = .max
      profile.chainDelay = 0
      return profile
    }
  }

  /// Every kind of kernel on every device.
  static let all = own + lanes + groups

  static let devices: [OpenCLDevice] = (try? OpenCLDevice.all()) ?? []

  private static func make(
    _ name: String, _ profile: (OpenCLDevice) -> DeviceProfile
  ) -> [Target] {
    devices.enumerated().map { number, device in
      do {
        return Target(
          name: "opencl:\(number) \(name)",
          backend: try OpenCLBackend(device: device, profile: profile(device)))
      } catch {
        fatalError("\(device.name) is listed, but: \(error)")
      }
    }
  }
}

extension DeviceProfile {
  fileprivate static let processor: DeviceProfile = {
    var profile = DeviceProfile.cpu
    profile.matMul = .panels(RegisterTile(width: 4, rows: 3, vectors: 2))
    profile.lanes = 4
    profile.elementGroup = 8
    profile.prefersWideIndices = false
    profile.divideEarly()
    profile.keptColumn = 4
    profile.streamedBytes = 256
    return profile
  }()

  fileprivate static let graphics: DeviceProfile = {
    var profile = DeviceProfile.gpu
    profile.groupSize = 8
    profile.elementGroup = 32
    profile.prefersWideIndices = true
    profile.divideEarly()
    return profile
  }()

  private mutating func divideEarly() {
    taskCount = 40
    leastChunk = 12
    undividedRow = 24
    undividedColumn = 10
    rowChunk = 16
    columnChunk = 6
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

  /// A dtype on those targets that have it.
  static func on(_ targets: [Target], _ dtype: DType) -> [Setting] {
    targets.filter { $0.backend.supports(dtype) }.map { Setting(target: $0, dtype: dtype) }
  }

  /// float32 on every kind of kernel, and float64 on the device's own.
  ///
  /// What differs with the dtype is not what differs with the kind, and kernels take time to build.
  static let all = on(Target.all, .float32) + on(Target.own, .float64)

  /// float32 and float64 on the device's own kernels.
  static let own = on(Target.own, .float32) + on(Target.own, .float64)
}
