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

/// max(0, x) as a layer.
public final class ReLU: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.relu) }
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

/// 1 / (1 + e⁻ˣ) as a layer.
public final class Sigmoid: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.sigmoid) }
}

/// The hyperbolic tangent as a layer.
public final class Tanh: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.tanh) }
}

/// log(1 + eˣ) as a layer.
public final class Softplus: ActivationLayer {
  /// Creates the layer.
  public init() { super.init(.softplus) }
}
