import ArgumentParser
import Datasets
import NeuralNetworks
import ONNX
import Tensors

/// What a command says of an error, and the status it exits with.
struct Failure {
  /// One line, or nil when the command has said what is wrong.
  let message: String?
  let status: ExitCode

  /// `EX_DATAERR` of sysexits.h: a configuration or a data file is wrong.
  private static let dataError = ExitCode(65)

  /// Puts an error into words; `arguments` are those that the command was called with.
  init(_ error: any Error, arguments: [String]) {
    switch error {
    case let code as ExitCode:
      self.init(message: nil, status: code)
    case is ConfigurationError, is DataError, is SafetensorsError, is CheckpointError,
      is TrainingCheckpointError, is RunError, is UnusableRow, is WeightsError, is ONNXError:
      self.init(message: "\(error)", status: Self.dataError)
    case is UsageError, is DeviceError:
      self.init(message: "\(error)", status: .validationFailure)
    default:
      let status = RootCommand.exitCode(for: error)
      let message = RootCommand.message(for: error)
      let command = ["apus"] + arguments.prefix(1).filter(RootCommand.names.contains)
      let help = "; see '\(command.joined(separator: " ")) --help'"
      self.init(
        message: status == .validationFailure ? message + help : message, status: status)
    }
  }

  private init(message: String?, status: ExitCode) {
    self.message = message
    self.status = status
  }
}

/// A command line that asks for what cannot be.
struct UsageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// A file or directory that the system does not let be written.
struct OutputError: Error, CustomStringConvertible {
  let description: String

  init(_ path: String, reason: String) {
    description = "\(path): cannot be written: \(reason)"
  }

  init(_ path: String, _ error: any Error) {
    if let error = error as? SafetensorsError, case .unwritable(let reason) = error.problem {
      self.init(path, reason: reason)
    } else {
      self.init(path, reason: fileErrorReason(error))
    }
  }
}
