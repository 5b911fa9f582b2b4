public import Compute

/// Rows by number.
public enum IndexingOperation: String, OperationFamily {
  case gather, oneHot

  /// The operation with indices that repeat and rows that are never taken.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let odd = source.size(in: 9...40)
    return switch self {
    case .gather:
      [
        OperationSample([.init([5, 7]), .init([odd], .labels(5))]) { $0[0].gather($0[1]) },
        OperationSample([.init([odd, 1]), .init([3], .labels(odd))]) { $0[0].gather($0[1]) },
        OperationSample([.init([6, 2, 3]), .init([2, 5], .labels(6))]) { $0[0].gather($0[1]) },
        OperationSample([.init([4]), .init([0], .labels(4))]) { $0[0].gather($0[1]) },
      ]
    case .oneHot:
      [
        OperationSample([.init([odd, 4]), .init([odd], .labels(4))]) { x in
          x[1].oneHot(classes: 4, dtype: x[0].dtype) * x[0]
        }
      ]
    }
  }
}

extension Tensor {
  /// The rows (entries of the first axis) with the given numbers.
  ///
  /// Indices of shape `[i…]` into a tensor `[n, w…]` give `[i…, w…]`. A number outside 0..<n gives
  /// NaN, or 0 in an integer tensor. The gradient adds up where a row was taken several times.
  public func gather(_ indices: Tensor) -> Tensor {
    require(rank >= 1, "gather: a scalar has no rows")
    require(
      !indices.dtype.isFloatingPoint,
      "gather: indices are \(indices.dtype), not of an integer dtype")
    let device = commonDevice("gather", [self, indices])
    let rest = Shape(Array(shape.dimensions.dropFirst()))
    let table = detached.reshaped(to: [shape[0], rest.count]).contiguous()
    let numbers = indices.detached.reshaped(to: [indices.count])
    let result = device.allocate(dtype, [indices.count, rest.count])
    if result.count > 0 {
      device.launch(reading: [table.view, numbers.view], writing: [result.view]) {
        try $0.gather(table.view, indices: numbers.view, into: result.view)
      }
    }
    let source = shape
    return result.reshaped(to: Shape(indices.shape.dimensions + rest.dimensions))
      .recorded("gather", from: [self]) { cotangent, _ in
        let values = cotangent.reshaped(to: [numbers.count, rest.count]).contiguous()
        let gradient = device.allocate(table.dtype, table.shape)
        if gradient.count > 0 {
          device.launch(reading: [values.view, numbers.view], writing: [gradient.view]) {
            try $0.scatterAdd(values.view, indices: numbers.view, into: gradient.view)
          }
        }
        return [gradient.reshaped(to: source)]
      }
  }

  /// Rows of zeros with a one at each label: `[…]` gives `[…, classes]`.
  ///
  /// A label outside 0..<classes gives a row of zeros.
  public func oneHot(classes: Int, dtype: DType = .float32) -> Tensor {
    require(
      !self.dtype.isFloatingPoint, "oneHot: labels are \(self.dtype), not of an integer dtype")
    // A byte cannot number more than 256 classes, and would stop at the last it can.
    let labels = self.dtype == .uint8 ? detached.cast(to: .int32) : detached
    let numbers = Tensor.range(classes, dtype: labels.dtype, on: device)
    return (labels.expandingShape(at: -1) .== numbers).cast(to: dtype)
  }
}
