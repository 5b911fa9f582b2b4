import ArgumentParser
import Compute
import Foundation
import Tensors

/// The options `--device` and `--matmul-precision` of every command that computes.
struct DeviceOption: ParsableArguments {
  @Option(
    name: .customLong("device"),
    help: ArgumentHelp(
      "Compute on this device: cpu, opencl, opencl:1, opencl:gpu, …; see 'apus devices'.",
      valueName: "device"))
  var name: String?

  @Option(
    name: .customLong("matmul-precision"),
    help: ArgumentHelp(
      """
      Round elements of float32 matrices before they are multiplied, where the device has tensor \
      cores for it: float32 (nothing is rounded), tf32 or bfloat16.
      """, valueName: "precision"))
  var matMulPrecision: String?

  /// Opens the device of the option, else of APUS_DEVICE, else the best one there is.
  ///
  /// - Parameter options: For a device of the command's own; nil for the one that is shared.
  func open(_ options: DeviceOptions? = nil) throws -> Device {
    let precision = try precision()
    if var options = options ?? (precision == .float32 ? nil : DeviceOptions()) {
      options.matMulPrecision = precision
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

  private func precision() throws(UsageError) -> MatMulPrecision {
    guard let name = matMulPrecision else { return .float32 }
    guard let precision = MatMulPrecision(rawValue: name) else {
      let names = MatMulPrecision.allCases.map(\.rawValue)
      throw UsageError(
        "--matmul-precision: there is no '\(name)'\(suggestion(for: name, among: names)); expected "
          + names.dropLast().joined(separator: ", ") + " or " + names[names.count - 1])
    }
    return precision
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
