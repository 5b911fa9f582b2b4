public import Compute

/// Settings of some of a module's parameters, in place of the optimiser's.
///
///     let optimizer = AdamW(
///       model, groups: [
///         ParameterGroup("*.bias", weightDecay: 0),
///         ParameterGroup("trunk.*", learningRateFactor: 0.1),
///         ParameterGroup("embedding.weight", isFrozen: true),
///         ParameterGroup(where: { _, shape in shape.rank == 1 }, weightDecay: 0),
///       ])
///
/// Where groups share a parameter, the later one's settings count; what a group leaves nil stays as
/// it was. An update is one launch all the same: settings that differ lie in a table in device
/// memory.
public struct ParameterGroup: Sendable {
  /// What chooses the parameters, for errors.
  public let name: String
  /// The factor of the learning rate.
  public var learningRateFactor: Double?
  /// The factor of weight decay, coupled or decoupled as the optimiser has it.
  public var weightDecay: Double?
  /// The factor of the L1 penalty.
  public var l1: Double?
  /// The factor of the L2 penalty.
  public var l2: Double?
  /// The largest norm of a row; `.infinity` for none.
  public var maxNorm: Double?
  /// Whether the parameters stay as they are; then they have no part in the gradients' norm either.
  public var isFrozen: Bool?

  private let isMember: @Sendable (_ path: String, _ shape: Shape) -> Bool

  /// Chooses parameters by their path, such as `2.weight`, with a pattern: `*` stands for any run of
  /// characters, dots included, and `?` for one.
  public init(
    _ pattern: String, learningRateFactor: Double? = nil, weightDecay: Double? = nil,
    l1: Double? = nil, l2: Double? = nil, maxNorm: Double? = nil, isFrozen: Bool? = nil
  ) {
    let pattern_ = Array(pattern)
    self.init(
      named: "'\(pattern)'", where: { path, _ in Self.matches(pattern_[...], Array(path)[...]) },
      learningRateFactor: learningRateFactor, weightDecay: weightDecay, l1: l1, l2: l2,
      maxNorm: maxNorm, isFrozen: isFrozen)
  }

  /// Chooses parameters by a function of their path and shape.
  public init(
    named name: String = "of a function",
    where contains: @escaping @Sendable (_ path: String, _ shape: Shape) -> Bool,
    learningRateFactor: Double? = nil, weightDecay: Double? = nil, l1: Double? = nil,
    l2: Double? = nil, maxNorm: Double? = nil, isFrozen: Bool? = nil
  ) {
    self.name = name
    isMember = contains
    self.learningRateFactor = learningRateFactor
    self.weightDecay = weightDecay
    self.l1 = l1
    self.l2 = l2
    self.maxNorm = maxNorm
    self.isFrozen = isFrozen
  }

  /// Whether some parameter of a built module is in the group.
  public func matches(_ module: Module) -> Bool {
    module.parameters.contains { isMember($0.key, $0.value.shape ?? .scalar) }
  }

  func contains(_ parameter: Parameter) -> Bool {
    isMember(parameter.path, parameter.shape ?? .scalar)
  }

  /// Whether a pattern matches a whole text.
  private static func matches(
    _ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>
  ) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    let rest = pattern.dropFirst()
    if first == "*" {
      return (text.startIndex...text.endIndex).contains { matches(rest, text[$0...]) }
    }
    guard let next = text.first, first == "?" || first == next else { return false }
    return matches(rest, text.dropFirst())
  }
}

/// What an update does to one parameter.
struct ParameterSettings: Hashable {
  var learningRateFactor = 1.0
  /// λ of L1.
  var l1 = 0.0
  /// λ of all that is coupled: L2, and weight decay unless it is decoupled.
  var coupledDecay = 0.0
  /// λ of decoupled weight decay.
  var decoupledDecay = 0.0
  var maxNorm = Double.infinity
  var isTrained = true

  /// The settings of a parameter, from the optimiser's and those of the groups that it is in.
  init(
    of parameter: Parameter, decay: Optimizer.WeightDecay, _ regularization: Regularization,
    _ groups: [ParameterGroup]
  ) {
    let groups = groups.filter { $0.contains(parameter) }
    func last<Value>(_ setting: KeyPath<ParameterGroup, Value?>) -> Value? {
      groups.compactMap { $0[keyPath: setting] }.last
    }
    let factor = last(\.weightDecay) ?? decay.factor
    learningRateFactor = last(\.learningRateFactor) ?? 1
    isTrained = !(last(\.isFrozen) ?? false)
    guard isTrained else { return }
    l1 = last(\.l1) ?? regularization.l1
    coupledDecay = (last(\.l2) ?? regularization.l2) + (decay.isDecoupled ? 0 : factor)
    decoupledDecay = decay.isDecoupled ? factor : 0
    maxNorm = last(\.maxNorm) ?? regularization.maxNorm ?? .infinity
  }
}
