import Compute

/// What keeps weights and gradients small, with any optimiser.
///
/// In each update the loss's gradient is clipped, first by value and then by norm; the gradients of
/// the penalties are added to it; the optimiser's rule is applied; and then the rows of the weights
/// are brought back within the largest norm. The loss that training reports is without penalties,
/// so that runs with different ones can be compared; ``Optimizer/penalty`` tells them.
public struct Regularization: Sendable, Hashable {
  /// λ of the penalty λ·Σ|p|; at 0, where it has a kink, its gradient is 0.
  public var l1: Double
  /// λ of the penalty λ/2·Σp², whose gradient is λ·p.
  ///
  /// The same as coupled weight decay; with AdamW, which decouples its own, it is the coupled one.
  public var l2: Double
  /// The largest Euclidean norm of a unit's incoming weights, or nil.
  ///
  /// Units are the rows of parameters with two axes or more: of a weight [out, in…] each of the
  /// outputs. After an update a longer row is scaled to this length.
  ///
  /// Source: N. Srivastava, G. Hinton and others, "Dropout: a simple way to prevent neural networks
  /// from overfitting", JMLR 15, 2014, section 5.1.
  public var maxNorm: Double?
  /// The bound of each element of the gradient, or nil.
  public var clipValue: Double?
  /// The largest Euclidean norm c of all gradients together, or nil.
  ///
  /// Where the norm n is larger, all are multiplied by c / (n + 10⁻⁶), as in PyTorch.
  ///
  /// Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural
  /// networks", ICML 2013.
  public var clipNorm: Double?

  /// Nothing.
  public static let none = Regularization()

  /// Creates a choice of means; what is left out is not done.
  ///
  /// Traps on a negative penalty, and on a bound that is not above 0.
  public init(
    l1: Double = 0, l2: Double = 0, maxNorm: Double? = nil, clipValue: Double? = nil,
    clipNorm: Double? = nil
  ) {
    require(l1 >= 0 && l2 >= 0, "Regularization: l1 \(l1) and l2 \(l2) must be at least 0")
    for (name, bound) in [("maxNorm", maxNorm), ("clipValue", clipValue), ("clipNorm", clipNorm)] {
      require(
        bound.map { $0 > 0 } ?? true, "Regularization: \(name) \(bound ?? 0) must be above 0")
    }
    self.l1 = l1
    self.l2 = l2
    self.maxNorm = maxNorm
    self.clipValue = clipValue
    self.clipNorm = clipNorm
  }

  /// What is added to a sum of squares' root before it divides.
  static let clipEpsilon = 1e-6
}
