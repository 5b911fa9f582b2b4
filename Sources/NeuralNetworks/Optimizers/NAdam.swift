import Compute
import func Foundation.log
import Tensors

/// NAdam: Adam with Nesterov's momentum, which grows with the steps.
///
/// μₜ = β₁(1 − ½·0.96^(t·ψ)); m = β₁m + (1 − β₁)g; v = β₂v + (1 − β₂)g²;
/// p = p − learningRate · ((1 − μₜ)/(1 − Πᵢ₌₁ᵗ μᵢ) · g + μₜ₊₁/(1 − Πᵢ₌₁ᵗ⁺¹ μᵢ) · m) / (√v̂ + ε), where
/// v̂ = v / (1 − β₂ᵗ) at step t. Weight decay is added to the gradient, or decoupled as in ``AdamW``.
/// Defaults are PyTorch's.
///
/// Source: T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016, in PyTorch's
/// form.
public final class NAdam: Optimizer {
  /// Creates the optimiser.
  ///
  /// - Parameters:
  ///   - module: What is trained.
  ///   - learningRate: The factor of each step.
  ///   - beta1: The decay of the average gradient, 0..<1.
  ///   - beta2: The decay of the average square, 0..<1.
  ///   - epsilon: Added to the root of the average square.
  ///   - momentumDecay: ψ: how fast the momentum grows.
  ///   - weightDecay: The factor of weight decay.
  ///   - isDecoupled: Whether the parameter itself shrinks, rather than its gradient growing.
  ///   - regularization: Penalties, the largest norm of rows, clipping.
  ///   - groups: Settings of some of the parameters.
  public init(
    _ module: Module, learningRate: Double = 2e-3, beta1: Double = 0.9, beta2: Double = 0.999,
    epsilon: Double = 1e-8, momentumDecay: Double = 4e-3, weightDecay: Double = 0,
    isDecoupled: Bool = false, regularization: Regularization = .none,
    groups: [ParameterGroup] = []
  ) {
    // 1 − β and logarithms are formed in Float64 here: near 1 their float32 forms lose digits.
    super.init(
      module, learningRate: learningRate,
      weightDecay: .init(factor: weightDecay, isDecoupled: isDecoupled),
      regularization: regularization, groups: groups,
      rule: Rule(
        states: ["exp_avg", "exp_avg_sq"],
        settings: [
          beta1, 1 - beta1, beta2, 1 - beta2, epsilon, log(beta2), momentumDecay * log(0.96),
        ], correctionCount: 4,
        corrections: { step, settings, previous in
          func momentum(_ step: Expression) -> Expression {
            settings[0] * (1 - 0.5 * (step * settings[6]).exp)
          }
          let (now, next) = (momentum(step), momentum(step + 1))
          // 1 − Π μ, which starts with 0, without the product itself.
          let rest = (1 - now) + now * previous[0]
          let nextRest = (1 - next) + next * rest
          return [
            rest, (1 - now) / rest, next / nextRest, -(step * settings[5]).expMinusOne,
          ]
        },
        update: { terms in
          let settings = terms.settings
          let gradient = terms.gradient
          let mean = settings[0] * terms.states[0] + settings[1] * gradient
          let square = settings[2] * terms.states[1] + settings[3] * gradient * gradient
          let spread = (square / terms.corrections[3]).squareRoot + settings[4]
          let direction = terms.corrections[1] * gradient + terms.corrections[2] * mean
          return (
            terms.parameter - terms.learningRate * (direction / spread), [mean, square]
          )
        }))
  }
}
