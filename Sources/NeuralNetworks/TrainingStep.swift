import Compute
public import Tensors

/// One update of a model: forward, backward, optimiser.
///
///     let step = TrainingStep(model, optimizer) { batch in
///       crossEntropy(model(batch.inputs), batch.targets)
///     }
///     for batch in batches { try step(batch) }
///     try step.finish()
///
/// A step is *captured*: on the first two calls for batches of one shape its launches are recorded,
/// and later calls make them again without running the Swift code. So the code must do the same at
/// every call, may not read tensors, and what it computes ends with the call. A step that launches
/// something else each time is found out, stays as it is, and ``captureObstacle`` says why.
///
/// Steps are asynchronous: the host runs at most two ahead of the device, or some more where a step
/// takes less than a millisecond. Losses are looked at now and then, and by ``finish()``. The first
/// one that is not finite stops the updates at once on the device, and is thrown when it is looked
/// at; the parameters are then those of the last finite step.
public final class TrainingStep<Batch: TensorGroup> {
  /// What is trained.
  public let model: Module
  /// How it is trained.
  public let optimizer: Optimizer

  private let loss: (Batch) -> Tensor
  private let ring: LossRing
  private let captures: StepCaptures?
  private let modules: [Module]
  /// The updates made, as far as is known.
  private var stepCount = 0
  /// The places of the losses that were not looked at yet, those of the latest steps.
  private var unread: [LossRing.Place] = []
  /// The losses that were looked at and not yet given out.
  private var losses: [Double] = []
  private var pacing: StepPacing

  /// Creates a step.
  ///
  /// - Parameters:
  ///   - model: An initialised module.
  ///   - optimizer: Made for the model.
  ///   - isCaptured: Whether launches are recorded and replayed; without it, the code runs at every
  ///     call and may read tensors.
  ///   - loss: The scalar to minimise, of a batch.
  public init(
    _ model: Module, _ optimizer: Optimizer, isCaptured: Bool = true,
    loss: @escaping (Batch) -> Tensor
  ) {
    self.model = model
    self.optimizer = optimizer
    self.loss = loss
    let arena = model.requireLayout("TrainingStep").arena
    ring = LossRing(dtype: arena.dtype, on: arena.device)
    pacing = StepPacing(on: arena.device)
    captures = isCaptured ? StepCaptures(on: arena.device) : nil
    var modules: [Module] = []
    model.walk { _, module in modules.append(module) }
    self.modules = modules
  }

  /// Why calls run the Swift code although they could be captured; nil if none does.
  public var captureObstacle: String? { captures?.obstacle }

  /// The kinds of batches for which the step is captured: different shapes, or modes of the model.
  public var captureCount: Int { captures?.capturedCount ?? 0 }

  /// The device memory, in bytes, for what lives only within captured steps.
  public var capturedBytes: Int { captures?.byteCount ?? 0 }

  /// Makes one update, and returns its loss, from before the update.
  ///
  /// Throws ``TrainingError`` when an earlier loss is found not to be finite, and again at each call
  /// until the optimiser's ``Optimizer/resume()``. Throws whatever else the device reports; what
  /// could not be launched has updated nothing, and the next call may do better.
  @discardableResult
  public func callAsFunction(_ batch: Batch) throws -> Tensor {
    if let reason = optimizer.stopReason { throw reason }
    if let failure = optimizer.writeLearningRate() ?? perform(batch) { throw failure }
    stepCount += 1
    let place = ring.advance()
    unread.append(place)
    try pacing.advance()
    let value = ring.loss(at: place)
    if unread.count == LossRing.length { try look() }
    return value
  }

  private func perform(_ batch: Batch) -> (any Error)? {
    guard let captures else { return update(batch) }
    let batch = batch.mappingTensors(\.standalone)
    return captures.perform(inputs: batch.tensors, modes: modules.map(\.mode)) { update(batch) }
  }

  private func update(_ batch: Batch) -> (any Error)? {
    let (value, gradients) = valueWithGradient(of: model) { loss(batch) }
    require(
      value.count == 1, "TrainingStep: the loss has shape \(value.shape); it must be a scalar")
    // The loss is kept before the update is made, so that no update goes without its loss.
    if let failure = gradients.failure ?? ring.append(value) { return failure }
    optimizer.update(gradients, loss: value)
    if optimizer.failure != nil { ring.advance() }
    return optimizer.failure
  }

  /// Waits for the steps made so far, and throws what went wrong in them.
  ///
  /// Returns the losses of the steps since it was last called, in order.
  @discardableResult
  public func finish() throws -> [Double] {
    try look()
    pacing.reset()
    defer { losses = [] }
    return losses
  }

  /// Reads the losses that were not looked at yet.
  private func look() throws {
    guard !unread.isEmpty else { return }
    let first = stepCount - unread.count
    let values = try ring.losses(at: unread)
    unread = []
    for (step, loss) in zip(first..., values) {
      guard loss.isFinite else {
        // Neither this step nor those behind it were made.
        stepCount = step
        losses = []
        let error = TrainingError.nonFiniteLoss(
          loss, step: step + 1, learningRate: optimizer.currentLearningRate)
        optimizer.stopReason = error
        throw error
      }
      losses.append(loss)
    }
  }
}

/// Why training stopped.
public enum TrainingError: Error, Sendable, CustomStringConvertible {
  /// The loss of a step is infinite or NaN; the parameters are those before that step.
  case nonFiniteLoss(Double, step: Int, learningRate: Double)

  /// What happened at which step, and what to try.
  public var description: String {
    switch self {
    case .nonFiniteLoss(let loss, let step, let learningRate):
      """
      the loss of step \(step) is \(loss.isNaN ? .nan : loss), so training stopped with the parameters of step \
      \(step - 1); try a learning rate below \(learningRate), standardised inputs, or batch \
      normalisation
      """
    }
  }
}
