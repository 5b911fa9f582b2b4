public import Compute

/// Operations that draw random numbers and have a gradient.
public enum RandomOperation: String, OperationFamily {
  case dropout

  /// The operation with a fixed key, so that every evaluation drops the same elements.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let key = RandomKey(seed: 11)
    return switch self {
    case .dropout:
      source.elementwise(.normal).map { inputs in
        OperationSample(inputs) { Tensors.dropout($0[0], probability: 0.25, key: key) }
      }
    }
  }
}

extension Tensor {
  /// Numbers uniform on [lower, upper), determined by the key alone.
  public static func uniform(
    _ shape: Shape, _ lower: Double = 0, _ upper: Double = 1, key: RandomKey,
    dtype: DType = .float32, on device: Device = .current
  ) -> Tensor {
    let unit = random(.uniform, shape, key: key, dtype: dtype, on: device)
    return lower == 0 && upper == 1 ? unit : unit * (upper - lower) + lower
  }

  /// Normal numbers of the given mean and standard deviation, determined by the key alone.
  public static func normal(
    _ shape: Shape, mean: Double = 0, deviation: Double = 1, key: RandomKey,
    dtype: DType = .float32, on device: Device = .current
  ) -> Tensor {
    let unit = random(.normal, shape, key: key, dtype: dtype, on: device)
    return mean == 0 && deviation == 1 ? unit : unit * deviation + mean
  }

  fileprivate static func random(
    _ distribution: RandomDistribution, _ shape: Shape, key: RandomKey, draw: Tensor? = nil,
    dtype: DType, on device: Device
  ) -> Tensor {
    require(dtype.isComputed, "random numbers are float32 or float64, not \(dtype)")
    let result = device.allocate(dtype, shape)
    if result.count > 0 {
      let draw = draw?.view
      device.launch(reading: draw.map { [$0] } ?? [], writing: [result.view]) {
        try $0.random(distribution, key: key, draw: draw, into: result.view)
      }
    }
    return result
  }
}

/// Sets elements to 0 with the given probability and scales the others by 1/(1 − probability).
///
/// Which elements depends on key and draw alone, on every device and in every dtype. Traps unless
/// 0 ≤ probability < 1.
///
/// Source: N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, "Dropout",
/// JMLR 15, 2014.
///
/// - Parameters:
///   - x: Of any shape.
///   - probability: Of an element's being set to 0.
///   - key: The stream of random numbers.
///   - draw: The number of the draw from the stream, one int64; nil for 0.
public func dropout(
  _ x: Tensor, probability: Double, key: RandomKey, draw: Tensor? = nil
) -> Tensor {
  require(
    probability >= 0 && probability < 1, "dropout: probability \(probability) is not in 0..<1")
  guard probability > 0 else { return x }
  // Drawn in float32 whatever the dtype, so that a model drops the same elements in either.
  let draws = Tensor.random(
    .uniform, x.shape, key: key, draw: draw, dtype: .float32, on: x.device
  ).cast(to: x.dtype)
  return dropoutFunction([
    .tensor(x), .tensor(draws), .scalar(probability), .scalar(1 / (1 - probability)),
  ])
}

private let dropoutFunction = PointwiseFunction(
  "dropout", 4, select(.input(1) .< .input(2), 0, .input(0) * .input(3)))
