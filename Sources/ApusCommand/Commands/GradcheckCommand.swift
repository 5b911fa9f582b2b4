import ArgumentParser
import Compute
import GradientChecking
import Tensors

/// `apus gradcheck`: every operation's gradient, and a device's results.
struct GradcheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gradcheck",
    abstract: "Check every gradient, and a device's results, on this machine.",
    discussion: """
      Gradients are compared with finite differences in float64 on the reference, and at kinks with \
      what is documented; values and gradients of the device with those of the reference. The table \
      shows the worst error of each comparison in units of its tolerance: up to 1 is right.

      Exit status: 0 if everything is right, 1 if anything is not.
      """)

  @Option(
    help: ArgumentHelp(
      "Check only this family of operations; may be given several times.", valueName: "family"))
  var only: [String] = []

  @Option(parsing: .unconditional, help: "The seed of shapes, values and directions.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Check these kernels, in place of those that suit the device: processor or graphics.",
      valueName: "kind"))
  var kernels: String?

  @Flag(help: "Show what each operation came to as it is checked, with every failure.")
  var verbose = false

  @OptionGroup var device: DeviceOption
  @OptionGroup var format: FormatOption

  func run() throws {
    let suite = GradientCheckSuite(device: try openDevice(), families: try families(), seed: seed)
    let bar = format.isJSON ? nil : ProgressBar()
    var lastSign = ContinuousClock.now
    let report = suite.run { progress in
      if verbose, !format.isJSON {
        bar?.clear()
        show(progress.report)
      } else if bar == nil, ContinuousClock.now - lastSign > Self.patience {
        lastSign = .now
        Console.report("checked \(progress.completed) of \(progress.total) operations")
      }
      bar?.draw(
        Double(progress.completed) / Double(progress.total), label: progress.report.operation)
    }
    bar?.clear()
    try Console.print(format.isJSON ? JSON.text(report) : text(of: report))
    if !report.passed { throw ExitCode.failure }
  }

  /// A log gets a sign of life when nothing else was written for so long.
  private static let patience = Duration.seconds(10)

  /// Writes what an operation came to; what cannot be written now fails with the table.
  private func show(_ report: OperationReport) {
    try? Console.print(report.checks.map(\.description).joined(separator: "\n"))
  }

  private func openDevice() throws -> Device {
    guard let name = kernels else { return try checked(device.open()) }
    guard let kind = DeviceOptions.Kernels(rawValue: name) else {
      let names = DeviceOptions.Kernels.allCases.map(\.rawValue)
      throw UsageError(
        "--kernels: there is no kind '\(name)'\(suggestion(for: name, among: names)); expected "
          + names.joined(separator: " or "))
    }
    let device = try checked(device.open(DeviceOptions(kernels: kind)))
    guard device.identifier != Device.reference.identifier else {
      throw UsageError("--kernels: the reference has none to choose; expected an OpenCL device")
    }
    return device
  }

  /// The device, unless it rounds what is to be compared with exact numbers.
  private func checked(_ device: Device) throws(UsageError) -> Device {
    guard device.matMulPrecision == .float32 else {
      throw UsageError(
        "--matmul-precision: \(device.matMulPrecision) is not what gradients are checked in; "
          + "expected float32")
    }
    return device
  }

  private func families() throws(UsageError) -> [any OperationFamily.Type] {
    guard !only.isEmpty else { return OperationFamilies.all }
    do {
      return try OperationFamilies.named(only)
    } catch {
      let hint = suggestion(for: error.name, among: OperationFamilies.names)
      throw UsageError("--only: \(error)\(hint)")
    }
  }

  private func text(of report: SuiteReport) -> String {
    // The failures are there already, all of them.
    verbose ? "\n\(report.table)\n\n\(report.summary)" : report.description
  }
}
