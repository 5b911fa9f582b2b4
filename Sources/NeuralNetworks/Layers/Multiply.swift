public import Compute
public import Tensors

/// Units that are products of weighted features: y_j = activation(Π_i (w_ji · x_i + b_ji)).
///
/// x is `[…, in]`, y `[…, out]`; weight and bias are `[out, in]`. A weighted sum sees each feature
/// by itself; a product sees how they act together, such as an area, a probability of independent
/// events, or x·y of the exclusive or. A factor of its own offset lets a unit leave a feature out
/// (w = 0, b = 1) or take it as it is (w = 1, b = 0), where the plain product Π w_ji · x_i would be
/// the same for all units but for one number each.
///
/// Weights start uniform on ±1/√in and offsets at 1, so that a unit starts as
/// 1 + Σ w_ji · x_i + …, of the order of 1 whatever the number of features. The product is taken
/// pair by pair and never divided by a factor, so that gradients are exact where factors are zero:
/// ∂y_j/∂w_ji = x_i · Π_{k≠i} (w_jk · x_k + b_jk). Memory: n · out · in factors.
///
/// Source: product units are R. Durbin, D. E. Rumelhart, "Product units: a computationally powerful
/// and biologically plausible extension to backpropagation networks", Neural Computation 1, 1989;
/// the form with weights as factors instead of exponents, which takes features of either sign, is
/// the pi unit of Y. Shin, J. Ghosh, "The pi-sigma network", IJCNN 1991, with a single feature in
/// each of its sums.
public final class Multiply: Module, Layer {
  /// What each feature is multiplied by, `[out, in]`.
  @Parameter public var weight: Tensor
  /// What is added to each weighted feature, `[out, in]`.
  @Parameter public var bias: Tensor
  /// The number of outputs.
  public let outputCount: Int
  /// What each output goes through.
  public let activation: Activation

  /// Creates a layer that learns the number of its inputs when the model is built.
  public init(
    _ outputCount: Int, activation: Activation = .identity,
    weight: Initializer = .torchLinear(), bias: Initializer = .ones
  ) {
    self.outputCount = outputCount
    self.activation = activation
    _weight = Parameter(initializer: weight)
    _bias = Parameter(initializer: bias)
  }

  /// `Multiply(in, out)`.
  public override var summary: String {
    "Multiply(\($weight.shape.map { "\($0[1]), " } ?? "")\(outputCount))"
  }

  /// The products; traps when the input has another number of features.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    require(
      x.rank >= 1 && x.shape[-1] == $weight.shape?[1],
      "\(place): the input has shape \(x.shape), not […, in]")
    let factors = fused([x.expandingShape(at: -2), weight, bias]) { $0[1] * $0[0] + $0[2] }
    return activation(product(factors))
  }

  /// The product along the last axis, half by half.
  private func product(_ factors: Tensor) -> Tensor {
    var rest = factors
    var odd: Tensor?
    while rest.shape[-1] > 1 {
      let half = rest.shape[-1] / 2
      if rest.shape[-1] % 2 == 1 {
        let last = rest.slice(axis: -1, (2 * half)..<(2 * half + 1))
        odd = odd.map { $0 * last } ?? last
      }
      rest = rest.slice(axis: -1, 0..<half) * rest.slice(axis: -1, half..<(2 * half))
    }
    let product = odd.map { rest * $0 } ?? rest
    return product.reshaped(to: product.shape.dropping(axes: [-1]))
  }

  /// Takes the number of features from the last axis.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank >= 1, input[-1] >= 1 else {
      throw ModelError("Multiply needs an input with at least one feature, not of shape \(input)")
    }
    if let known = $weight.shape, known[1] != input[-1] {
      throw ModelError("Multiply has \(known[1]) inputs, but its input has shape \(input)")
    }
    for parameter in [$weight, $bias] {
      parameter.shape = [outputCount, input[-1]]
      parameter.fans = Fans(fanIn: input[-1], fanOut: outputCount)
    }
    return Shape(input.dimensions.dropLast() + [outputCount])
  }
}
