import Compute
import Datasets
import Foundation
import NeuralNetworks
import OrderedCollections
import Tensors

/// The training that a configuration describes, on a device.
struct TrainingRun {
  /// What came of it.
  struct Result {
    let epochs: [EpochReport]
    let heldOutLoss: Double?
    let heldOutAccuracy: Double?
    fileprivate let heldOutRowCount: Int
    fileprivate let checkpoint: TrainingCheckpoint

    /// The held-out accuracy, for people.
    var summary: String {
      guard let accuracy = heldOutAccuracy else { return "no rows are held out" }
      let hits = Int((accuracy * Double(heldOutRowCount)).rounded())
      return "held-out accuracy \(percentage(accuracy)) (\(hits) of \(heldOutRowCount) rows)"
    }
  }

  let device: Device
  let trainingRowCount: Int
  let heldOutRowCount: Int
  private let configuration: Configuration
  private let preprocessor: Preprocessor
  private let examples: Examples
  private let heldOut: Examples?
  private let network: Sequential
  private let loss: Loss
  /// What the weights to start from lack or have besides, where there are any.
  private let weightDifferences: CheckpointDifferences?

  /// Reads the data, divides and preprocesses it, and builds and initialises the network.
  init(_ configuration: Configuration, on device: Device) throws {
    try configuration.training.checkDType(on: device)
    try self.init(configuration, configuration.data.examples(), on: device)
  }

  private init(
    _ configuration: Configuration, _ data: some LabeledData, on device: Device
  ) throws {
    let training = configuration.training
    let parts = configuration.data.split(data)
    let schema = data.schema
    network = try configuration.model.build(
      input: schema.exampleShape, classCount: schema.labelVocabulary.count,
      loss: configuration.loss
    ).network
    if let layer = configuration.model.layerThatNeedsBatches {
      try training.checkBatches(of: parts.training.rowCount, for: layer)
    }
    try configuration.optimizer.checkGroups(of: network)
    loss = try configuration.loss.loss(
      classes: parts.training.classes, among: schema.labelVocabulary)
    preprocessor = Preprocessor(configuration.data.preprocessing, fitting: parts.training)
    let standardization = preprocessor.standardization
    examples = parts.training.examples(standardization, dtype: training.dtype, on: device)
    heldOut =
      parts.heldOut.rowCount > 0
      ? parts.heldOut.examples(standardization, dtype: training.dtype, on: device) : nil
    if let (embedding, place) = configuration.model.embeddingOfInputs {
      for inputs in [examples.inputs, heldOut?.inputs].compactMap({ $0 }) {
        guard let number = try embedding.numberOfNoRow(in: inputs) else { continue }
        throw ConfigurationError(place, "the data have \(embedding.refusal(of: number.value))")
      }
    }
    network.initialize(seed: training.seed, on: device, dtype: training.dtype)
    weightDifferences = try training.initialWeights?.load(into: network)
    trainingRowCount = parts.training.rowCount
    heldOutRowCount = parts.heldOut.rowCount
    self.configuration = configuration
    self.device = device
  }

  var hasHeldOut: Bool { heldOut != nil }

  /// The device, the data, the model and the plan, a line for each.
  var summary: String {
    let plan = configuration.training.plan
    let schema = preprocessor.schema
    let inputSummary =
      schema.exampleShape.rank == 1
      ? counted(schema.exampleShape.count, "feature") : "inputs of shape \(schema.exampleShape)"
    var table = TextTable(.left("device"), .left("\(device)"))
    if let entry = device.tuningEntry {
      table.append("tuning", "entry \(entry.identifier) of \(entry.date)")
    }
    table.append(
      "data",
      """
      \(configuration.data.file): \(inputSummary), \
      \(counted(schema.labelVocabulary.count, "class", plural: "classes")); \
      \(counted(trainingRowCount, "row")) to train on, \(grouped(heldOutRowCount)) held out
      """)
    table.append("model", network.layers.map(\.summary).joined(separator: " → "))
    table.append(
      "", "\(grouped(network.parameterCount)) parameters of \(configuration.training.dtype)")
    if let weights = configuration.training.initialWeights, let weightDifferences {
      table.append(
        "weights",
        weights.file + (weightDifferences.isEmpty ? "" : ", \(weightDifferences)"))
    }
    table.append(
      "plan",
      """
      \(counted(plan.epochs, "epoch")) in batches of \(plan.batchSize); \
      \(configuration.loss.name); \(configuration.optimizer.summary)\
      \(configuration.schedule.summary.map { ", \($0)" } ?? ""); seed \(plan.seed)
      """)
    return "\(table)"
  }

  /// Trains the network, or goes on with a training.
  ///
  /// Throws `TrainingError`, or ``NonFiniteWeights``, when it comes to numbers that are not finite.
  func run(_ display: TrainingDisplay, resuming checkpoint: TrainingCheckpoint?) throws -> Result {
    defer { display.end() }
    var epochs = checkpoint?.history ?? []
    let optimizer = configuration.optimizer.make(
      network, configuration.regularization.regularization)
    // Before the headings, so that what does not fit is said alone.
    try checkpoint?.restore(network, optimizer)
    try display.begin()
    try train(
      network, with: optimizer, loss: loss, on: examples, validation: heldOut,
      plan: configuration.training.plan, resuming: checkpoint,
      observe: { report in
        epochs.append(report)
        try display.show(report)
      }, progress: display.show)
    // The last update comes after the last loss, and is not looked at by it.
    for (path, parameter) in network.parameters
    where try !parameter.value.array(of: Double.self).allSatisfy(\.isFinite) {
      throw NonFiniteWeights(path: path, learningRate: optimizer.currentLearningRate)
    }
    let untrained =
      epochs.isEmpty
      ? try heldOut.map { try evaluate(network, loss: loss, on: $0) } : nil
    return Result(
      epochs: epochs, heldOutLoss: epochs.last?.validationLoss ?? untrained?.loss,
      heldOutAccuracy: epochs.last?.validationAccuracy ?? untrained?.accuracy,
      heldOutRowCount: heldOutRowCount,
      checkpoint: try TrainingCheckpoint(network, optimizer, history: epochs))
  }

  /// What the same bits need beside the configuration: the tuning entry and precision in use.
  private var deviceComment: String {
    var comment = ""
    if let entry = device.tuningEntry {
      comment += "# trained with tuning entry \(entry.identifier) of \(entry.date)\n"
    }
    if device.matMulPrecision != .float32 {
      comment += "# trained with --matmul-precision \(device.matMulPrecision)\n"
    }
    return comment
  }

  /// Leaves the network and what belongs to it in a directory.
  func save(_ result: Result, to directory: RunDirectory) throws {
    let weights = try network.savedState()
    try directory.publish { directory in
      try weights.write(to: directory.url(of: .model))
      try preprocessor.save(to: directory.url(of: .preprocessing))
      try (deviceComment + configuration.resolved).write(
        to: directory.url(of: .configuration), atomically: false, encoding: .utf8)
      try result.checkpoint.write(to: directory.url(of: .training))
      try Self.metrics(result.epochs).write(
        to: directory.url(of: .metrics), atomically: false, encoding: .utf8)
    }
  }

  /// CSV with a line for each epoch.
  private static func metrics(_ epochs: [EpochReport]) -> String {
    let header = "epoch,steps,training_loss,held_out_loss,held_out_accuracy,learning_rate"
    let lines = epochs.map { report in
      [
        "\(report.epoch)", "\(report.steps)", "\(report.trainingLoss)",
        report.validationLoss.map { "\($0)" } ?? "",
        report.validationAccuracy.map { "\($0)" } ?? "", "\(report.learningRate)",
      ].joined(separator: ",")
    }
    return ([header] + lines).map { $0 + "\n" }.joined()
  }
}

/// The last update of a training made weights infinite or NaN.
struct NonFiniteWeights: Error, CustomStringConvertible {
  let path: String
  let learningRate: Double

  var description: String {
    """
    after the last step \(path) is no longer finite, so nothing is saved; try a learning rate below \
    \(learningRate), standardised inputs, or batch normalisation
    """
  }
}
