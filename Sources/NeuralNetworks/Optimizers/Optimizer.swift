import Compute
public import Tensors

/// Moves a module's parameters along their gradients.
///
/// An optimiser is an expression: ``Rule`` says what becomes of a parameter, its gradient and its
/// states, and the whole model is updated in one launch, whatever the number of its layers. The
/// learning rate, the step's number and its bias corrections are numbers in device memory, so
/// that a step needs nothing from the host. Clipping by norm adds one reduction, and a largest norm
/// of rows two launches for each weight.
///
/// With a loss given to ``update(_:loss:)``, an update whose loss is not finite is left out, and so
/// are all that follow until ``resume()``: the parameters stay those of the last finite step, and
/// ``stepCount()`` is its number.
open class Optimizer {
  /// The factor of each step; may be changed between steps.
  public var learningRate: Double

  /// What a schedule makes of the learning rate now: the factor of ``learningRate`` in each step.
  public var scheduleFactor = 1.0

  /// The learning rate of the next step: ``learningRate`` times ``scheduleFactor``.
  public var currentLearningRate: Double { learningRate * scheduleFactor }

  /// Why the last update could not be launched, or nil; the parameters are then those before it.
  public private(set) var failure: (any Error)?

  /// The loss that was found to have stopped the updates, until ``resume()``.
  var stopReason: TrainingError?

  let layout: ModuleLayout
  let rule: Rule
  /// The rule's states, each laid out as the parameters are.
  let states: [Arena]
  /// Learning rate, step, whether updates go on (1 or 0), the factor of clipping, corrections, and
  /// those of the step before where the rule needs them.
  private let slots: Arena
  private let regularization: Regularization
  private let settings: SettingsTable
  private var writtenLearningRate: Double?

  private enum Slot {
    static let learningRate = 0
    static let step = 1
    static let isRunning = 2
    static let clipFactor = 3
    static let corrections = 4
  }

  /// Creates an optimiser of an initialised module; traps when it is not initialised, and when a
  /// group has no parameter.
  ///
  /// - Parameters:
  ///   - module: What is trained.
  ///   - learningRate: The factor of each step.
  ///   - weightDecay: How weights shrink.
  ///   - regularization: Penalties, the largest norm of rows, clipping.
  ///   - groups: Settings of some of the parameters.
  ///   - rule: What becomes of a parameter in a step.
  public init(
    _ module: Module, learningRate: Double, weightDecay: WeightDecay = .none,
    regularization: Regularization = .none, groups: [ParameterGroup] = [], rule: Rule
  ) {
    let layout = module.requireLayout("\(Self.self)")
    for group in groups {
      require(
        layout.parameters.contains(where: group.contains),
        """
        \(Self.self): no parameter is in the group \(group.name); there are \
        \(layout.parameters.map(\.path).joined(separator: ", "))
        """)
    }
    self.layout = layout
    self.learningRate = learningRate
    self.rule = rule
    self.regularization = regularization
    settings = SettingsTable(
      layout.parameters.map {
        ParameterSettings(of: $0, decay: weightDecay, regularization, groups)
      }, for: layout)
    let arena = layout.arena
    states = rule.states.map { _ in
      Arena(length: arena.length, dtype: arena.dtype, on: arena.device)
    }
    slots = Arena(
      length: Slot.corrections + rule.correctionCount * (rule.isRecurrent ? 2 : 1),
      dtype: arena.dtype, on: arena.device)
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
    let squaredNorm = regularization.clipNorm.map { _ in squares(of: gradients.whole) }
    // Gradients that failed count no step.
    failure =
      gradients.failure ?? squaredNorm?.failure ?? writeLearningRate()
      ?? advance(loss, squaredNorm: squaredNorm)
    guard failure == nil else { return }
    failure = apply(gradients.whole)
    guard failure == nil else { return takeBackStep() }
    failure = shortenRows()
  }

  /// Puts the learning rate where the device reads it, if it has changed.
  ///
  /// Returns why it could not be written, or nil.
  func writeLearningRate() -> (any Error)? {
    guard writtenLearningRate != currentLearningRate else { return nil }
    let failure = write(currentLearningRate, to: Slot.learningRate)
    writtenLearningRate = failure == nil ? currentLearningRate : nil
    return failure
  }

  // MARK: - The launches of an update

  /// The squared norm of all gradients of parameters that are trained, clipped by value: one
  /// reduction, which stays on the device.
  private func squares(of gradient: Tensor) -> Tensor {
    switch settings[\.trainedShare] {
    case .uniform:
      sum(gradient) { [self] in square(clipped($0)) }
    case .table(let share):
      sum(gradient.reshaped(to: settings.shape), share) { [self] gradient, share in
        select(share, square(clipped(gradient)), 0)
      }
    }
  }

  private func square(_ x: Expression) -> Expression { x * x }

  private func clipped(_ gradient: Expression) -> Expression {
    regularization.clipValue.map { gradient.clamped(.constant(-$0), .constant($0)) } ?? gradient
  }

  /// Counts the step and computes what it needs, in one launch of one work-item.
  private func advance(_ loss: Tensor?, squaredNorm: Tensor?) -> (any Error)? {
    var arguments: [Arena.Argument] = []
    func input(_ argument: Arena.Argument) -> Expression {
      arguments.append(argument)
      return .input(arguments.count - 1)
    }
    func slot(_ position: Int) -> Expression { input(.arena(slots, at: position, shape: [1])) }
    var targets: [Arena.Target] = []
    func write(_ value: Expression, to position: Int) {
      targets.append(.init(slots, at: position, shape: [1], to: value))
    }
    let (step, isRunning) = (slot(Slot.step), slot(Slot.isRunning))
    let loss = input(loss.map { .tensor($0.detached.reshaped(to: .scalar)) } ?? .scalar(0))
    let ruleSettings = rule.settings.map { input(.scalar($0)) }
    let running = isRunning * loss.isFinite
    let nextStep = step + running
    write(nextStep, to: Slot.step)
    write(running, to: Slot.isRunning)

    let count = rule.correctionCount
    let previous =
      rule.isRecurrent ? (0..<count).map { slot(Slot.corrections + $0) } : []
    let corrections = rule.corrections(nextStep, ruleSettings, previous)
    require(
      corrections.count == count,
      "\(Self.self): the rule gave \(corrections.count) corrections instead of \(count)")
    for (number, correction) in corrections.enumerated() {
      guard rule.isRecurrent else {
        write(correction, to: Slot.corrections + number)
        continue
      }
      write(select(running, correction, previous[number]), to: Slot.corrections + number)
      write(previous[number], to: Slot.corrections + count + number)
    }

    if let squaredNorm, let bound = regularization.clipNorm {
      let norm = input(.tensor(squaredNorm.reshaped(to: .scalar))).squareRoot
      let factor = input(.scalar(bound)) / (norm + .constant(Regularization.clipEpsilon))
      write(min(1, factor), to: Slot.clipFactor)
    }
    return Arena.update(targets, from: arguments)
  }

  /// Uncounts a step that was not applied.
  private func takeBackStep() {
    var targets = [Arena.Target(slots, at: Slot.step, shape: [1], to: .input(0) - .input(1))]
    var arguments: [Arena.Argument] = [
      .arena(slots, at: Slot.step, shape: [1]), .arena(slots, at: Slot.isRunning, shape: [1]),
    ]
    let count = rule.correctionCount
    for number in 0..<(rule.isRecurrent ? count : 0) {
      let position = Slot.corrections + number
      targets.append(.init(slots, at: position, shape: [1], to: .input(arguments.count)))
      arguments.append(.arena(slots, at: position + count, shape: [1]))
    }
    _ = Arena.update(targets, from: arguments)
  }

  /// Applies the rule to all parameters, in one launch over the arena.
  private func apply(_ gradient: Tensor) -> (any Error)? {
    let shape = settings.shape
    var arguments: [Arena.Argument] = []
    func input(_ argument: Arena.Argument) -> Expression {
      arguments.append(argument)
      return .input(arguments.count - 1)
    }
    func slot(_ position: Int) -> Expression { input(.arena(slots, at: position, shape: [1])) }
    /// A setting, or nil where it is the given number for all.
    func setting(_ path: KeyPath<ParameterSettings, Double>, unless usual: Double) -> Expression? {
      switch settings[path] {
      case .table(let table): input(.tensor(table))
      case .uniform(let value): value == usual ? nil : input(.scalar(value))
      }
    }
    let old = input(.arena(layout.arena, shape: shape))
    var gradient = clipped(input(.tensor(gradient.reshaped(to: shape))))
    let oldStates = states.map { input(.arena($0, shape: shape)) }
    var learningRate = slot(Slot.learningRate)
    let corrections = (0..<rule.correctionCount).map { slot(Slot.corrections + $0) }
    let ruleSettings = rule.settings.map { input(.scalar($0)) }
    var isUpdated = slot(Slot.isRunning)

    if regularization.clipNorm != nil { gradient = gradient * slot(Slot.clipFactor) }
    if let l1 = setting(\.l1, unless: 0) { gradient = gradient + l1 * old.sign }
    if let decay = setting(\.coupledDecay, unless: 0) { gradient = gradient + decay * old }
    if let factor = setting(\.learningRateFactor, unless: 1) {
      learningRate = learningRate * factor
    }
    var parameter = old
    if let decay = setting(\.decoupledDecay, unless: 0) {
      parameter = parameter * (1 - learningRate * decay)
    }
    if let share = setting(\.trainedShare, unless: 1) { isUpdated = isUpdated * share }

    let next = rule.update(
      Terms(
        parameter: parameter, gradient: gradient, states: oldStates, learningRate: learningRate,
        corrections: corrections, settings: ruleSettings))
    let targets =
      [Arena.Target(layout.arena, shape: shape, to: select(isUpdated, next.parameter, old))]
      + zip(zip(states, oldStates), next.states).map { state, new in
        Arena.Target(state.0, shape: shape, to: select(isUpdated, new, state.1))
      }
    return Arena.update(targets, from: arguments)
  }

  /// Scales rows of weights that are longer than they may be, in two launches for each weight.
  private func shortenRows() -> (any Error)? {
    for (parameter, settings) in zip(layout.parameters, settings.all) {
      guard settings.maxNorm.isFinite, let place = parameter.place, let shape = parameter.shape,
        shape.rank >= 2, shape.count > 0
      else { continue }
      let rows = Shape([shape[0], shape.count / shape[0]])
      // Its own statement, so that no tensor of the arena is held when that is written.
      let squares = sum(
        place.arena.tensor(at: place.offset, shape: rows), axes: [1], keepsDimensions: true
      ) { $0 * $0 }
      let (weight, norm) = (Expression.input(0), Expression.input(1).squareRoot)
      let (isRunning, bound) = (Expression.input(2), Expression.input(3))
      let failure = Arena.update(
        [
          .init(
            place.arena, at: place.offset, shape: rows,
            to: select(isRunning * (norm .> bound), weight * (bound / norm), weight))
        ],
        from: [
          .arena(place.arena, at: place.offset, shape: rows), .tensor(squares),
          .arena(slots, at: Slot.isRunning, shape: [1]), .scalar(settings.maxNorm),
        ])
      if let failure { return failure }
    }
    return nil
  }

  // MARK: - What can be asked

  /// The penalties that the gradients are of besides the loss, a scalar: Σ l1·|p| + λ/2·p², with λ
  /// the sum of L2 and coupled weight decay.
  ///
  /// Of the parameters as they are now. Losses that training reports are without it.
  public var penalty: Tensor {
    let parameters = layout.arena.whole.reshaped(to: settings.shape)
    func total(
      _ path: KeyPath<ParameterSettings, Double>, _ term: (Expression) -> Expression
    ) -> Tensor {
      switch settings[path] {
      case .table(let table): sum(parameters, table) { $1 * term($0) }
      case .uniform(let value): sum(parameters) { .constant(value) * term($0) }
      }
    }
    return total(\.l1) { $0.magnitude } + total(\.coupledDecay) { 0.5 * $0 * $0 }
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

  // MARK: - What is saved

  /// The corrections that the next step needs; nil where it makes them all anew.
  var savedCorrections: Tensor? {
    rule.isRecurrent
      ? slots.tensor(at: Slot.corrections, shape: [rule.correctionCount]) : nil
  }

  /// Goes on from a step that was made by another optimiser of the same rule.
  func restore(step: Int, corrections: Tensor?) {
    var failure = write(Double(step), to: Slot.step)
    if let corrections {
      failure =
        failure
        ?? Arena.update(
          [
            .init(
              slots, at: Slot.corrections, shape: [rule.correctionCount], to: .input(0))
          ], from: [.tensor(corrections)])
    }
    if let failure { slots.whole.fail(failure) }
  }
}
