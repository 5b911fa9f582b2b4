public import Tensors

extension Initializer {
  /// By how much the deviation of weights is multiplied so that an activation keeps the variance of
  /// what runs through it.
  ///
  /// For sigmoid (1), tanh (5/3) and selu (3/4) the values that PyTorch's `calculate_gain` gives,
  /// which for these are chosen by experience. For any other, one's own included, it is 1/√E[f(z)²]
  /// for a normal z with mean 0 and variance 1: after such a layer the mean square is 1 again. This
  /// is the rest of PyTorch's table too: 1 for the identity, √2 for ReLU, √(2/(1 + slope²)) for
  /// leaky ReLU. The mean is taken numerically, to some 10⁻¹⁴ of it; it is NaN for an activation
  /// that is 0 everywhere, or whose square has no mean (of poles only those that 1/x has, or worse, are
  /// found).
  ///
  /// Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, section
  /// 2.2; G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, for selu.
  public static func gain(for activation: Activation) -> Double {
    switch activation.expression {
    case Activation.sigmoid.expression: 1
    case Activation.tanh.expression: 5.0 / 3
    case Activation.selu.expression: 3.0 / 4
    default:
      computedGain(meanSquare: activation.normalMean { $0 * $0 })
    }
  }

  private static func computedGain(meanSquare: Double) -> Double {
    meanSquare > 0 && meanSquare.isFinite ? 1 / meanSquare.squareRoot() : .nan
  }

  /// Normal with the variance that suits an activation: gain²/fan.
  public static func heNormal(for activation: Activation, mode: FanMode = .fanIn) -> Initializer {
    heNormal(gain: gain(for: activation), mode: mode)
  }

  /// Uniform with the variance that suits an activation: gain²/fan.
  public static func heUniform(for activation: Activation, mode: FanMode = .fanIn) -> Initializer {
    heUniform(gain: gain(for: activation), mode: mode)
  }
}
