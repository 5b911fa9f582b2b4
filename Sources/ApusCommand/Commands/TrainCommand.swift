import ArgumentParser
import Compute
import Foundation
import NeuralNetworks
import Tensors

/// `apus train`: from a configuration to a trained model.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train the model of a configuration.",
    discussion: """
      Leaves a directory with the weights (model.safetensors), what more data needs to be read alike \
      (preprocessing.safetensors), the configuration as it was understood (config.yaml), a line for \
      each epoch (metrics.csv), and what going on needs (training.safetensors). An earlier run in that directory is replaced when the training \
      has succeeded, and not before.
      """)

  @Argument(help: ArgumentHelp("A configuration in YAML.", valueName: "config"))
  var configuration: String

  @Option(
    parsing: .unconditional,
    help: "The number of passes over the data, in place of the configuration's.")
  var epochs: Int?

  @Option(
    parsing: .unconditional,
    help: "The seed of split, initial weights and order, in place of the configuration's.")
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "Start from the weights of this safetensors file, such as a PyTorch state_dict.",
      valueName: "file"))
  var weights: String?

  @Option(
    help: ArgumentHelp(
      "The directory to leave the model in, in place of runs/ and the configuration's name.",
      valueName: "dir"))
  var output: String?

  @Flag(
    help: ArgumentHelp(
      """
      Go on with the run in the directory until the configuration's number of epochs: the same as if \
      it had never ended.
      """))
  var resume = false

  @Flag(
    help: ArgumentHelp(
      "Show at the end how long each kernel ran on the device.",
      discussion: "Each launch is then made by itself, which small networks feel."))
  var profile = false

  @OptionGroup var device: DeviceOption
  @OptionGroup var format: FormatOption

  func validate() throws {
    let range = TrainingConfiguration.epochRange
    if let epochs, !range.contains(epochs) {
      throw ValidationError(
        "--epochs: there is \(epochs); expected a whole number from \(range.lowerBound) to "
          + "\(range.upperBound)")
    }
  }

  func run() throws {
    let configuration = try Configuration(
      contentsOf: self.configuration, overrides: .init(epochs: epochs, seed: seed, weights: weights)
    )
    let directory = RunDirectory(path: output ?? defaultOutput)
    // Training may take hours: what cannot be written in the end is found out now.
    try directory.checkCanPublish()
    let checkpoint = try resume ? self.checkpoint(in: directory, configuration) : nil
    let device = try openDevice()
    let training = try TrainingRun(configuration, on: device)
    let say = format.isJSON ? Console.report : Console.print
    try say(training.summary + "\n")

    let display = TrainingDisplay(
      configuration.training.plan, hasHeldOut: training.hasHeldOut,
      drawsBar: !format.isJSON, write: say)
    let preparation = device.statistics.kernelTimes
    let start = ContinuousClock.now
    let result = try training.run(display, resuming: checkpoint)
    let duration = ContinuousClock.now - start
    let kernelTimes = device.statistics.kernelTimes.subtracting(preparation)
    try training.save(result, to: directory)

    try say("\n" + result.summary)
    try say("trained in \(secondsText(duration)), saved in \(directory.path)")
    if profile { try say("\n\(KernelTimeTable(kernelTimes, in: duration, of: "training"))") }
    if format.isJSON {
      try Console.print(
        JSON.text(
          TrainingSummary(
            training, result, output: directory.path, kernels: profile ? kernelTimes : nil)))
    }
  }

  /// Where to go on from, with epochs left to make.
  private func checkpoint(
    in directory: RunDirectory, _ configuration: Configuration
  ) throws -> TrainingCheckpoint {
    let checkpoint = try directory.checkpoint()
    let (done, wanted) = (checkpoint.history.count, configuration.training.plan.epochs)
    guard done < wanted else {
      throw UsageError(
        """
        \(directory.path) has been trained for \(counted(done, "epoch")) already, and \(wanted) are \
        asked for; expected more, such as --epochs \(2 * done)
        """)
    }
    return checkpoint
  }

  private func openDevice() throws -> Device {
    guard profile else { return try device.open() }
    let device = try device.open(DeviceOptions(isProfiling: true, isChaining: false))
    guard device.identifier != Device.reference.identifier else {
      throw UsageError("--profile: the reference launches no kernels; expected an OpenCL device")
    }
    return device
  }

  private var defaultOutput: String {
    "runs/" + URL(fileURLWithPath: configuration).deletingPathExtension().lastPathComponent
  }
}

/// What `apus train --json` writes.
private struct TrainingSummary: Encodable {
  private let device: String
  private let output: String
  private let trainingRows: Int
  private let heldOutRows: Int
  private let heldOutLoss: Double?
  private let heldOutAccuracy: Double?
  private let epochs: [EpochReport]
  private let kernels: [KernelTime]?

  init(
    _ training: TrainingRun, _ result: TrainingRun.Result, output: String, kernels: [KernelTime]?
  ) {
    self.kernels = kernels
    device = training.device.identifier
    self.output = output
    trainingRows = training.trainingRowCount
    heldOutRows = training.heldOutRowCount
    heldOutLoss = result.heldOutLoss
    heldOutAccuracy = result.heldOutAccuracy
    epochs = result.epochs
  }
}
