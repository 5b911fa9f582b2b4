import ArgumentParser
import Foundation
import Tensors

/// The option `--device` of every command that computes.
struct DeviceOption: ParsableArguments {
  @Option(
    name: .customLong("device"),
    help: ArgumentHelp(
      "Compute on this device: cpu, opencl, opencl:1, opencl:gpu, …; see 'apus devices'.",
      valueName: "device"))
  var name: String?

  /// Opens the device of the option, else of APUS_DEVICE, else the best one there is.
  ///
  /// - Parameter options: For a device of the command's own; nil for the one that is shared.
  func open(_ options: DeviceOptions? = nil) throws -> Device {
    if let options {
      let name = try self.name ?? Self.openDefault().identifier
      do { return try Device(named: name, options: options) } catch {
        throw UsageError("--device: \(error)")
      }
    }
    if let name {
      do { return try Device(named: name) } catch { throw UsageError("--device: \(error)") }
    }
    return try Self.openDefault()
  }

  /// Opens the device of APUS_DEVICE, else the best one there is.
  static func openDefault() throws(UsageError) -> Device {
    // The default device would trap on a wrong name, which here is the user's error.
    if let name = ProcessInfo.processInfo.environment["APUS_DEVICE"], !name.isEmpty {
      do { return try Device(named: name) } catch { throw UsageError("APUS_DEVICE: \(error)") }
    }
    return .default
  }
}
