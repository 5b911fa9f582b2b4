import Compute
public import Tensors

/// One update of a model: forward, backward, optimiser.
///
///     let step = TrainingStep(model, optimizer) { batch in
///       crossEntropy(model(batch.inputs), batch.labels)
///     }
///     for batch in batches { try step(batch) }
///     try step.finish()
///
/// Steps are asynchronous: the host runs at most two ahead of the device. Losses are looked at
/// every sixteen steps and by ``finish()``. The first one that is not finite stops the updates at
/// once on the device, and is thrown when it is looked at; the parameters are then those of the
/// last finite step.
public final class TrainingStep<Batch> {
  /// What is trained.
  public let model: Module
  /// How it is trained.
  public let optimizer: Optimizer

  private let loss: (Batch) -> Tensor
  /// The updates made, as far as is known.
  private var stepCount = 0
  /// The losses that were not looked at yet, in device memory: that of the first step at 0, and
  /// from the start again when it is full.
  private let ring: Arena
  private var unreadCount = 0
  private var fences: [any Fence] = []

  /// How many steps pass between two looks at the losses, which wait for the device.
  private static var readInterval: Int { 16 }
  /// How many steps the host may be ahead of the device.
  private static var lead: Int { 2 }

  /// Creates a step; `loss` gives a scalar for a batch.
  public init(_ model: Module, _ optimizer: Optimizer, loss: @escaping (Batch) -> Tensor) {
    self.model = model
    self.optimizer = optimizer
    self.loss = loss
    let arena = model.requireLayout("TrainingStep").arena
    ring = Arena(length: Self.readInterval, dtype: arena.dtype, on: arena.device)
  }

  /// Makes one update, and returns its loss, from before the update.
  ///
  /// Throws ``TrainingError`` when an earlier loss is found not to be finite, and again at each call
  /// until the optimiser's ``Optimizer/resume()``. Throws whatever else the device reports; what
  /// could not be launched has updated nothing, and the next call may do better.
  @discardableResult
  public func callAsFunction(_ batch: Batch) throws -> Tensor {
    if let reason = optimizer.stopReason { throw reason }
    let (value, gradients) = valueWithGradient(of: model) { loss(batch) }
    require(
      value.count == 1, "TrainingStep: the loss has shape \(value.shape); it must be a scalar")
    // The loss is kept before the update is made, so that no update goes without its loss.
    let failure =
      gradients.failure
      ?? Arena.update(
        [.init(ring, at: stepCount % Self.readInterval, shape: [1], to: .input(0))],
        from: [.tensor(value.reshaped(to: [1]))])
    if let failure { throw failure }
    optimizer.update(gradients, loss: value)
    if let failure = optimizer.failure { throw failure }
    stepCount += 1
    unreadCount += 1
    fences.append(try value.device.fence())
    if fences.count > Self.lead { try fences.removeFirst().wait() }
    if unreadCount == Self.readInterval { try finish() }
    return value
  }

  /// Waits for the steps made so far, and throws what went wrong in them.
  ///
  /// Returns the losses that were not looked at before, in order.
  @discardableResult
  public func finish() throws -> [Double] {
    let steps = (stepCount - unreadCount)..<stepCount
    unreadCount = 0
    fences = []
    guard !steps.isEmpty else { return [] }
    let values = try ring.whole.array(of: Double.self)
    let losses = steps.map { values[$0 % Self.readInterval] }
    for (step, loss) in zip(steps, losses) where !loss.isFinite {
      // Neither this step nor those behind it were made.
      stepCount = step
      let error = TrainingError.nonFiniteLoss(
        loss, step: step + 1, learningRate: optimizer.learningRate)
      optimizer.stopReason = error
      throw error
    }
    return losses
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
