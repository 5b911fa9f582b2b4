public import Compute
import Foundation
import Logging
import OpenCLBackend
import ReferenceBackend
import Synchronization

/// Where tensors live and are computed: an OpenCL device, or the CPU reference.
///
/// Devices are named `cpu`, `opencl`, `opencl:1`, `opencl:gpu`; see ``init(named:)``.
public struct Device: Sendable {
  /// The name that selects this device, such as `cpu` or `opencl:0`.
  public let identifier: String

  package let backend: any Backend

  /// A device that computes with a backend of one's own.
  package init(identifier: String, backend: any Backend) {
    self.identifier = identifier
    self.backend = backend
  }

  /// The reference backend on the host's processor: plain Swift, in float32 and float64.
  public static var reference: Device {
    Device(
      identifier: "cpu",
      backend: OpenDevices.shared.backend("cpu") { ReferenceBackend() })
  }

  /// A reference device of its own: what others compute does not move its counters.
  ///
  /// - Parameter byteLimit: The most bytes that its tensors may hold together; nil for no limit.
  package static func unsharedReference(byteLimit: Int? = nil) -> Device {
    Device(identifier: "cpu", backend: ReferenceBackend(byteLimit: byteLimit))
  }

  /// Opens a second device beside the one that this process shares under the same identifier.
  ///
  /// What others compute does not move its counters.
  ///
  /// - Parameter isChaining: Whether small launches of a replay are one launch: nil where that is
  ///   usual and once it pays, else always or never.
  package static func unshared(_ identifier: String, isChaining: Bool? = nil) throws -> Device {
    try Device(opening: identifier, DeviceOptions(isChaining: isChaining))
  }

  private init(opening identifier: String, _ options: DeviceOptions) throws {
    guard let number = Int(identifier.dropFirst("opencl:".count)) else {
      self = .unsharedReference()
      return
    }
    self.init(
      identifier: identifier,
      backend: try OpenCLBackend.open(
        number, isProfiling: options.isProfiling, matMulPrecision: options.matMulPrecision,
        adjusting: options.adjustment))
  }

  /// The device that tensors are made on unless another is named.
  ///
  /// It is the one set by ``with(_:_:)``, else ``default``.
  public static var current: Device { override ?? .default }

  @TaskLocal private static var override: Device?

  /// Runs `body` with another current device.
  public static func with<Result>(_ device: Device, _ body: () throws -> Result) rethrows
    -> Result
  {
    try $override.withValue(device) { try body() }
  }

  /// The device named by the environment variable APUS_DEVICE, or the best one there is.
  ///
  /// The best is the first OpenCL GPU, else an OpenCL CPU device, else the reference. Traps when
  /// APUS_DEVICE names a device that does not exist; ``init(named:)`` throws instead.
  public static var `default`: Device { OpenDevices.shared.defaultDevice }

  /// The default device, or the error of a wrong APUS_DEVICE.
  static func makeDefault() throws(DeviceError) -> Device {
    if let name = ProcessInfo.processInfo.environment["APUS_DEVICE"], !name.isEmpty {
      return try Device(named: name)
    }
    let devices = Device.openCLDevices
    for kind in [DeviceDescription.Kind.gpu, .cpu, .accelerator] {
      guard let device = devices.first(where: { $0.kind == kind }) else { continue }
      do throws(DeviceError) {
        return try Device(named: device.identifier)
      } catch {
        Logger(label: "apus").warning("\(error.description)")
      }
    }
    if devices.isEmpty {
      Logger(label: "apus").warning(
        """
        no OpenCL device was found, so the CPU reference computes; on Debian, \
        'apt install pocl-opencl-icd' adds a driver for the processor
        """)
    }
    return .reference
  }

  /// Opens a device by name.
  ///
  /// - `cpu`: the reference.
  /// - `opencl`: the first OpenCL GPU, else the first OpenCL device.
  /// - `opencl:1`: the OpenCL device of that number in ``available``.
  /// - `opencl:gpu`, `opencl:cpu`, `opencl:accelerator`: the first of that kind.
  ///
  /// Throws ``DeviceError`` that lists the devices there are.
  public init(named name: String) throws(DeviceError) {
    guard let chosen = try Device.described(by: name) else {
      self = .reference
      return
    }
    self = try Device.opening(chosen) { number in
      Device(
        identifier: chosen.identifier,
        backend: try OpenDevices.shared.backend(chosen.identifier) {
          try OpenCLBackend.open(number)
        })
    }
  }

  /// Opens a device by name for a purpose of its own, beside the one that this process shares.
  ///
  /// Tensors of the two do not mix. The reference takes no options. Throws ``DeviceError`` that
  /// lists the devices there are.
  public init(named name: String, options: DeviceOptions) throws(DeviceError) {
    guard let chosen = try Device.described(by: name) else {
      self = .unsharedReference()
      if options.matMulPrecision != .float32 {
        Logger(label: "apus.matmul").notice(
          "the reference multiplies float32 matrices without rounding them")
      }
      return
    }
    self = try Device.opening(chosen) { _ in try Device(opening: chosen.identifier, options) }
  }

  private static func opening(
    _ device: DeviceDescription, _ open: (_ number: Int) throws -> Device
  ) throws(DeviceError) -> Device {
    do {
      return try open(Int(device.identifier.dropFirst("opencl:".count)) ?? 0)
    } catch {
      throw DeviceError(
        "device '\(device.identifier)' (\(device.name)) cannot be opened: \(error)")
    }
  }

  /// The OpenCL device of a name; nil for the reference.
  private static func described(by name: String) throws(DeviceError) -> DeviceDescription? {
    let lowered = name.lowercased()
    if lowered == "cpu" { return nil }
    let devices = Device.openCLDevices
    let parts = lowered.split(separator: ":", omittingEmptySubsequences: false)
    guard parts[0] == "opencl", parts.count <= 2 else { throw DeviceError.unknown(name) }
    let chosen: DeviceDescription?
    if parts.count == 1 {
      chosen = devices.first { $0.kind == .gpu } ?? devices.first
    } else if let number = Int(parts[1]) {
      chosen = devices.indices.contains(number) ? devices[number] : nil
    } else {
      chosen = devices.first { $0.kind.rawValue == parts[1] }
    }
    guard let chosen else { throw DeviceError.unknown(name) }
    return chosen
  }

  /// Every device of this machine: the OpenCL devices, then the reference.
  public static var available: [DeviceDescription] {
    openCLDevices + [
      DeviceDescription(
        identifier: "cpu", kind: .reference, name: Device.reference.name,
        computeUnits: ProcessInfo.processInfo.activeProcessorCount,
        memory: Int(clamping: ProcessInfo.processInfo.physicalMemory),
        supportsFloat64: true)
    ]
  }

  private static var openCLDevices: [DeviceDescription] {
    do {
      return try OpenCLBackend.devices()
    } catch {
      Logger(label: "apus").warning("the OpenCL devices cannot be listed: \(error)")
      return []
    }
  }

  /// The device's name, as its driver gives it.
  public var name: String { backend.name }

  /// Whether tensors of a dtype can be made and computed with here.
  public func supports(_ dtype: DType) -> Bool { backend.supports(dtype) }

  /// To what elements of float32 matrices are rounded before they are multiplied: float32, nothing,
  /// unless ``DeviceOptions/matMulPrecision`` asked for less and the device has it.
  public var matMulPrecision: MatMulPrecision { backend.matMulPrecision }

  /// Counters of the device's memory and work.
  public var statistics: DeviceStatistics { backend.statistics }

  /// Measures what the device can do at most, in about a second; nil for the reference.
  ///
  /// Throws what goes wrong on the device.
  public func measureCeilings() throws -> DeviceCeilings? { try backend.measureCeilings() }

  /// What may be tuned here, with the values in use; empty for the reference.
  public var tunableParameters: [TunableParameter] { backend.tunableParameters }

  /// What was tuned for the device and is in use; nil where nothing was.
  public var tuningEntry: TuningEntry? { backend.tuningEntry }

  /// Keeps values of ``tunableParameters`` for all who open the device from now on; none, to forget
  /// what was kept.
  ///
  /// Returns the entry that was written. Throws when a value is none that kernels take, or it
  /// cannot be written.
  @discardableResult
  public func keepTuning(_ values: [String: Int]) throws -> TuningEntry? {
    try backend.keepTuning(values)
  }

  /// Waits until everything that was asked of the device is done; throws what went wrong.
  public func wait() throws {
    Recorder.trapIfRecording("the device is waited for")
    try backend.wait()
  }

  /// Marks this place in the device's queue.
  public func fence() throws -> any Fence { try backend.fence() }
}

extension Device: Hashable, CustomStringConvertible {
  /// Whether both are the same open device.
  public static func == (left: Device, right: Device) -> Bool { left.backend === right.backend }

  /// Feeds the identity of the open device.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(backend)) }

  /// The identifier and the driver's name for the device, and the precision of products if elements
  /// are rounded.
  public var description: String {
    let rounding = matMulPrecision == .float32 ? "" : ", matrices rounded to \(matMulPrecision)"
    return "\(identifier) (\(name))\(rounding)"
  }
}

/// A device was asked for that cannot be had.
public struct DeviceError: Error, Sendable, CustomStringConvertible {
  /// One line that says what was asked for and what there is.
  public let description: String

  init(_ description: String) { self.description = description }

  static func unknown(_ name: String) -> DeviceError {
    let known = Device.available.map { "\($0.identifier) (\($0.name))" }
    return DeviceError(
      "there is no device '\(name)'; this machine has \(known.joined(separator: ", "))")
  }
}

/// The backends that this process has opened, so that a device is opened once.
private final class OpenDevices: Sendable {
  static let shared = OpenDevices()

  private struct State {
    var backends: [String: any Backend] = [:]
    var defaultDevice: Device?
    var closesAtExit = false
  }

  private let state = Mutex(State())

  private init() {}

  func backend<Failure>(
    _ identifier: String, open: () throws(Failure) -> any Backend
  ) throws(Failure) -> any Backend {
    if let backend = state.withLock({ $0.backends[identifier] }) { return backend }
    let opened = try open()
    return state.withLock { state in
      if let first = state.backends[identifier] { return first }
      state.backends[identifier] = opened
      if !state.closesAtExit {
        // Drivers expect their objects back before the process ends. Handlers run last in, first
        // out, so this one, registered once a driver is loaded, comes before the driver's own.
        state.closesAtExit = true
        atexit { OpenDevices.shared.close() }
      }
      return opened
    }
  }

  var defaultDevice: Device {
    if let known = state.withLock({ $0.defaultDevice }) { return known }
    do throws(DeviceError) {
      let device = try Device.makeDefault()
      state.withLock { $0.defaultDevice = device }
      return device
    } catch {
      fatalError("APUS_DEVICE: \(error.description)")
    }
  }

  private func close() {
    closeBackends()
    OpenCLBackend.releaseAll()
  }

  /// Lets the backends go, outside the lock, with nothing left to do.
  private func closeBackends() {
    let closed = state.withLock { state in
      defer { state = State(closesAtExit: true) }
      return state
    }
    for backend in closed.backends.values {
      do { try backend.wait() } catch { Logger(label: "apus").debug("closing: \(error)") }
    }
  }
}
