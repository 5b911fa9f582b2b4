public import Compute

extension Optimizer {
  /// What an update is written in: one parameter's number, its gradient, and so on.
  public struct Terms {
    /// The parameter; with decoupled weight decay, after it has shrunk.
    public let parameter: Expression
    /// The gradient of the loss, clipped, with that of coupled penalties.
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
    /// What is computed once a step, from the step's number (1 for the first), the settings and what
    /// was computed in the step before.
    public typealias Corrections =
      @Sendable (
        _ step: Expression, _ settings: [Expression], _ previous: [Expression]
      ) -> [Expression]

    /// The names of the states, each as large as the parameters and zero at the start.
    public let states: [String]
    /// Numbers of the optimiser that do not change from step to step.
    public let settings: [Double]
    /// The new parameter and the new states.
    public let update: @Sendable (Terms) -> (parameter: Expression, states: [Expression])

    let correctionCount: Int
    /// Whether the corrections need those of the step before.
    let isRecurrent: Bool
    let corrections: Corrections

    /// Creates a rule.
    ///
    /// - Parameters:
    ///   - states: The names of the states.
    ///   - settings: Numbers that do not change from step to step.
    ///   - corrections: What is computed once a step, from the step's number and the settings.
    ///   - update: The new parameter and the new states.
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
      self.corrections = { step, settings, _ in corrections(step, settings) }
      self.update = update
      correctionCount = corrections(.input(0), settings.map { .constant($0) }).count
      isRecurrent = false
    }

    /// Creates a rule some of whose corrections are made from those of the step before, which are
    /// zero before the first.
    ///
    /// - Parameters:
    ///   - states: The names of the states.
    ///   - settings: Numbers that do not change from step to step.
    ///   - correctionCount: How many numbers `corrections` gives.
    ///   - corrections: What is computed once a step.
    ///   - update: The new parameter and the new states.
    public init(
      states: [String], settings: [Double], correctionCount: Int,
      corrections: @escaping Corrections,
      update: @escaping @Sendable (Terms) -> (parameter: Expression, states: [Expression])
    ) {
      self.states = states
      self.settings = settings
      self.correctionCount = correctionCount
      self.corrections = corrections
      self.update = update
      isRecurrent = true
    }
  }

  /// How weights shrink besides following their gradient.
  public struct WeightDecay: Sendable, Hashable {
    /// The factor λ.
    public var factor: Double
    /// Whether the parameter itself shrinks, p·(1 − learningRate·λ); else λ·p is added to its
    /// gradient, as that of the penalty λ/2·p² would be.
    public var isDecoupled: Bool

    /// No decay.
    public static let none = coupled(0)

    /// λ·p, added to the gradient.
    public static func coupled(_ factor: Double) -> WeightDecay {
      WeightDecay(factor: factor, isDecoupled: false)
    }

    /// p·(1 − learningRate·λ) before each step.
    ///
    /// Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
    public static func decoupled(_ factor: Double) -> WeightDecay {
      WeightDecay(factor: factor, isDecoupled: true)
    }
  }
}
