import Compute
import Tensors

/// RMSProp: each parameter's step is divided by the root of a running average of its squared
/// gradients.
///
/// v = αv + (1 − α)g²; d = g / (√v + ε); p = p − learningRate·d, with g = gradient + weightDecay·p.
/// Centred, the average gradient a = αa + (1 − α)g is taken off: √(v − a²), the standard deviation.
/// With momentum, b = momentum·b + d takes the place of d. Defaults are PyTorch's.
///
/// Source: T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp", Coursera, 2012; centred: A. Graves,
/// "Generating sequences with recurrent neural networks", arXiv 1308.0850, 2013.
public final class RMSProp: Optimizer {
  /// Creates the optimiser.
  ///
  /// - Parameters:
  ///   - module: What is trained.
  ///   - learningRate: The factor of each step.
  ///   - alpha: The decay of the averages, 0..<1.
  ///   - epsilon: Added to the root.
  ///   - momentum: The share of the last direction that is kept, 0..<1.
  ///   - isCentered: Whether the squares are taken about the average gradient.
  ///   - weightDecay: The factor of the parameter that is added to its gradient.
  ///   - regularization: Penalties, the largest norm of rows, clipping.
  ///   - groups: Settings of some of the parameters.
  public init(
    _ module: Module, learningRate: Double = 1e-2, alpha: Double = 0.99, epsilon: Double = 1e-8,
    momentum: Double = 0, isCentered: Bool = false, weightDecay: Double = 0,
    regularization: Regularization = .none, groups: [ParameterGroup] = []
  ) {
    let hasMomentum = momentum != 0
    super.init(
      module, learningRate: learningRate, weightDecay: .coupled(weightDecay),
      regularization: regularization, groups: groups,
      rule: Rule(
        states: ["square_avg"] + (isCentered ? ["grad_avg"] : [])
          + (hasMomentum ? ["momentum_buffer"] : []),
        settings: [alpha, 1 - alpha, epsilon, momentum]
      ) { terms in
        let (alpha, rest) = (terms.settings[0], terms.settings[1])
        let gradient = terms.gradient
        let square = alpha * terms.states[0] + rest * gradient * gradient
        var states = [square]
        var variance = square
        if isCentered {
          let average = alpha * terms.states[1] + rest * gradient
          states.append(average)
          // Rounding may bring a variance of nothing below 0.
          variance = max(square - average * average, 0)
        }
        var direction = gradient / (variance.squareRoot + terms.settings[2])
        if hasMomentum {
          direction = terms.settings[3] * terms.states[states.count] + direction
          states.append(direction)
        }
        return (terms.parameter - terms.learningRate * direction, states)
      })
  }
}
