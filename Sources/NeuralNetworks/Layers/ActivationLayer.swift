public import Compute
public import Tensors

/// An activation as a layer; in a model's list the activation itself may stand for it.
open class ActivationLayer: Module, Layer {
  /// The function of each element.
  public let activation: Activation

  /// Creates the layer of an activation.
  public init(_ activation: Activation) { self.activation = activation }

  /// The activation's name.
  open override var summary: String { activation.name }

  /// The activation of each element.
  public func callAsFunction(_ x: Tensor) -> Tensor { activation(x) }

  /// Takes any shape, and keeps it.
  public func build(input: Shape) throws(ModelError) -> Shape { input }
}

// MARK: - The layers that PyTorch has, by name

/// max(0, x) as a layer.
public final class ReLU: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.relu) }
}

/// x held between 0 and 6 as a layer.
public final class ReLU6: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.relu6) }
}

/// The scaled exponential linear unit as a layer.
public final class SELU: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.selu) }
}

/// 1 / (1 + e⁻ˣ) as a layer.
public final class Sigmoid: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.sigmoid) }
}

/// x/6 + ½ held between 0 and 1 as a layer.
public final class HardSigmoid: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.hardSigmoid) }
}

/// The hyperbolic tangent as a layer.
public final class Tanh: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.tanh) }
}

/// x held between −1 and 1 as a layer.
public final class HardTanh: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.hardTanh) }
}

/// x / (1 + |x|) as a layer.
public final class Softsign: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.softsign) }
}

/// log(1 + eˣ) as a layer.
public final class Softplus: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.softplus) }
}

/// x·σ(x) as a layer.
public final class SiLU: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.silu) }
}

/// x·(x/6 + ½), the factor held between 0 and 1, as a layer.
public final class HardSwish: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.hardSwish) }
}

/// x·Φ(x) as a layer.
public final class GELU: ActivationLayer {
  /// Creates the layer, with Φ itself or with its approximation by tanh.
  public init(approximatesByTanh: Bool = false) {
    super.init(approximatesByTanh ? .geluTanh : .gelu)
  }
}

/// x·tanh(log(1 + eˣ)) as a layer.
public final class Mish: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.mish) }
}

/// x above 0 and slope·x below, as a layer.
public final class LeakyReLU: ActivationLayer {
  /// Creates the layer.
  public init(slope: Double = 0.01) { super.init(.leakyReLU(slope: slope)) }
}

/// x above 0 and α(eˣ − 1) below, as a layer.
public final class ELU: ActivationLayer {
  /// Creates the layer.
  public init(alpha: Double = 1) { super.init(.elu(alpha: alpha)) }
}

/// x above 0 and α(e^(x/α) − 1) below, as a layer.
public final class CELU: ActivationLayer {
  /// Creates the layer; traps unless α > 0.
  public init(alpha: Double = 1) { super.init(.celu(alpha: alpha)) }
}
