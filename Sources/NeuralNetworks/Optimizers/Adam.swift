import Compute
import func Foundation.log
import Tensors

/// Adam: each parameter's step is scaled by running averages of its gradient and its square.
///
/// m = β₁m + (1 − β₁)g; v = β₂v + (1 − β₂)g²; p = p − learningRate · m̂ / (√v̂ + ε), where
/// m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) at step t. Weight decay is added to the gradient.
///
/// Source: D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
public final class Adam: Optimizer {
  /// Creates the optimiser.
  ///
  /// - Parameters:
  ///   - module: What is trained.
  ///   - learningRate: The factor of each step.
  ///   - beta1: The decay of the average gradient, 0..<1.
  ///   - beta2: The decay of the average square, 0..<1.
  ///   - epsilon: Added to the root of the average square.
  ///   - weightDecay: The factor of the parameter that is added to its gradient.
  public init(
    _ module: Module, learningRate: Double = 1e-3, beta1: Double = 0.9, beta2: Double = 0.999,
    epsilon: Double = 1e-8, weightDecay: Double = 0
  ) {
    super.init(
      module, learningRate: learningRate,
      rule: .adam(beta1, beta2, epsilon, weightDecay) { parameter, _, _ in parameter })
  }
}

/// Adam with decoupled weight decay: the parameter itself shrinks, whatever its gradient.
///
/// p = p · (1 − learningRate·weightDecay) before the step of ``Adam``.
///
/// Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019,
/// algorithm 2.
public final class AdamW: Optimizer {
  /// Creates the optimiser; the settings are those of ``Adam``.
  public init(
    _ module: Module, learningRate: Double = 1e-3, beta1: Double = 0.9, beta2: Double = 0.999,
    epsilon: Double = 1e-8, weightDecay: Double = 0.01
  ) {
    super.init(
      module, learningRate: learningRate,
      rule: .adam(beta1, beta2, epsilon, weightDecay, isDecoupled: true) {
        parameter, learningRate, weightDecay in
        parameter * (1 - learningRate * weightDecay)
      })
  }
}

extension Optimizer.Rule {
  /// Adam's rule; `shrink` gives what the step starts from.
  fileprivate static func adam(
    _ beta1: Double, _ beta2: Double, _ epsilon: Double, _ weightDecay: Double,
    isDecoupled: Bool = false,
    shrink:
      @escaping @Sendable (
        _ parameter: Expression, _ learningRate: Expression, _ weightDecay: Expression
      ) -> Expression
  ) -> Optimizer.Rule {
    // 1 − β and log β are formed in Float64 here: near 1 their float32 forms lose digits.
    Optimizer.Rule(
      states: ["exp_avg", "exp_avg_sq"],
      settings: [
        beta1, 1 - beta1, beta2, 1 - beta2, epsilon, weightDecay, log(beta1), log(beta2),
      ],
      corrections: { step, settings in
        // 1 − βᵗ, without cancellation while t is small.
        [-(step * settings[6]).expMinusOne, -(step * settings[7]).expMinusOne]
      },
      update: { terms in
        let settings = terms.settings
        let gradient =
          isDecoupled ? terms.gradient : terms.gradient + settings[5] * terms.parameter
        let mean = settings[0] * terms.states[0] + settings[1] * gradient
        let square = settings[2] * terms.states[1] + settings[3] * gradient * gradient
        let correction = terms.corrections
        let spread = (square / correction[1]).squareRoot + settings[4]
        let start = shrink(terms.parameter, terms.learningRate, settings[5])
        return (start - terms.learningRate * (mean / correction[0]) / spread, [mean, square])
      })
  }
}
