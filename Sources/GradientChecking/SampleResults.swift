import Compute
import Tensors

/// The value of a sample's function and the gradients of its inputs, on the host.
struct SampleResults {
  /// One of the results.
  struct Result {
    /// What it is, for reports: the value, or the gradient of an input.
    var name: String
    var shape: Shape
    /// The elements, row-major.
    var values: [Double]
  }

  /// The value, then the gradients of the differentiable inputs in order.
  let tensors: [Result]
}

extension SampleTrial {
  /// Evaluates the sample's function and its gradient, under a random cotangent, in one setting.
  ///
  /// - Parameters:
  ///   - dtype: Of the inputs and results.
  ///   - device: Where to compute; throws what goes wrong there.
  ///   - cotangentLayout: How the cotangent lies in memory.
  ///   - magnitudes: Whether inputs and cotangent are replaced by their magnitudes.
  func results(
    _ dtype: DType, on device: Device, cotangentLayout: SampleInput.Layout = .contiguous,
    magnitudes: Bool = false
  ) throws -> SampleResults {
    let tensors = points.map { point in
      let values = magnitudes ? point.values.map(abs) : point.values
      return point.tensor(of: values, dtype, on: device)
    }
    let tracked = zip(points, tensors).filter(\.0.isDifferentiable).map(\.1)
    let (value, pullback) = valueWithPullback(at: tracked) { arguments in
      var next = arguments.makeIterator()
      return sample.function(
        zip(points, tensors).map { $0.isDifferentiable ? next.next() ?? $1 : $1 })
    }
    let weights = cotangent(value.shape.count)
    let cotangent = HostInput(
      name: "cotangent", shape: value.shape, layout: cotangentLayout, isDifferentiable: true,
      values: magnitudes ? weights.map(abs) : weights)
    let gradients = pullback(cotangent.tensor(dtype, on: device))
    let names = ["value"] + points.filter(\.isDifferentiable).map { "gradient of \($0.name)" }
    return SampleResults(
      tensors: try zip(names, [value] + gradients).map { name, tensor in
        .init(name: name, shape: tensor.shape, values: try tensor.array(of: Double.self))
      })
  }

  /// The cotangent of a value of so many elements.
  func cotangent(_ count: Int) -> [Double] { key["cotangent"].weights(count) }
}
