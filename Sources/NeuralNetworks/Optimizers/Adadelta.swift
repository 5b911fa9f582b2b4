import Compute
import Tensors

/// Adadelta: steps in the units of the parameter, from running averages of squared gradients and
/// squared steps.
///
/// v = ρv + (1 − ρ)g²; d = √(u + ε) / √(v + ε) · g; u = ρu + (1 − ρ)d²; p = p − learningRate·d, with
/// g = gradient + weightDecay·p. Defaults are PyTorch's.
///
/// Source: M. Zeiler, "ADADELTA: an adaptive learning rate method", arXiv 1212.5701, 2012.
public final class Adadelta: Optimizer {
  /// Creates the optimiser.
  ///
  /// - Parameters:
  ///   - module: What is trained.
  ///   - learningRate: The factor of each step; 1 in the paper.
  ///   - rho: The decay of both averages, 0..<1.
  ///   - epsilon: Added within both roots.
  ///   - weightDecay: The factor of the parameter that is added to its gradient.
  ///   - regularization: Penalties, the largest norm of rows, clipping.
  ///   - groups: Settings of some of the parameters.
  public init(
    _ module: Module, learningRate: Double = 1, rho: Double = 0.9, epsilon: Double = 1e-6,
    weightDecay: Double = 0, regularization: Regularization = .none,
    groups: [ParameterGroup] = []
  ) {
    super.init(
      module, learningRate: learningRate, weightDecay: .coupled(weightDecay),
      regularization: regularization, groups: groups,
      rule: Rule(states: ["square_avg", "acc_delta"], settings: [rho, 1 - rho, epsilon]) { terms in
        let (rho, rest, epsilon) = (terms.settings[0], terms.settings[1], terms.settings[2])
        let gradient = terms.gradient
        let square = rho * terms.states[0] + rest * gradient * gradient
        let step =
          (terms.states[1] + epsilon).squareRoot / (square + epsilon).squareRoot * gradient
        let stepSquare = rho * terms.states[1] + rest * step * step
        return (terms.parameter - terms.learningRate * step, [square, stepSquare])
      })
  }
}
