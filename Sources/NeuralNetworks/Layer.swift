public import Compute
public import Tensors

/// A module that maps a tensor to a tensor, and can learn its input's shape when a model is built.
public protocol Layer: Module {
  /// The layer's output for a batch.
  func callAsFunction(_ x: Tensor) -> Tensor

  /// Settles the shapes of the parameters from the input's, and gives the output's.
  ///
  /// Shapes are those of one example, without the batch axis. Throws ``ModelError`` when the
  /// input does not fit.
  func build(input: Shape) throws(ModelError) -> Shape
}

/// A model that does not fit together.
public struct ModelError: Error, Sendable, CustomStringConvertible {
  /// The layer's place in the model, such as `2 (BatchNorm)`; empty within the layer itself.
  public let layer: String
  /// What does not fit, with the shapes.
  public let problem: String
  /// The layer itself, once a model it stands in has seen the error.
  private let culprit: ObjectIdentifier?

  /// Creates an error.
  public init(_ problem: String, layer: String = "") {
    self.init(problem, layer: layer, culprit: nil)
  }

  private init(_ problem: String, layer: String, culprit: ObjectIdentifier?) {
    self.layer = layer
    self.problem = problem
    self.culprit = culprit
  }

  /// The same error, seen by the model in which a layer, or a block of layers, has a name.
  func inside(_ layer: any Layer, named name: String) -> ModelError {
    let place = "\(name) (\(type(of: layer)))"
    return ModelError(
      problem, layer: self.layer.isEmpty ? place : "\(place), \(self.layer)",
      culprit: culprit ?? ObjectIdentifier(layer))
  }

  /// Whether it is this layer that does not fit.
  package func isOf(_ layer: any Layer) -> Bool { culprit == ObjectIdentifier(layer) }

  /// The layer and what does not fit.
  public var description: String { layer.isEmpty ? problem : "layer \(layer): \(problem)" }
}

/// A layer that can apply an activation in its own launches.
protocol ActivationFusingLayer: Layer {
  /// What each output goes through.
  var activation: Activation { get }
  /// The output through an activation in place of the layer's own.
  func output(for x: Tensor, through activation: Activation) -> Tensor
}

extension ActivationFusingLayer {
  /// The activation of the layer's output.
  func callAsFunction(_ x: Tensor, then next: Activation) -> Tensor {
    activation.isIdentity ? output(for: x, through: next) : next(self(x))
  }
}
