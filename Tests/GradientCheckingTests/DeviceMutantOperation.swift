import Compute
import GradientChecking
import Tensors

/// Operations that are wrong on every device but the reference, one for each way in which results
/// are compared, or not wrong enough to be found.
enum DeviceMutantOperation: String, OperationFamily {
  case exactOffByOneBit, exactGradientMoved, exactNotANumber
  case pointwiseValue, pointwiseGradient, pointwiseInFloat64Alone
  case sumValue, sumGradient, lastRowOfProduct
  case yardstickValue, yardstickGradient
  case cotangentReadInAnotherLayout, inputReadInAnotherLayout, otherShape

  /// Where a device is wrong: the start of what a report says of it.
  var place: String {
    switch self {
    case .exactGradientMoved, .pointwiseGradient, .yardstickGradient, .sumGradient,
      .cotangentReadInAnotherLayout:
      "gradient of input 0 at ["
    case .lastRowOfProduct: "value at [32, "
    case .exactNotANumber, .sumValue: "value: cpu "
    case .otherShape: "the value has shape [3, 1], on the reference [1, 3]"
    default: "value at ["
    }
  }

  /// The comparisons that must find it.
  var comparisons: [CheckReport.Comparison] {
    self == .pointwiseInFloat64Alone ? [.float64] : [.float64, .float32]
  }

  func samples(_ source: inout SampleSource) -> [OperationSample] {
    switch self {
    case .exactOffByOneBit:
      // Half a unit in the last place of float64 at 1, and of float32 at 1.
      [
        sample([.init([33], .positive)], .exact, { $0[0] * 1.0 }) {
          $0[0] * (1 + ($0[0].dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)))
        }
      ]
    case .exactGradientMoved:
      [
        sample([.init([5, 5])], .exact, { $0[0].transposed() }) { inputs in
          withGradient("transposed", at: inputs) {
            $0[0].transposed()
          } pullback: { _, _, c in
            [c]
          }
        }
      ]
    case .exactNotANumber:
      [
        sample([.init([17], .distinct)], .exact, { $0[0].max() }) {
          ($0[0] * 0.0 / 0.0).max()
        }
      ]
    case .pointwiseValue:
      // OpenCL allows exp 3 ULP.
      [exponential { $0 * (1 + 6e-7) }]
    case .pointwiseGradient:
      [
        sample([.init([65])], .exponential, { $0[0].exp }) { inputs in
          withGradient("exp", at: inputs) {
            $0[0].exp
          } pullback: { _, y, c in
            [y * c * (1 + 1e-6)]
          }
        }
      ]
    case .pointwiseInFloat64Alone: [exponential { $0 * (1 + 1e-14) }]
    case .sumValue:
      [
        sample([.init([257])], .sums(terms: 257, back: 1), { ($0[0] * $0[0]).sum() }) {
          ($0[0] * $0[0]).sum() * (1 + 1e-5)
        }
      ]
    case .sumGradient:
      [
        sample([.init([257])], .sums(terms: 257, back: 1), { ($0[0] * $0[0]).sum() }) { inputs in
          withGradient("sum", at: inputs) {
            ($0[0] * $0[0]).sum()
          } pullback: { inputs, _, c in
            [2.00001 * inputs[0] * c]
          }
        }
      ]
    case .lastRowOfProduct:
      [
        sample(
          [.init([33, 17]), .init([17, 65])], .sums(terms: 17, back: 65), { $0[0].matmul($0[1]) }
        ) {
          let y = $0[0].matmul($0[1])
          return concatenate([y[0..<32], y[32...] * 1.0001], axis: 0)
        }
      ]
    case .yardstickValue:
      [
        sample([.init([17, 3])], .yardstick, { normalized($0[0], epsilon: 1e-3) }) {
          normalized($0[0], epsilon: 1.1e-3)
        }
      ]
    case .yardstickGradient:
      [
        sample([.init([17, 3])], .yardstick, { normalized($0[0], epsilon: 1e-3) }) {
          normalized($0[0], epsilon: 1e-3) * 1.0 + ($0[0] - $0[0].detached) * 1e-4
        }
      ]
    case .cotangentReadInAnotherLayout:
      [
        sample([.init([3, 17], layout: .sliced)], .exact, { $0[0] * 2.0 }) { inputs in
          withGradient("doubled", at: inputs) {
            $0[0] * 2.0
          } pullback: { _, _, c in
            [2.0 * (c.isContiguous ? c : -c)]
          }
        }
      ]
    case .inputReadInAnotherLayout:
      [
        sample([.init([3, 17]), .init([3, 17], layout: .sliced)], .exact, { $0[0] + $0[1] }) {
          $0[0] + ($0[1].isContiguous ? $0[1] : $0[1] * 2.0)
        }
      ]
    case .otherShape:
      [sample([.init([1, 3])], .exact, { $0[0] * 1.0 }) { $0[0].transposed() }]
    }
  }

  private func exponential(_ spoil: @escaping @Sendable (Tensor) -> Tensor) -> OperationSample {
    sample([.init([65])], .exponential, { $0[0].exp }) { spoil($0[0].exp) }
  }

  private func sample(
    _ inputs: [SampleInput], _ accuracy: SampleAccuracy,
    _ right: @escaping @Sendable ([Tensor]) -> Tensor,
    onDevice wrong: @escaping @Sendable ([Tensor]) -> Tensor
  ) -> OperationSample {
    OperationSample(inputs, accuracy: accuracy) { inputs in
      inputs[0].device == .reference ? right(inputs) : wrong(inputs)
    }
  }
}

extension SampleAccuracy {
  /// What OpenCL allows exp.
  fileprivate static let exponential: SampleAccuracy = .pointwise(
    Expression.input(0).exp, derivatives: [Expression.input(0).exp])
}

/// Batch normalisation without scale and shift.
private func normalized(_ x: Tensor, epsilon: Double) -> Tensor {
  normalize(
    x, geometry: .batch(x.shape), mode: .meanAndVariance, epsilon: epsilon
  ).output
}
