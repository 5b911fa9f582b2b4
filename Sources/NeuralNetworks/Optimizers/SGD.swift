import Compute
import Tensors

/// Stochastic gradient descent, with momentum, Nesterov's form of it, and weight decay.
///
/// g = gradient + weightDecay·p; v = momentum·v + g; p = p − learningRate·v, or with Nesterov
/// p = p − learningRate·(g + momentum·v).
///
/// Source: I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and
/// momentum in deep learning", ICML 2013, in PyTorch's form.
public final class SGD: Optimizer {
  /// Creates the optimiser; traps when Nesterov's form is asked for without momentum.
  ///
  /// - Parameters:
  ///   - module: What is trained.
  ///   - learningRate: The factor of each step.
  ///   - momentum: The share of the last direction that is kept, 0..<1.
  ///   - isNesterov: Whether the gradient is looked up ahead.
  ///   - weightDecay: The factor of the parameter that is added to its gradient.
  ///   - regularization: Penalties, the largest norm of rows, clipping.
  ///   - groups: Settings of some of the parameters.
  public init(
    _ module: Module, learningRate: Double, momentum: Double = 0, isNesterov: Bool = false,
    weightDecay: Double = 0, regularization: Regularization = .none,
    groups: [ParameterGroup] = []
  ) {
    require(!isNesterov || momentum > 0, "SGD: Nesterov's form needs a momentum above 0")
    let hasMomentum = momentum != 0
    super.init(
      module, learningRate: learningRate, weightDecay: .coupled(weightDecay),
      regularization: regularization, groups: groups,
      rule: Rule(
        states: hasMomentum ? ["momentum_buffer"] : [], settings: hasMomentum ? [momentum] : []
      ) { terms in
        let gradient = terms.gradient
        guard hasMomentum else {
          return (terms.parameter - terms.learningRate * gradient, [])
        }
        let momentum = terms.settings[0]
        let velocity = momentum * terms.states[0] + gradient
        let direction = isNesterov ? gradient + momentum * velocity : velocity
        return (terms.parameter - terms.learningRate * direction, [velocity])
      })
  }
}
