public import Compute

/// Rows by number.
public enum IndexingOperation: String, OperationFamily {
  case gather, oneHot

  /// The operation with indices that repeat and rows that are never taken.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let lengths = source.shuffledLengths()
    let layouts = SampleInput.Layout.allCases
    switch self {
    case .gather:
      func take(_ table: SampleInput, _ indices: Shape) -> OperationSample {
        // What is added up has so few digits that the sums are exact.
        OperationSample(
          [table, .init(indices, .labels(table.shape[0]), layout: .sliced)], accuracy: .exact
        ) { $0[0].gather($0[1]) }
      }
      return zip(lengths, lengths.reversed()).map { take(.init([$0, 3]), [$1]) }
        + lengths.map { take(.init([5, $0]), [7]) }
        + layouts.map { take(.init([17, 9], layout: $0), [33]) }
        + [
          take(.init([6, 2, 3]), [2, 5]), take(.init([4]), [0]), take(.init([4, 0]), [3]),
          take(.init([5]), []),
        ]
    case .oneHot:
      return (lengths + [0]).map { length in
        OperationSample([.init([length, 4]), .init([length], .labels(4))], accuracy: .exact) {
          $0[1].oneHot(classes: 4, dtype: $0[0].dtype) * $0[0]
        }
      }
        + layouts.map { layout in
          OperationSample(
            [.init([3, 5, 9], layout: layout), .init([3, 5], .labels(9), layout: layout)],
            accuracy: .exact
          ) { $0[1].oneHot(classes: 9, dtype: $0[0].dtype) * $0[0] }
        }
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
