import Compute
import Tensors

/// Adagrad: each parameter's step is divided by the root of the sum of all its squared gradients.
///
/// s = s + g²; p = p − learningRate / (1 + (t − 1)·learningRateDecay) · g / (√s + ε) at step t, with
/// g = gradient + weightDecay·p. Defaults are PyTorch's.
///
/// Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and
/// stochastic optimization", JMLR 12, 2011.
public final class Adagrad: Optimizer {
  /// Creates the optimiser.
  ///
  /// - Parameters:
  ///   - module: What is trained.
  ///   - learningRate: The factor of each step.
  ///   - learningRateDecay: How fast the factor falls with the steps.
  ///   - initialAccumulator: What the sum of squares starts with.
  ///   - epsilon: Added to the root of the sum.
  ///   - weightDecay: The factor of the parameter that is added to its gradient.
  ///   - regularization: Penalties, the largest norm of rows, clipping.
  ///   - groups: Settings of some of the parameters.
  public init(
    _ module: Module, learningRate: Double = 1e-2, learningRateDecay: Double = 0,
    initialAccumulator: Double = 0, epsilon: Double = 1e-10, weightDecay: Double = 0,
    regularization: Regularization = .none, groups: [ParameterGroup] = []
  ) {
    super.init(
      module, learningRate: learningRate, weightDecay: .coupled(weightDecay),
      regularization: regularization, groups: groups,
      rule: Rule(
        states: ["sum"], settings: [initialAccumulator, epsilon, learningRateDecay],
        corrections: { step, settings in [1 + (step - 1) * settings[2]] },
        update: { terms in
          let sum = terms.states[0] + terms.gradient * terms.gradient
          let spread = (sum + terms.settings[0]).squareRoot + terms.settings[1]
          let rate = terms.learningRate / terms.corrections[0]
          return (terms.parameter - rate * (terms.gradient / spread), [sum])
        }))
  }
}
