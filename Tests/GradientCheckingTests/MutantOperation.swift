import Compute
import GradientChecking
import Synchronization
import Tensors

/// Functions whose gradients are wrong, each in a way in which gradients have been wrong.
enum MutantOperation: String, OperationFamily {
  case wrongSign, wrongSignBelowZero, missingFactor, offByAMillionth, forgottenPath, missing
  case ignoredCotangent, squaredCotangent, cotangentReadInAnotherLayout
  case tanhGradientOfErfGELU, sixDigitsOfRootTwoOverPi, sixDigitsOfTwoOverRootPi
  case transposed, otherInput, broadcastNotSummed, varianceHeldConstant, lastElement
  case anotherDropoutMask, stateful, otherValueWhenDifferentiated, notANumber

  /// Where the gradient is wrong: the start of what a report says of it.
  var place: String {
    switch self {
    case .lastElement: "gradient of input 0 at [256]"
    case .otherInput, .broadcastNotSummed, .transposed: "gradient of input 0 at ["
    case .notANumber: "the gradient of input 0 is not zero for a zero cotangent"
    case .cotangentReadInAnotherLayout:
      "the gradient of input 0 depends on how the cotangent lies in memory"
    case .stateful: "two evaluations give two values"
    case .otherValueWhenDifferentiated: "the value is another when it is being differentiated"
    default: "gradient of input 0"
    }
  }

  func samples(_ source: inout SampleSource) -> [OperationSample] {
    let plant = plant
    return [OperationSample(plant.inputs, function: plant.wrong)]
  }

  fileprivate var plant: Plant {
    switch self {
    case .wrongSign:
      Plant([.init([3, 17])]) {
        $0.exp
      } wrong: { _, y, c in
        -y * c
      } right: { _, y, c in
        y * c
      }
    case .wrongSignBelowZero:
      Plant([.init([65], .awayFromZero)]) {
        $0.magnitude
      } wrong: { _, _, c in
        c
      } right: { x, _, c in
        x.sign * c
      }
    case .missingFactor:
      Plant([.init([3, 17])]) {
        $0 * $0
      } wrong: { x, _, c in
        x * c
      } right: { x, _, c in
        2.0 * x * c
      }
    case .offByAMillionth:
      Plant([.init([3, 17])]) {
        $0.sin
      } wrong: { x, _, c in
        x.cos * c * (1 + 1e-6)
      } right: { x, _, c in
        x.cos * c
      }
    case .forgottenPath:
      Plant([.init([33])]) {
        $0[0] * $0[0].detached
      } right: {
        $0[0] * $0[0]
      }
    case .missing:
      Plant([.init([33])]) {
        $0[0].detached.sin
      } right: {
        $0[0].sin
      }
    case .ignoredCotangent:
      Plant([.init([3, 17])]) {
        $0.sin
      } wrong: { x, _, _ in
        x.cos
      } right: { x, _, c in
        x.cos * c
      }
    case .squaredCotangent:
      Plant([.init([3, 17])]) {
        $0 * 2.0
      } wrong: { _, _, c in
        2.0 * c * c
      } right: { _, _, c in
        2.0 * c
      }
    case .cotangentReadInAnotherLayout:
      Plant([.init([3, 17])]) {
        $0 * 2.0
      } wrong: { _, _, c in
        c.isContiguous ? 2.0 * c : 2.0 * c.slice(axis: 0, 0..<1).broadcast(to: c.shape)
      } right: { _, _, c in
        2.0 * c
      }
    case .tanhGradientOfErfGELU:
      .gelu(erfGELU, wrong: tanhGELU(exactRoot))
    case .sixDigitsOfRootTwoOverPi: .gelu(tanhGELU(exactRoot), wrong: tanhGELU(0.797885))
    case .sixDigitsOfTwoOverRootPi:
      Plant([.init([3, 17])]) {
        $0.erf
      } wrong: { x, _, c in
        1.12838 * (-(x * x)).exp * c
      } right: { x, _, c in
        (2 / Double.pi.squareRoot()) * (-(x * x)).exp * c
      }
    case .transposed:
      Plant([.init([5, 5])]) {
        $0 * $0
      } wrong: { x, _, c in
        (2.0 * x * c).transposed()
      } right: { x, _, c in
        2.0 * x * c
      }
    case .otherInput:
      Plant([.init([3, 5]), .init([3, 5])]) { inputs in
        Plant.binary(inputs) { x, w, c in [x * c, w * c] }
      } right: { inputs in
        Plant.binary(inputs) { x, w, c in [w * c, x * c] }
      }
    case .broadcastNotSummed:
      Plant([.init([3, 1]), .init([3, 17])]) { inputs in
        Plant.binary(inputs) { x, w, c in [(w * c)[.all, 0..<1], x * c] }
      } right: { inputs in
        Plant.binary(inputs) { x, w, c in
          [(w * c).sum(axes: [1], keepsDimensions: true), x * c]
        }
      }
    case .varianceHeldConstant:
      Plant([.init([17, 3])]) { inputs in
        batchNormalized(inputs[0], variance: inputs[0].detached)
      } right: {
        batchNormalized($0[0], variance: $0[0])
      }
    case .lastElement:
      Plant([.init([257])]) {
        $0 * $0
      } wrong: { x, _, c in
        concatenate([(2.0 * x * c)[0..<256], .zeros([1], dtype: x.dtype, on: x.device)], axis: 0)
      } right: { x, _, c in
        2.0 * x * c
      }
    case .anotherDropoutMask:
      Plant([.init([65])]) {
        dropout($0, probability: 0.5, key: key[1])
      } wrong: { _, _, c in
        dropout(c, probability: 0.5, key: key[2])
      } right: { _, _, c in
        dropout(c, probability: 0.5, key: key[1])
      }
    case .stateful:
      Plant([.init([65])]) { inputs in
        dropout(
          inputs[0], probability: 0.5,
          key: key[
            passes.withLock {
              $0 += 1; return $0
            }])
      } right: {
        dropout($0[0], probability: 0.5, key: key[1])
      }
    case .otherValueWhenDifferentiated:
      Plant([.init([33])]) {
        $0[0].isTracked ? $0[0] * 1.00001 : $0[0]
      } right: {
        $0[0] * 1.0
      }
    case .notANumber:
      // The other branch's gradient is 0·NaN.
      Plant([.init([33], .awayFromZero)]) { inputs in
        (inputs[0].detached .> 0.0).select(inputs[0].squareRoot, inputs[0])
      } right: { inputs in
        fused(inputs[0]) { Compute.select($0 .> 0, $0.squareRoot, $0) }
      }
    }
  }
}

/// The same functions with their right gradients: none of them may be suspected.
struct RepairedOperation: OperationFamily {
  static let allCases = MutantOperation.allCases.map { RepairedOperation($0) }

  private let mutant: MutantOperation
  var rawValue: String { mutant.rawValue }

  private init(_ mutant: MutantOperation) { self.mutant = mutant }

  init?(rawValue: String) {
    guard let mutant = MutantOperation(rawValue: rawValue) else { return nil }
    self.init(mutant)
  }

  func samples(_ source: inout SampleSource) -> [OperationSample] {
    let plant = mutant.plant
    return [OperationSample(plant.inputs, function: plant.right)]
  }
}

/// A function with a wrong gradient, and with the right one.
private struct Plant {
  typealias Function = @Sendable ([Tensor]) -> Tensor
  typealias Pullback = @Sendable (_ x: Tensor, _ y: Tensor, _ cotangent: Tensor) -> Tensor

  let inputs: [SampleInput]
  let wrong: Function
  let right: Function

  /// Two functions of the same values.
  init(_ inputs: [SampleInput], wrong: @escaping Function, right: @escaping Function) {
    self.inputs = inputs
    self.wrong = wrong
    self.right = right
  }

  /// One function of one input with two pullbacks.
  init(
    _ inputs: [SampleInput], value: @escaping @Sendable (Tensor) -> Tensor,
    wrong: @escaping Pullback, right: @escaping Pullback
  ) {
    func with(_ pullback: @escaping Pullback) -> Function {
      { inputs in
        withGradient("planted", at: inputs) {
          value($0[0])
        } pullback: { inputs, y, c in
          [pullback(inputs[0], y, c)]
        }
      }
    }
    self.init(inputs, wrong: with(wrong), right: with(right))
  }

  /// The product of two inputs with a pullback.
  static func binary(
    _ inputs: [Tensor],
    _ pullback: @escaping @Sendable (_ x: Tensor, _ w: Tensor, _ cotangent: Tensor) -> [Tensor]
  ) -> Tensor {
    withGradient("planted", at: inputs) {
      $0[0] * $0[1]
    } pullback: { inputs, _, c in
      pullback(inputs[0], inputs[1], c)
    }
  }

  /// An activation with the derivative of another, and with its own.
  static func gelu(_ function: Expression, wrong: Expression) -> Plant {
    @Sendable func apply(_ expression: Expression, _ x: Tensor) -> Tensor {
      fused(x) { x in expression.substituting { _ in x } }
    }
    return Plant([.init([3, 17])]) {
      apply(function, $0)
    } wrong: { x, _, c in
      apply(wrong.derivative(withRespectTo: 0), x) * c
    } right: { x, _, c in
      apply(function.derivative(withRespectTo: 0), x) * c
    }
  }
}

private let key = RandomKey(seed: 5)
private let passes = Mutex(0)
private let exactRoot = (2 / Double.pi).squareRoot()

/// x·Φ(x).
private let erfGELU: Expression = {
  let x = Expression.input(0)
  return 0.5 * x * (1 + (x * .constant(0.5.squareRoot())).erf)
}()

/// Its approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
private func tanhGELU(_ root: Double) -> Expression {
  let x = Expression.input(0)
  return 0.5 * x * (1 + (.constant(root) * (x + 0.044715 * x * x * x)).tanh)
}

/// (x − mean) / √(variance + ε) over the batch, with the variance of another tensor.
private func batchNormalized(_ x: Tensor, variance: Tensor) -> Tensor {
  let centered = x - x.mean(axes: [0], keepsDimensions: true)
  return centered
    * (variance.variance(axes: [0], keepsDimensions: true) + 1e-3).reciprocalSquareRoot
}
