import Compute
import NeuralNetworks
import Yams

/// The key `schedule`: how the learning rate changes while the model is trained.
struct ScheduleConfiguration {
  let schedule: Schedule
  /// The name, for people; nil where the learning rate does not change.
  var summary: String? { schedule.isConstant ? nil : "\(name) schedule" }

  private let name: String

  private enum Kind: String, CaseIterable {
    case constant
    case step
    case exponential
    case linear
    case cosine
    case oneCycle
    case reduceOnPlateau

    /// The setting that may be written alone, as `step: 5`.
    var shortKey: String? {
      switch self {
      case .constant: nil
      case .step: "every"
      case .exponential, .reduceOnPlateau: "factor"
      case .linear, .cosine, .oneCycle: "over"
      }
    }
  }

  /// What the field also calls them, in lower case, for suggestions.
  private static let synonyms = [
    "plateau": "reduceOnPlateau", "reducelronplateau": "reduceOnPlateau",
    "cosineannealing": "cosine", "warmup": "cosine", "onecyclelr": "oneCycle", "none": "constant",
    "multistep": "step", "decay": "exponential",
  ]

  init(_ section: ConfigurationSection, key: String) throws {
    let choice = try Choice(
      section.node(key) ?? Node(Kind.constant.rawValue), at: section.place(of: key),
      of: "a schedule", among: Kind.allCases.map(\.rawValue), synonyms: Self.synonyms)
    let (schedule, resolved) = try choice.settings(
      shortKey: Kind(rawValue: choice.name)?.shortKey
    ) { section in
      try Self.schedule(Kind(rawValue: choice.name) ?? .constant, section)
    }
    section.record(key, resolved)
    self.schedule = schedule
    name = choice.name
  }

  private static func schedule(_ kind: Kind, _ section: ConfigurationSection) throws -> Schedule {
    switch kind {
    case .constant:
      // Without a warm-up there is nothing to set, nor to say.
      guard section.node("warmUp") != nil else { return .constant }
      return try warmUp(.constant(unit: unit(section)), section)
    case .step:
      let length = try section.requiredValue("every", .number(.positive))
      let factor = try section.value("factor", .number(.share), default: 0.1)
      return try warmUp(.step(every: length, factor: factor, unit: unit(section)), section)
    case .exponential:
      let factor = try section.requiredValue("factor", .number(.share))
      return try warmUp(.exponential(factor: factor, unit: unit(section)), section)
    case .linear:
      let start = try section.value("from", .number(.nonNegative), default: 1)
      let end = try section.value("to", .number(.nonNegative), default: 0)
      let length = try length(section)
      return try warmUp(
        .linear(from: start, to: end, over: length, unit: unit(section)), section, over: length)
    case .cosine:
      let end = try section.value("to", .number(.nonNegative), default: 0)
      let length = try length(section)
      return try warmUp(
        .cosine(to: end, over: length, unit: unit(section)), section, over: length)
    case .oneCycle:
      let length = try length(section)
      let riseShare = try section.value("riseShare", .number(.share), default: 0.3)
      let start = try section.value("startDivisor", .number(.positive), default: 25)
      let final = try section.value("finalDivisor", .number(.positive), default: 1e4)
      return .oneCycle(
        over: length, riseShare: riseShare, startDivisor: start, finalDivisor: final,
        unit: try unit(section))
    case .reduceOnPlateau:
      let factor = try section.value("factor", .number(.fraction), default: 0.1)
      let patience = try section.value("patience", .wholeNumber(0...1_000_000), default: 10)
      let threshold = try section.value("threshold", .number(.fraction), default: 1e-4)
      let cooldown = try section.value("cooldown", .wholeNumber(0...1_000_000), default: 0)
      let minimum = try section.value("minimum", .number(.fraction), default: 0)
      return .reduceOnPlateau(
        factor: factor, patience: patience, threshold: threshold, cooldown: cooldown,
        minimum: minimum)
    }
  }

  private static func unit(_ section: ConfigurationSection) throws -> Schedule.Unit {
    let units = Schedule.Unit.allCases.map { (name: $0.rawValue, value: $0) }
    return try section.value("unit", .oneOf(units, name: \.rawValue), default: .epochs)
  }

  /// The length, which is the whole training where it is left out.
  private static func length(_ section: ConfigurationSection) throws -> Double? {
    try section.optionalValue("over", .number(.positive))
  }

  private static func warmUp(
    _ schedule: Schedule, _ section: ConfigurationSection, over whole: Double? = nil
  ) throws -> Schedule {
    guard let length = try section.optionalValue("warmUp", .number(.positive)) else {
      return schedule
    }
    if let whole, length >= whole {
      throw ConfigurationError(
        section.place(of: "warmUp"),
        "the warm-up of \(length) takes all of 'over', \(whole); expected a number below that")
    }
    let start = try section.value("warmUpFrom", .number(.fraction), default: 0.1)
    return schedule.warmingUp(for: length, from: start)
  }
}
