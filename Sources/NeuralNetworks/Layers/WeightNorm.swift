public import Compute
public import Tensors

/// A layer with a weight, the first axis of which are its units.
///
/// What ``WeightNorm`` takes. Of a transposed convolution the first axis are the inputs, and they
/// are what has a length and a direction each, as in PyTorch.
public protocol WeightedLayer: Layer {
  /// The weight, `[units, …]`.
  var weightParameter: Parameter { get }
}

extension Conv1D: WeightedLayer {
  /// The kernels, for what makes them of others.
  public var weightParameter: Parameter { $weight }
}

extension Conv2D: WeightedLayer {
  /// The kernels, for what makes them of others.
  public var weightParameter: Parameter { $weight }
}

extension ConvTranspose2D: WeightedLayer {
  /// The kernels, for what makes them of others.
  public var weightParameter: Parameter { $weight }
}

/// Weight normalisation: a layer whose weight is given by its length and its direction, unit by
/// unit: w = g · v / ‖v‖.
///
///     WeightNorm(Linear(64))
///     WeightNorm(Conv2D(16, kernel: 3))
///
/// The parameters take the place of the layer's weight under PyTorch's names `weight_g`
/// (`[units, 1, …]`) and `weight_v` (the weight's shape); files with the newer names
/// `parametrizations.weight.original0` and `original1` are understood too. v is drawn as the
/// layer's weight would be and g starts as ‖v‖, so that training begins where the plain layer's
/// would.
///
/// Source: T. Salimans, D. P. Kingma, "Weight normalization: a simple reparameterization to
/// accelerate training of deep neural networks", NeurIPS 2016, equations 2 and 3.
public final class WeightNorm: Module, ActivationFusingLayer {
  /// The layer whose weight is made.
  public let layer: any WeightedLayer
  /// The length of each unit's weights, `[units, 1, …]`.
  public let gain: Parameter
  /// The direction of each unit's weights, in the weight's shape; its length does not matter.
  public let direction: Parameter

  /// Under the root, so that a unit whose direction is zero has weights of zero; far below what
  /// rounding hides.
  private static let epsilon = 1e-30

  /// Wraps a layer, which must not have been initialised.
  public init(_ layer: any WeightedLayer) {
    self.layer = layer
    gain = Parameter(initializer: .ones)
    direction = Parameter(initializer: layer.weightParameter.initializer)
    super.init()
    settle()
  }

  /// Both parts of the weight, and what else the layer has.
  public override var namedContents: [(name: String, value: Any)] {
    let rest = layer.namedContents.filter { ($0.value as? Parameter) !== layer.weightParameter }
    return [("weight_g", gain), ("weight_v", direction)] + rest
  }

  override var synonyms: [String: String] {
    [
      "parametrizations.weight.original0": "weight_g",
      "parametrizations.weight.original1": "weight_v",
    ]
  }

  /// `WeightNorm(Linear(in, out))`.
  public override var summary: String { "WeightNorm(\(layer.summary))" }

  /// The weight, `[units, …]`.
  public var weight: Tensor {
    let direction = direction.value
    let units = direction.shape[0]
    let width = direction.count / max(units, 1)
    return normalize(
      direction,
      geometry: NormalizationGeometry(
        outer: 1, groups: units, inner: width, channels: units, channelStride: width),
      mode: .sumOfSquares, epsilon: Self.epsilon, scale: gain.value
    ).output
  }

  /// The layer's output with the weight.
  public func callAsFunction(_ x: Tensor) -> Tensor { withWeight { layer(x) } }

  var activation: Activation { fusingLayer?.activation ?? .identity }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    withWeight { fusingLayer?.output(for: x, through: activation) ?? activation(layer(x)) }
  }

  private var fusingLayer: (any ActivationFusingLayer)? { layer as? any ActivationFusingLayer }

  private func withWeight(_ body: () -> Tensor) -> Tensor {
    layer.weightParameter.substitute = weight
    defer { layer.weightParameter.substitute = nil }
    return body()
  }

  override func finishInitialization() {
    let direction = direction.value
    let axes = Array(1..<direction.rank)
    gain.assign((direction * direction).sum(axes: axes, keepsDimensions: true).squareRoot)
  }

  /// Builds the layer.
  public func build(input: Shape) throws(ModelError) -> Shape {
    let output = try layer.build(input: input)
    settle()
    return output
  }

  private func settle() {
    guard let shape = layer.weightParameter.shape else { return }
    direction.shape = shape
    direction.fans = layer.weightParameter.fans
    gain.shape = Shape([shape[0]] + [Int](repeating: 1, count: shape.rank - 1))
  }
}
