public import Compute
public import Tensors

/// A fully connected layer: y = activation(x·Wᵀ + b).
///
/// x is `[…, in]`, y `[…, out]`; the weight is `[out, in]` and the bias `[out]`, as in PyTorch,
/// whose initial values they have unless told otherwise: uniform on ±1/√in.
public final class Linear: Module, ActivationFusingLayer, WeightedLayer {
  /// The matrix, `[out, in]`.
  @Parameter public var weight: Tensor
  /// The summands, `[out]`; nil where there are none.
  public let bias: Parameter?
  /// The number of outputs.
  public let outputCount: Int
  /// What each output goes through, in the same launch.
  public let activation: Activation

  /// Creates a layer that learns the number of its inputs when the model is built.
  public init(
    _ outputCount: Int, activation: Activation = .identity, hasBias: Bool = true,
    weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    self.outputCount = outputCount
    self.activation = activation
    _weight = Parameter(initializer: weight)
    self.bias = hasBias ? Parameter(shape: [outputCount], initializer: bias) : nil
  }

  /// Creates a layer of known numbers of inputs and outputs.
  public convenience init(
    _ inputCount: Int, _ outputCount: Int, activation: Activation = .identity,
    hasBias: Bool = true, weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    self.init(outputCount, activation: activation, hasBias: hasBias, weight: weight, bias: bias)
    setInputCount(inputCount)
  }

  /// The matrix, for what makes it of others.
  public var weightParameter: Parameter { $weight }

  /// `Linear(in, out)`.
  public override var summary: String {
    let inputs = $weight.shape.map { "\($0[1]), " } ?? ""
    return "Linear(\(inputs)\(outputCount)\(bias == nil ? ", no bias" : ""))"
  }

  /// The layer's output.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(for: x, through: activation) }

  func output(for x: Tensor, through activation: Activation) -> Tensor {
    linear(x, weight: weight, bias: bias?.value, activation: activation)
  }

  /// Takes the number of inputs from the last axis.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank >= 1 else {
      throw ModelError("Linear needs an input with at least one axis, not a scalar")
    }
    if let known = $weight.shape, known[1] != input[-1] {
      throw ModelError("Linear has \(known[1]) inputs, but its input has shape \(input)")
    }
    setInputCount(input[-1])
    return Shape(input.dimensions.dropLast() + [outputCount])
  }

  private func setInputCount(_ inputCount: Int) {
    $weight.shape = [outputCount, inputCount]
    let fans = Fans(fanIn: inputCount, fanOut: outputCount)
    $weight.fans = fans
    bias?.fans = fans
  }
}
