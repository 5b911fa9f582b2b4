public import Compute
public import Tensors

/// Layers one after another.
///
///     let model = try Sequential(input: [64], seed: 7) { Linear(128); BatchNorm(); ReLU(); Linear(10) }
///
/// Parameters are named as in PyTorch, by the layer's number: `0.weight`, `1.running_mean`.
public final class Sequential: Module, Layer {
  /// The layers in order.
  public let layers: [any Layer]
  /// The shape of one example after each layer, once the model is built.
  public private(set) var outputShapes: [Shape] = []

  /// Creates a chain whose shapes are settled later, by ``build(input:)``.
  public init(_ layers: [any Layer]) { self.layers = layers }

  /// Creates a chain whose shapes are settled later, by ``build(input:)``.
  public convenience init(@LayerBuilder _ layers: () -> [any Layer]) { self.init(layers()) }

  /// Creates, builds and initialises a model.
  ///
  /// - Parameters:
  ///   - input: The shape of one example, without the batch axis.
  ///   - seed: Of the initial values.
  ///   - device: Where the parameters live.
  ///   - dtype: Of the parameters.
  ///   - layers: The layers.
  ///
  /// Throws ``ModelError`` that names the layer whose input does not fit.
  public convenience init(
    input: Shape, seed: UInt64, on device: Device = .current, dtype: DType = .float32,
    @LayerBuilder _ layers: () -> [any Layer]
  ) throws(ModelError) {
    self.init(layers())
    _ = try build(input: input)
    initialize(seed: seed, on: device, dtype: dtype)
  }

  /// The layers, by number.
  public override var namedContents: [(name: String, value: Any)] {
    layers.enumerated().map { ("\($0.offset)", $0.element) }
  }

  /// The layers' summaries.
  public override var summary: String {
    "Sequential(" + layers.map(\.summary).joined(separator: ", ") + ")"
  }

  /// Applies the layers in order; an activation in the launches of the layer before it, where that
  /// can be.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    var x = x
    var rest = layers[...]
    while let layer = rest.popFirst() {
      if let layer = layer as? any ActivationFusingLayer, let next = rest.first as? ActivationLayer
      {
        x = layer(x, then: next.activation)
        rest.removeFirst()
      } else {
        x = layer(x)
      }
    }
    return x
  }

  /// Builds the layers in order.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.isAddressable else {
      throw ModelError("an example of shape \(input) is more than memory can have")
    }
    var shape = input
    outputShapes = []
    for (index, layer) in layers.enumerated() {
      do throws(ModelError) {
        shape = try layer.build(input: shape)
        try checkMemory(of: layer, output: shape)
      } catch {
        throw error.inside(layer, named: "\(index)")
      }
      outputShapes.append(shape)
    }
    return shape
  }

  /// Throws where a layer's output or one of its parameters is beyond all memory, before anyone counts
  /// its elements.
  private func checkMemory(of layer: any Layer, output: Shape) throws(ModelError) {
    guard output.isAddressable else {
      throw ModelError("its output of shape \(output) is more than memory can have")
    }
    for (path, parameter) in layer.parameters {
      guard let shape = parameter.shape, !shape.isAddressable else { continue }
      throw ModelError("its parameter \(path) of shape \(shape) is more than memory can have")
    }
  }
}

/// Collects the layers of a model, with loops and conditions.
@resultBuilder
public enum LayerBuilder {
  /// A layer.
  public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
  /// An activation, as a layer.
  public static func buildExpression(_ activation: Activation) -> [any Layer] {
    [ActivationLayer(activation)]
  }
  /// Layers from an array.
  public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
  /// Layers in order.
  public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { parts.flatMap { $0 } }
  /// Layers that may be left out.
  public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
  /// One of two choices.
  public static func buildEither(first part: [any Layer]) -> [any Layer] { part }
  /// The other of two choices.
  public static func buildEither(second part: [any Layer]) -> [any Layer] { part }
  /// The layers of a loop.
  public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { parts.flatMap { $0 } }
}
