import ArgumentParser
import Logging

/// The command `apus`: its subcommands, and what becomes of their errors.
@main
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus",
    abstract: "Train neural networks on any OpenCL device, or on the CPU without one.",
    discussion: """
      A first run, from a table to a trained network and its predictions:

        apus devices
        apus train Examples/iris.yaml
        apus evaluate runs/iris Examples/Data/iris.csv
        apus predict runs/iris Examples/Data/iris.csv

      The device is the first OpenCL GPU, else an OpenCL CPU device, else the reference, which \
      needs no driver. The environment variable APUS_DEVICE names another, and --device overrides \
      both.

      Exit status: 0 for success, 64 for a wrong command line, 65 for a wrong configuration or data \
      file, 1 for whatever else goes wrong, such as a loss that is no longer finite.
      """,
    version: "0.1.0",
    subcommands: [
      DevicesCommand.self, TrainCommand.self, EvaluateCommand.self, PredictCommand.self,
      ModelCommand.self, ExportCommand.self, GradcheckCommand.self, BenchCommand.self,
      TuneCommand.self, ActivationsCommand.self,
    ])

  /// Runs the subcommand; an error is one line on standard error and an exit status.
  static func main() {
    LoggingSystem.bootstrap { _ in StandardErrorLogHandler() }
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      try checkName(in: arguments)
      var command = try parseAsRoot(arguments)
      try command.run()
    } catch {
      // Help, the version and completion scripts come as errors too, and go to standard output.
      if exitCode(for: error).isSuccess { exit(withError: error) }
      let failure = Failure(error, arguments: arguments)
      if let message = failure.message { Console.report("error: \(message)") }
      exit(withError: failure.status)
    }
  }

  /// The names of the subcommands.
  static var names: [String] {
    configuration.subcommands.compactMap { $0.configuration.commandName }
  }

  /// Checks that the first word names a subcommand; the parser itself calls it superfluous.
  private static func checkName(in arguments: [String]) throws(UsageError) {
    guard let name = arguments.first, !name.hasPrefix("-"), !(names + ["help"]).contains(name)
    else {
      return
    }
    throw UsageError(
      "there is no command '\(name)'\(suggestion(for: name, among: names)); expected "
        + names.joined(separator: ", "))
  }
}
