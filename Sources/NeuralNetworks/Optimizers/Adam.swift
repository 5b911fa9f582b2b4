import Compute
import func Foundation.log
import Tensors

/// Adam: each parameter's step is scaled by running averages of its gradient and its square.
///
/// m = β₁m + (1 − β₁)g; v = β₂v + (1 − β₂)g²; p = p − learningRate · m̂ / (√v̂ + ε), where
/// m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) at step t. Weight decay is added to the gradient. In the
/// form AMSGrad the largest v so far takes the place of v in v̂.
///
/// Source: D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1;
/// AMSGrad: S. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond", ICLR 2018, in
/// PyTorch's form.
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
  ///   - isAMSGrad: Whether steps are divided by the root of the largest average so far.
  ///   - regularization: Penalties, the largest norm of rows, clipping.
  ///   - groups: Settings of some of the parameters.
  public init(
    _ module: Module, learningRate: Double = 1e-3, beta1: Double = 0.9, beta2: Double = 0.999,
    epsilon: Double = 1e-8, weightDecay: Double = 0, isAMSGrad: Bool = false,
    regularization: Regularization = .none, groups: [ParameterGroup] = []
  ) {
    super.init(
      module, learningRate: learningRate, weightDecay: .coupled(weightDecay),
      regularization: regularization, groups: groups,
      rule: .adam(beta1, beta2, epsilon, isAMSGrad: isAMSGrad))
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
    epsilon: Double = 1e-8, weightDecay: Double = 0.01, isAMSGrad: Bool = false,
    regularization: Regularization = .none, groups: [ParameterGroup] = []
  ) {
    super.init(
      module, learningRate: learningRate, weightDecay: .decoupled(weightDecay),
      regularization: regularization, groups: groups,
      rule: .adam(beta1, beta2, epsilon, isAMSGrad: isAMSGrad))
  }
}

extension Optimizer.Rule {
  /// Adam's rule.
  fileprivate static func adam(
    _ beta1: Double, _ beta2: Double, _ epsilon: Double, isAMSGrad: Bool
  ) -> Optimizer.Rule {
    // 1 − β and log β are formed in Float64 here: near 1 their float32 forms lose digits.
    Optimizer.Rule(
      states: ["exp_avg", "exp_avg_sq"] + (isAMSGrad ? ["max_exp_avg_sq"] : []),
      settings: [beta1, 1 - beta1, beta2, 1 - beta2, epsilon, log(beta1), log(beta2)],
      corrections: { step, settings in
        // 1 − βᵗ is formed without cancellation while t is small. What each element would be
        // divided by is divided by here, once.
        [
          1 / -(step * settings[5]).expMinusOne,
          (-(step * settings[6]).expMinusOne).reciprocalSquareRoot,
        ]
      },
      update: { terms in
        let settings = terms.settings
        let gradient = terms.gradient
        let mean = settings[0] * terms.states[0] + settings[1] * gradient
        let square = settings[2] * terms.states[1] + settings[3] * gradient * gradient
        let largest = isAMSGrad ? max(terms.states[2], square) : square
        let correction = terms.corrections
        let spread = largest.squareRoot * correction[1] + settings[4]
        let rate = terms.learningRate * correction[0]
        return (
          terms.parameter - rate * (mean / spread),
          [mean, square] + (isAMSGrad ? [largest] : [])
        )
      })
  }
}
