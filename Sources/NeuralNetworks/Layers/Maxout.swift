public import Compute
public import Tensors

/// A fully connected layer whose units are each the largest of k linear pieces:
/// yⱼ = max over i of (x·Wᵀ + b)ⱼₖ₊ᵢ.
///
/// x is `[…, in]`, y `[…, units]`; the weight is `[units · k, in]` and the bias `[units · k]`, the
/// pieces of a unit in consecutive rows: k times the parameters of a ``Linear``. With enough pieces
/// a unit is any convex function of its inputs.
///
/// Source: I. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville, Y. Bengio, "Maxout networks",
/// ICML 2013, section 3.
public final class Maxout: Module, Layer {
  /// The matrix, `[units · pieces, in]`.
  @Parameter public var weight: Tensor
  /// The summands, `[units · pieces]`; nil where there are none.
  public let bias: Parameter?
  /// The number of outputs.
  public let outputCount: Int
  /// The number of linear pieces of each unit.
  public let pieces: Int

  /// Creates a layer that learns the number of its inputs when the model is built.
  ///
  /// Traps without units or pieces.
  public init(
    _ outputCount: Int, pieces: Int = 2, hasBias: Bool = true,
    weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    require(
      outputCount >= 1 && pieces >= 1,
      "Maxout: \(outputCount) units of \(pieces) pieces; expected at least one of each")
    self.outputCount = outputCount
    self.pieces = pieces
    _weight = Parameter(initializer: weight)
    self.bias = hasBias ? Parameter(shape: [outputCount * pieces], initializer: bias) : nil
  }

  /// Creates a layer of known numbers of inputs and outputs.
  public convenience init(
    _ inputCount: Int, _ outputCount: Int, pieces: Int = 2, hasBias: Bool = true,
    weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    self.init(outputCount, pieces: pieces, hasBias: hasBias, weight: weight, bias: bias)
    setInputCount(inputCount)
  }

  /// `Maxout(in, out, k pieces)`.
  public override var summary: String {
    let inputs = $weight.shape.map { "\($0[1]), " } ?? ""
    return "Maxout(\(inputs)\(outputCount), \(pieces) pieces\(bias == nil ? ", no bias" : ""))"
  }

  /// The largest piece of each unit.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    maxout(linear(x, weight: weight, bias: bias?.value), pieces: pieces)
  }

  /// Takes the number of inputs from the last axis.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank >= 1 else {
      throw ModelError("Maxout needs an input with at least one axis, not a scalar")
    }
    if let known = $weight.shape, known[1] != input[-1] {
      throw ModelError("Maxout has \(known[1]) inputs, but its input has shape \(input)")
    }
    setInputCount(input[-1])
    return Shape(input.dimensions.dropLast() + [outputCount])
  }

  private func setInputCount(_ inputCount: Int) {
    $weight.shape = [outputCount * pieces, inputCount]
    // A gradient comes back through one piece of each unit.
    let fans = Fans(fanIn: inputCount, fanOut: outputCount)
    $weight.fans = fans
    bias?.fans = fans
  }
}
