public import Compute
public import Tensors

/// Moves a module's parameters along their gradients.
///
/// An optimiser is an expression: `Rule` says what becomes of a parameter, its gradient and its
/// states, and the whole model is updated in one launch, whatever the number of its layers. The
/// learning rate, the step's number and its bias corrections are numbers in device memory, so
/// that a step needs nothing from the host.
///
/// With a loss given to ``update(_:loss:)``, an update whose loss is not finite is left out, and so
/// are all that follow until ``resume()``: the parameters stay those of the last finite step, and
/// ``stepCount()`` is its number.
open class Optimizer {
  /// What an update is written in: one parameter's number, its gradient, and so on.
  public struct Terms {
    /// The parameter.
    public let parameter: Expression
    /// The gradient of the loss.
    public let gradient: Expression
    /// The optimiser's states, in the order of their names.
    public let states: [Expression]
    /// The learning rate.
    public let learningRate: Expression
    /// The numbers computed once a step, in the rule's order.
    public let corrections: [Expression]
    /// The settings, in the rule's order.
    public let settings: [Expression]
  }

  /// An update rule.
  public struct Rule {
    /// The names of the states, each as large as the parameters and zero at the start.
    public var states: [String]
    /// Numbers of the optimiser that do not change from step to step.
    public var settings: [Double]
    /// What is computed once a step, from the step's number (1 for the first) and the settings.
    public var corrections: @Sendable (_ step: Expression, _ settings: [Expression]) -> [Expression]
    /// The new parameter and the new states.
    public var update: @Sendable (Terms) -> (parameter: Expression, states: [Expression])

    /// Creates a rule.
    public init(
      states: [String], settings: [Double],
      corrections:
        @escaping @Sendable (_ step: Expression, _ settings: [Expression]) -> [Expression] = {
          _, _ in []
        },
      update: @escaping @Sendable (Terms) -> (parameter: Expression, states: [Expression])
    ) {
      self.states = states
      self.settings = settings
      self.corrections = corrections
      self.update = update
    }
  }

  /// The factor of each step; may be changed between steps.
  public var learningRate: Double

  /// Why the last update could not be launched, or nil; the parameters are then those before it.
  public private(set) var failure: (any Error)?

  /// The loss that was found to have stopped the updates, until ``resume()``.
  var stopReason: TrainingError?

  let layout: ModuleLayout
  private let rule: Rule
  private let states: [Arena]
  /// Learning rate, step, whether updates go on (1 or 0), corrections.
  private let slots: Arena
  private let correctionCount: Int
  private var writtenLearningRate: Double?

  private enum Slot {
    static let learningRate = 0
    static let step = 1
    static let isRunning = 2
    static let corrections = 3
  }

  /// Creates an optimiser of an initialised module; traps when it is not initialised.
  public init(_ module: Module, learningRate: Double, rule: Rule) {
    layout = module.requireLayout("\(Self.self)")
    self.learningRate = learningRate
    self.rule = rule
    let arena = layout.arena
    states = rule.states.map { _ in
      Arena(length: arena.length, dtype: arena.dtype, on: arena.device)
    }
    correctionCount = rule.corrections(.input(0), rule.settings.map { .constant($0) }).count
    slots = Arena(
      length: Slot.corrections + correctionCount, dtype: arena.dtype, on: arena.device)
    resume()
  }

  /// Updates the parameters.
  ///
  /// - Parameters:
  ///   - gradients: Of the module that the optimiser was made for; traps on another's.
  ///   - loss: A scalar. Unless it is finite, nothing is updated, now and until ``resume()``.
  public func update(_ gradients: Gradients, loss: Tensor? = nil) {
    require(
      gradients.belongs(to: layout),
      "\(Self.self): the gradients are those of another module, or from before it was initialised anew"
    )
    require(
      loss.map { $0.count == 1 } ?? true,
      "\(Self.self): the loss has shape \(loss.map(\.shape.description) ?? ""); it must be a scalar"
    )
    // Gradients that failed count no step.
    failure = gradients.failure ?? writeLearningRate() ?? advance(loss)
    guard failure == nil else { return }
    failure = apply(gradients.whole)
    if failure != nil { takeBackStep() }
  }

  /// Puts the learning rate where the device reads it, if it has changed.
  ///
  /// Returns why it could not be written, or nil.
  func writeLearningRate() -> (any Error)? {
    guard writtenLearningRate != learningRate else { return nil }
    let failure = write(learningRate, to: Slot.learningRate)
    writtenLearningRate = failure == nil ? learningRate : nil
    return failure
  }

  /// Counts the step and computes what it needs, in one launch of one work-item.
  private func advance(_ loss: Tensor?) -> (any Error)? {
    let (step, isRunning, loss_) = (Expression.input(0), Expression.input(1), Expression.input(2))
    let settings = rule.settings.indices.map { Expression.input(3 + $0) }
    let running = isRunning * loss_.isFinite
    let nextStep = step + running
    let corrections = rule.corrections(nextStep, settings)
    let targets =
      [
        Arena.Target(slots, at: Slot.step, shape: [1], to: nextStep),
        Arena.Target(slots, at: Slot.isRunning, shape: [1], to: running),
      ]
      + corrections.enumerated().map {
        Arena.Target(slots, at: Slot.corrections + $0.offset, shape: [1], to: $0.element)
      }
    return Arena.update(
      targets,
      from: [
        .arena(slots, at: Slot.step, shape: [1]), .arena(slots, at: Slot.isRunning, shape: [1]),
        loss.map { .tensor($0.detached.reshaped(to: .scalar)) } ?? .scalar(0),
      ] + rule.settings.map { .scalar($0) })
  }

  /// Uncounts a step that was not applied.
  private func takeBackStep() {
    _ = Arena.update(
      [.init(slots, at: Slot.step, shape: [1], to: .input(0) - .input(1))],
      from: [
        .arena(slots, at: Slot.step, shape: [1]), .arena(slots, at: Slot.isRunning, shape: [1]),
      ])
  }

  /// Applies the rule to all parameters, in one launch over the arena.
  private func apply(_ gradient: Tensor) -> (any Error)? {
    var arguments: [Arena.Argument] = []
    func input(_ argument: Arena.Argument) -> Expression {
      arguments.append(argument)
      return .input(arguments.count - 1)
    }
    func slot(_ position: Int) -> Expression { input(.arena(slots, at: position, shape: [1])) }
    let parameter = input(.arena(layout.arena))
    let terms = Terms(
      parameter: parameter, gradient: input(.tensor(gradient)),
      states: states.map { input(.arena($0)) }, learningRate: slot(Slot.learningRate),
      corrections: (0..<correctionCount).map { slot(Slot.corrections + $0) },
      settings: rule.settings.map { input(.scalar($0)) })
    let isRunning = slot(Slot.isRunning)
    let next = rule.update(terms)
    let targets =
      [Arena.Target(layout.arena, to: select(isRunning, next.parameter, parameter))]
      + zip(zip(states, terms.states), next.states).map { state, new in
        Arena.Target(state.0, to: select(isRunning, new, state.1))
      }
    return Arena.update(targets, from: arguments)
  }

  /// The number of updates made, which counts none that was left out.
  ///
  /// Waits for the device.
  public func stepCount() throws -> Int { Int(try read(Slot.step)) }

  /// Whether a loss that was not finite has stopped the updates.
  ///
  /// Waits for the device.
  public func isHalted() throws -> Bool { try read(Slot.isRunning) == 0 }

  /// Lets updates go on after they have stopped.
  public func resume() {
    stopReason = nil
    // Without this number nothing would ever be updated, so all updates shall say why.
    if let failure = write(1, to: Slot.isRunning) { slots.whole.fail(failure) }
  }

  private func read(_ slot: Int) throws -> Double {
    try slots.tensor(at: slot, shape: .scalar).item(of: Double.self)
  }

  private func write(_ value: Double, to slot: Int) -> (any Error)? {
    Arena.update([.init(slots, at: slot, shape: [1], to: .input(0))], from: [.scalar(value)])
  }
}
