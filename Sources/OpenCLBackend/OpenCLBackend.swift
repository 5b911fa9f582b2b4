public import Compute
import Foundation
import Logging
public import OpenCLRuntime

/// The backend that computes with kernels on an OpenCL device.
///
/// Launches are made on one in-order queue and return at once; any thread may make them. The
/// kernels are those of the `Kernels` folder, specialised, built when they are first needed, and
/// kept on disk. What variant of a kernel runs depends on the ``DeviceProfile`` and the shapes, so
/// equal launches give equal bits.
public final class OpenCLBackend: Backend {
  /// What may be chosen when a device is opened.
  public struct Options: Sendable {
    /// The kernel variants that suit the device; nil for what its properties suggest, with what was
    /// tuned for it.
    public var profile: DeviceProfile?
    /// The most bytes that the backend holds, in use and pooled; nil for `APUS_MEMORY_LIMIT`, and
    /// without that the device's memory less 10%.
    public var memoryLimit: Int?
    /// Whether it is noted how long each kernel runs, which costs some time.
    public var isProfiling = false
    /// To what elements of float32 matrices may be rounded before they are multiplied, where the
    /// device is faster so; a line in the log says where it is not.
    public var matMulPrecision = MatMulPrecision.float32
    /// Where built kernels are kept; nil keeps none.
    public var cacheDirectory: String?
    /// The variables that say where kernels, cache and limits are.
    public var environment: [String: String]

    /// Creates options from an environment; nil for the process's own.
    ///
    /// `APUS_CACHE=off` keeps no built kernels on disk; otherwise they are in `apus` in
    /// `$XDG_CACHE_HOME`, or in `~/.cache`.
    public init(environment: [String: String]? = nil) {
      let environment = environment ?? ProcessInfo.processInfo.environment
      self.environment = environment
      cacheDirectory = ProgramCache.directory(environment: environment)
    }
  }

  /// The device.
  public let device: OpenCLDevice
  /// The kernel variants in use.
  public let profile: DeviceProfile

  /// What was tuned for the device and is in use; nil where nothing was.
  public let tuningEntry: TuningEntry?

  let pool: MemoryPool
  let stream: CommandStream
  /// Where what is tuned is kept; nil where nothing is kept.
  let tuningFile: TuningFile?
  /// Where launches are noted; nil where they are not.
  let notes: LaunchNotes?

  /// Opens a device.
  ///
  /// Throws `BackendError` when the driver refuses, the kernels' sources are not found, or
  /// `APUS_MEMORY_LIMIT` is not a size.
  public init(device: OpenCLDevice, options: Options = Options()) throws {
    self.device = device
    notes = nil
    tuningFile = options.cacheDirectory.map {
      TuningFile(
        directory: $0, platform: device.platform.name, device: device.name,
        driver: device.driverVersion)
    }
    var (profile, tuningEntry) =
      options.profile.map { ($0, nil) } ?? Self.tunedProfile(of: device, tuningFile)
    if let cores = TensorCores.proven(options.matMulPrecision, on: device, options) {
      profile.tensorCores = cores
    }
    (self.profile, self.tuningEntry) = (profile, tuningEntry)
    let library = try KernelLibrary(environment: options.environment)
    let limit = try options.memoryLimit ?? MemoryPool.limit(options.environment, device: device)
    do {
      let context = try Context(device)
      pool = MemoryPool(context, byteLimit: limit)
      stream = CommandStream(
        try Queue(context, profiling: options.isProfiling), pool: pool,
        programs: ProgramCache(context, library: library, directory: options.cacheDirectory))
    } catch {
      throw BackendError(error)
    }
  }

  /// A backend on the same device, memory and queue that notes its launches.
  init(_ backend: OpenCLBackend, notingIn notes: LaunchNotes) {
    device = backend.device
    profile = backend.profile
    tuningEntry = backend.tuningEntry
    tuningFile = backend.tuningFile
    pool = backend.pool
    stream = backend.stream
    self.notes = notes
  }

  /// What the device's properties suggest, changed to what was tuned for it.
  private static func tunedProfile(
    of device: OpenCLDevice, _ file: TuningFile?
  ) -> (DeviceProfile, TuningEntry?) {
    let usual = DeviceProfile(device)
    guard let entry = file?.read() else { return (usual, nil) }
    var tuned = usual
    do {
      try tuned.apply(entry.values)
      return (tuned, entry)
    } catch {
      Logger(label: "apus.tuning").notice("tuning entry \(entry.identifier) is not used: \(error)")
      return (usual, nil)
    }
  }

  /// Makes launches, one after the other, and notes them.
  ///
  /// If one cannot be made those after it are not, and the error is thrown. If output had been
  /// written by then, the outputs are failed, for they are neither the old nor the new.
  func submit(_ launches: [Launch], writing outputs: [View]) throws {
    let storages = try outputs.map { try $0.storage.onDevice() }
    try stream.submit(launches, writing: storages)
    notes?.add(launches, writing: storages)
  }

  /// Opens the device of a number, counted as ``devices()`` lists them.
  ///
  /// Throws `BackendError` when there is no such device or it cannot be opened.
  ///
  /// - Parameters:
  ///   - number: The device's.
  ///   - isProfiling: Whether it is noted how long each kernel runs.
  ///   - matMulPrecision: To what elements of float32 matrices may be rounded.
  ///   - adjust: Changes what suits the device; nil for what was tuned for it.
  public static func open(
    _ number: Int, isProfiling: Bool = false, matMulPrecision: MatMulPrecision = .float32,
    adjusting adjust: ((inout DeviceProfile) throws -> Void)? = nil
  ) throws -> OpenCLBackend {
    let devices = try listed()
    guard devices.indices.contains(number) else {
      throw BackendError(
        .execution, "there is no OpenCL device \(number); \(devices.count) were found")
    }
    var options = Options()
    if let adjust {
      var profile = DeviceProfile(devices[number])
      try adjust(&profile)
      options.profile = profile
    }
    options.isProfiling = isProfiling
    options.matMulPrecision = matMulPrecision
    return try OpenCLBackend(device: devices[number], options: options)
  }

  /// The OpenCL devices of this machine, named `opencl:0` and so on in the drivers' order.
  ///
  /// Throws `BackendError` when a driver does not answer.
  public static func devices() throws -> [DeviceDescription] {
    try listed().enumerated().map { DeviceDescription($0.element, number: $0.offset) }
  }

  private static func listed() throws -> [OpenCLDevice] {
    do { return try OpenCLDevice.all() } catch { throw BackendError(error) }
  }

  /// Releases all that the process has of OpenCL, at its end; nothing may be computed afterwards.
  ///
  /// What variables of the whole program refer to is never released otherwise, and drivers expect
  /// their objects back.
  public static func releaseAll() { LiveHandles.process.releaseAll() }

  /// The device's name, as its driver gives it.
  public var name: String { device.name }

  /// Whether tensors of this type can be made and computed with: float64 only where the device has
  /// double precision.
  public func supports(_ dtype: DType) -> Bool { dtype != .float64 || device.supportsFloat64 }
}

extension DeviceDescription {
  /// Describes an OpenCL device.
  init(_ device: OpenCLDevice, number: Int) {
    let kind: Kind =
      switch device.kind {
      case .cpu: .cpu
      case .gpu: .gpu
      case .accelerator, .custom: .accelerator
      }
    self.init(
      identifier: "opencl:\(number)", kind: kind, name: device.name, vendor: device.vendor,
      driver: "OpenCL \(device.version), driver \(device.driverVersion), \(device.platform.name)",
      computeUnits: device.computeUnits, memory: device.globalMemory,
      largestAllocation: device.maxAllocation, localMemory: device.localMemory,
      largestWorkGroup: device.maxWorkGroupSize, supportsFloat64: device.supportsFloat64,
      supportsFloat16: device.supportsFloat16, supportsSubgroups: device.maxSubgroups > 0,
      supportsCommandBuffers: device.supportsCommandBuffers)
  }
}

extension BackendError {
  /// Says of which kind a failed OpenCL call is.
  init(_ error: OpenCLError) {
    let kind: Kind =
      if error.isDeviceLost {
        .deviceLost
      } else if error.isOutOfMemory {
        .outOfMemory
      } else {
        switch error.call {
        case .clBuildProgram, .clCompileProgram, .clLinkProgram, .clCreateProgramWithSource,
          .clCreateProgramWithBinary, .clCreateKernel:
          .build
        default: .execution
        }
      }
    self.init(kind, error.description)
  }
}
