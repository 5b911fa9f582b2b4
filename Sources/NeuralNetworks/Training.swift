import Compute
public import Tensors

/// Examples on a device: inputs and what is to be predicted of them.
public struct Examples: Sendable {
  /// `[n, …]`.
  public let inputs: Tensor
  /// `[n]` class labels, or `[n, …]` targets.
  public let targets: Tensor

  /// Creates examples; traps unless there are as many targets as inputs.
  public init(inputs: Tensor, targets: Tensor) {
    require(
      inputs.rank >= 1 && targets.rank >= 1 && inputs.shape[0] == targets.shape[0],
      "Examples: inputs of shape \(inputs.shape) and targets of shape \(targets.shape) differ in number"
    )
    self.inputs = inputs
    self.targets = targets
  }

  /// The number of examples.
  public var count: Int { inputs.shape[0] }

  /// The examples of the given numbers, gathered on the device.
  public func gather(_ numbers: Tensor) -> Examples {
    Examples(inputs: inputs.gather(numbers), targets: targets.gather(numbers))
  }

  /// Neighbouring examples, without a copy.
  public func slice(_ range: Range<Int>) -> Examples {
    Examples(inputs: inputs[range], targets: targets[range])
  }
}

/// How a model is trained.
public struct TrainingPlan: Sendable, Hashable {
  /// Passes over the examples.
  public var epochs: Int
  /// Examples of a step.
  public var batchSize: Int
  /// Whether the examples are put into another order for each epoch.
  public var shuffles: Bool
  /// The seed of the orders.
  public var seed: UInt64
  /// How the learning rate changes.
  public var schedule: Schedule

  /// Creates a plan.
  public init(
    epochs: Int, batchSize: Int, shuffles: Bool = true, seed: UInt64 = 0,
    schedule: Schedule = .constant
  ) {
    self.epochs = epochs
    self.batchSize = batchSize
    self.shuffles = shuffles
    self.seed = seed
    self.schedule = schedule
  }

  /// The bounds of the batches of `count` examples.
  ///
  /// The last may be short; but one example alone, which batch norm cannot take, joins the batch
  /// before it.
  public func batches(of count: Int) -> [Range<Int>] {
    let size = max(batchSize, 1)
    var batches = stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    if batches.count > 1, let last = batches.last, last.count == 1, size > 1 {
      batches.removeLast()
      batches[batches.count - 1] = batches[batches.count - 1].lowerBound..<last.upperBound
    }
    return batches
  }
}

/// What an epoch of training came to.
public struct EpochReport: Sendable, Hashable, Codable {
  /// The epoch's number, from 1.
  public let epoch: Int
  /// The steps made so far.
  public let steps: Int
  /// The mean loss of the epoch's steps, each from before its update, weighted by examples.
  public let trainingLoss: Double
  /// The loss of the validation examples after the epoch, in evaluation mode; nil without any.
  public let validationLoss: Double?
  /// The share of validation examples whose label is predicted; nil without any, or for a loss
  /// that predicts no labels.
  public let validationAccuracy: Double?
  /// The learning rate of the epoch's last step.
  public let learningRate: Double

  /// The loss that tells whether training still helps: of the validation examples, where there are
  /// any.
  public var decisiveLoss: Double { validationLoss ?? trainingLoss }
}

/// Where training stands, for a display.
public struct TrainingProgress: Sendable, Hashable {
  /// The epoch's number, from 1.
  public let epoch: Int
  /// The steps of this epoch that were made.
  public let step: Int
  /// The steps of each epoch.
  public let stepsPerEpoch: Int
}

/// Trains a network on examples.
///
/// After each epoch `observe` gets a report; what it throws stops the training. The model is left
/// in evaluation mode. Throws ``TrainingError`` when a loss is not finite, and ``ModelError`` before
/// the first step when a batch of one example would meet a layer that cannot take it.
///
/// - Parameters:
///   - model: A built and initialised network.
///   - optimizer: Made for the model.
///   - loss: What is minimised.
///   - examples: Trained on, on the model's device.
///   - validation: Looked at after each epoch, or nil.
///   - plan: Epochs, batches, order, schedule.
///   - checkpoint: Where to go on from: model and optimiser are brought there, and the epochs of its
///     history are not made again.
///   - observe: Called after each epoch.
///   - progress: Called after each step is launched.
public func train(
  _ model: any Layer, with optimizer: Optimizer, loss: Loss, on examples: Examples,
  validation: Examples? = nil, plan: TrainingPlan, resuming checkpoint: TrainingCheckpoint? = nil,
  observe: (EpochReport) throws -> Void = { _ in },
  progress: (TrainingProgress) -> Void = { _ in }
) throws {
  try model.checkBatches(plan, of: examples.count)
  let step = TrainingStep<Examples>(model, optimizer) { batch in
    loss.value(model(batch.inputs), batch.targets)
  }
  let bounds = plan.batches(of: examples.count)
  let key = RandomKey(seed: plan.seed)["order"]
  try checkpoint?.restore(model, optimizer)
  var history = checkpoint?.history ?? []
  var stepCount = history.count * bounds.count
  defer { model.mode = .evaluation }
  for epoch in 1...max(plan.epochs, 1) where epoch > history.count && plan.epochs > 0 {
    let reports = history.map(\.decisiveLoss)
    model.mode = .training
    let order =
      plan.shuffles
      ? Tensor(
        key[epoch].permutation(examples.count).map(Int32.init), shape: [examples.count],
        on: examples.inputs.device)
      : nil
    for (index, range) in bounds.enumerated() {
      let batch = order.map { examples.gather($0[range]) } ?? examples.slice(range)
      optimizer.scheduleFactor = plan.schedule.factor(
        step: stepCount, stepsPerEpoch: bounds.count, totalSteps: plan.epochs * bounds.count,
        reports: reports)
      try step(batch)
      stepCount += 1
      progress(.init(epoch: epoch, step: index + 1, stepsPerEpoch: bounds.count))
    }
    let losses = try step.finish()
    let sum = zip(losses, bounds).reduce(0) { $0 + $1.0 * Double($1.1.count) }
    let scores = try validation.map {
      try evaluate(model, loss: loss, on: $0, batchSize: plan.batchSize)
    }
    let report = EpochReport(
      epoch: epoch, steps: stepCount, trainingLoss: sum / Double(examples.count),
      validationLoss: scores?.loss, validationAccuracy: scores?.accuracy,
      learningRate: optimizer.currentLearningRate)
    history.append(report)
    try observe(report)
  }
}

/// The loss of a network on examples, and the share of labels it predicts, in evaluation mode.
///
/// Leaves the model's mode as it was. Throws what went wrong on the device.
public func evaluate(
  _ model: any Layer, loss: Loss, on examples: Examples, batchSize: Int = 1024
) throws -> (loss: Double, accuracy: Double?) {
  let output = predict(model, examples.inputs, batchSize: batchSize)
  let value = try loss.value(output, examples.targets).item(of: Double.self)
  let accuracy = try loss.labels.flatMap { labels -> Double? in
    guard !examples.targets.dtype.isFloatingPoint else { return nil }
    let hits = labels(output) .== examples.targets.cast(to: .int32)
    // Counted and divided here, so that the share is exact.
    return try hits.cast(to: .float32).sum().item(of: Double.self) / Double(examples.count)
  }
  return (value, accuracy)
}

/// The outputs of a network in evaluation mode, computed batch by batch.
public func predict(_ model: any Layer, _ inputs: Tensor, batchSize: Int = 1024) -> Tensor {
  let mode = model.mode
  model.mode = .evaluation
  defer { model.mode = mode }
  let size = max(batchSize, 1)
  guard inputs.shape[0] > size else { return model(inputs) }
  let parts = stride(from: 0, to: inputs.shape[0], by: size).map { start in
    model(inputs[start..<min(start + size, inputs.shape[0])])
  }
  return concatenate(parts, axis: 0)
}
