import Compute

/// Matrix products.
public enum MatMulOperation: String, OperationFamily {
  case nn, nt, tn, tt, batched, broadcastBatch, vectors, linear, linearActivation

  /// The operation at sizes that no tile divides.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let sizes = (0..<3).map { _ in source.shuffledLengths() }
    let odd = sizes[0].indices.map { (m: sizes[0][$0], k: sizes[1][$0], n: sizes[2][$0]) }
    /// A matrix of the given rows and columns, as its transpose or not.
    func matrix(
      _ rows: Int, _ columns: Int, _ isTransposed: Bool = false,
      _ layout: SampleInput.Layout = .contiguous
    ) -> SampleInput {
      .init(isTransposed ? [columns, rows] : [rows, columns], layout: layout)
    }
    func products(_ a: Bool, _ b: Bool) -> [OperationSample] {
      func product(
        _ m: Int, _ k: Int, _ n: Int, _ layout: SampleInput.Layout = .contiguous
      ) -> OperationSample {
        OperationSample(
          [matrix(m, k, a, layout), matrix(k, n, b, layout)],
          accuracy: .sums(terms: max(1, k), back: max(1, m, n))
        ) { x in
          (a ? x[0].transposed() : x[0]).matmul(b ? x[1].transposed() : x[1])
        }
      }
      return odd.map { product($0.m, $0.k, $0.n) } + [
        product(1, 1, 1), product(8, 32, 32), product(64, 16, 256), product(0, 3, 2),
        product(3, 0, 2), product(3, 2, 0), product(17, 9, 33, .sliced),
        product(17, 9, 33, .transposed),
      ]
    }
    return switch self {
    case .nn: products(false, false)
    case .nt: products(false, true)
    case .tn: products(true, false)
    case .tt: products(true, true)
    case .batched:
      odd.map { m, k, _ in
        OperationSample(
          [.init([3, m, k]), .init([3, k, 2])], accuracy: .sums(terms: k, back: max(m, 2))
        ) { $0[0].matmul($0[1]) }
      } + [
        OperationSample(
          [.init([2, 3, 4, 5]), .init([2, 3, 6, 5])], accuracy: .sums(terms: 5, back: 6)
        ) { $0[0].matmul($0[1].transposed()) },
        OperationSample(
          [.init([2, 3, 4, 5]), .init([2, 3, 5, 6])], accuracy: .sums(terms: 5, back: 6)
        ) { $0[0].permuted([1, 0, 2, 3]).matmul($0[1].permuted([1, 0, 2, 3])) },
        OperationSample([.init([0, 4, 5]), .init([0, 5, 6])]) { $0[0].matmul($0[1]) },
        OperationSample(
          [.init([3, 5, 7], layout: .transposed), .init([3, 7, 2], layout: .sliced)],
          accuracy: .sums(terms: 7, back: 5)
        ) { $0[0].matmul($0[1]) },
        OperationSample(
          [.init([3, 5, 7], layout: .sliced), .init([3, 7, 2], layout: .transposed)],
          accuracy: .sums(terms: 7, back: 5)
        ) { $0[0].matmul($0[1]) },
      ]
    case .broadcastBatch:
      odd.map { m, k, _ in
        OperationSample(
          [.init([3, m, k]), .init([k, 2])], accuracy: .sums(terms: k, back: max(3 * m, 2))
        ) { $0[0].matmul($0[1]) }
      } + [
        OperationSample(
          [.init([5, 7]), .init([3, 7, 2])], accuracy: .sums(terms: 7, back: 6)
        ) { $0[0].matmul($0[1]) },
        OperationSample(
          [.init([2, 1, 4, 5]), .init([3, 5, 6])], accuracy: .sums(terms: 5, back: 18)
        ) { $0[0].matmul($0[1]) },
        OperationSample([.init([0, 4, 5]), .init([5, 6])]) { $0[0].matmul($0[1]) },
        OperationSample(
          [.init([3, 5, 7], layout: .transposed), .init([7, 2], layout: .sliced)],
          accuracy: .sums(terms: 7, back: 15)
        ) { $0[0].matmul($0[1]) },
        OperationSample(
          [.init([3, 5, 7], layout: .sliced), .init([7, 2], layout: .transposed)],
          accuracy: .sums(terms: 7, back: 15)
        ) { $0[0].matmul($0[1]) },
      ]
    case .vectors:
      odd.flatMap { m, k, _ in
        [([k], [k]), ([m, k], [k]), ([k], [k, m])].map { (left: Shape, right: Shape) in
          OperationSample(
            [.init(left), .init(right)], accuracy: .sums(terms: k, back: m)
          ) { $0[0].matmul($0[1]) }
        }
      } + [
        OperationSample([.init([0]), .init([0])], accuracy: .exact) { $0[0].matmul($0[1]) },
        OperationSample(
          [.init([4, 9], layout: .transposed), .init([9], layout: .sliced)],
          accuracy: .sums(terms: 9, back: 4)
        ) { $0[0].matmul($0[1]) },
        OperationSample(
          [.init([9], layout: .sliced), .init([9, 4], layout: .transposed)],
          accuracy: .sums(terms: 9, back: 4)
        ) { $0[0].matmul($0[1]) },
      ]
    case .linear:
      odd.map { m, k, n in
        OperationSample(
          [.init([m, k]), .init([n, k]), .init([n])], accuracy: .sums(terms: k + 1, back: max(m, n))
        ) { Tensors.linear($0[0], weight: $0[1], bias: $0[2]) }
      } + [
        OperationSample([.init([2, 3, 9]), .init([4, 9])], accuracy: .sums(terms: 9, back: 6)) {
          Tensors.linear($0[0], weight: $0[1], bias: nil)
        },
        OperationSample(
          [.init([9]), .init([4, 9]), .init([4])], accuracy: .sums(terms: 10, back: 4)
        ) {
          Tensors.linear($0[0], weight: $0[1], bias: $0[2])
        },
        OperationSample([.init([0, 9]), .init([4, 9]), .init([4])]) {
          Tensors.linear($0[0], weight: $0[1], bias: $0[2])
        },
        OperationSample(
          [.init([5, 0]), .init([4, 0]), .init([4])], accuracy: .sums(terms: 1, back: 5)
        ) {
          Tensors.linear($0[0], weight: $0[1], bias: $0[2])
        },
      ]
        + scattered.map { inputs in
          OperationSample(inputs, accuracy: .sums(terms: 10, back: 17)) {
            Tensors.linear($0[0], weight: $0[1], bias: $0[2])
          }
        }
    case .linearActivation:
      [Activation.tanh, .sin].flatMap { activation in
        let odd = odd.map { m, k, n in
          // Weights so small that the activation is not saturated.
          let weights = SampleValues.shifted(mean: 0, deviation: 1 / Double(k).squareRoot())
          return linear(
            [.init([m, k]), .init([n, k], weights), .init([n])], activation: activation)
        }
        let empty = [
          linear([.init([0, 9]), .init([4, 9]), .init([4])], activation: activation),
          linear([.init([5, 0]), .init([4, 0]), .init([4])], activation: activation),
        ]
        return odd + empty + scattered.map { linear($0, activation: activation) }
      } + [linear([.init([17, 9]), .init([33, 9]), .init([33])], activation: .square)]
    }
  }

  /// Inputs of a layer that do not lie row by row.
  private var scattered: [[SampleInput]] {
    [(SampleInput.Layout.sliced, SampleInput.Layout.transposed), (.transposed, .sliced)].map {
      [.init([5, 9], layout: $0), .init([17, 9], layout: $1), .init([17], layout: .sliced)]
    }
  }

  private func linear(_ inputs: [SampleInput], activation: Activation) -> OperationSample {
    OperationSample(inputs, label: activation.name) {
      Tensors.linear($0[0], weight: $0[1], bias: $0[2], activation: activation)
    }
  }
}

extension Tensor {
  /// The matrix product, as NumPy's `matmul`.
  ///
  /// `[…, m, k]` by `[…, k, n]` gives `[…, m, n]`; leading axes are broadcast. A vector is a row on
  /// the left and a column on the right, and its axis is left out of the result. Transposed
  /// operands are read where they are. Traps when the inner lengths differ.
  public func matmul(_ other: Tensor) -> Tensor {
    require(
      rank >= 1 && other.rank >= 1,
      "matmul: shapes \(shape) and \(other.shape); a scalar has no rows")
    if rank == 1 {
      return expandingShape(at: 0).matmul(other).droppingAxis(other.rank == 1 ? -1 : -2)
    }
    if other.rank == 1 { return matmul(other.expandingShape(at: 1)).droppingAxis(-1) }
    return product(self, other)
  }

  private func droppingAxis(_ axis: Int) -> Tensor {
    rank == 0 ? self : reshaped(to: shape.dropping(axes: [axis]))
  }
}

/// A fully connected layer: `activation(x · weightᵀ + bias)`, in one launch.
///
/// - Parameters:
///   - x: `[…, in]`.
///   - weight: `[out, in]`.
///   - bias: `[out]`, or nil for none.
///   - activation: Applied to each element.
/// - Returns: `[…, out]`. Traps when shapes do not fit.
public func linear(
  _ x: Tensor, weight: Tensor, bias: Tensor?, activation: Activation = .identity
) -> Tensor {
  require(
    x.rank >= 1 && weight.rank == 2 && x.shape[-1] == weight.shape[1],
    "linear: input of shape \(x.shape) does not fit weight \(weight.shape), which is [out, in]")
  require(
    bias == nil || bias?.shape == [weight.shape[0]],
    "linear: bias of shape \(bias.map(\.shape.description) ?? "") does not fit weight \(weight.shape)"
  )
  let rows = x.reshaped(to: [x.shape.dimensions.dropLast().reduce(1, *), x.shape[-1]])
  let y = product(
    rows, weight, isRightTransposed: true, bias: bias, activation: activation)
  return y.reshaped(to: Shape(x.shape.dimensions.dropLast() + [weight.shape[0]]))
}

/// `activation(a·b + bias)` with its gradient; of a matrix bᵀ, `b` is what is transposed.
private func product(
  _ a: Tensor, _ b: Tensor, isRightTransposed: Bool = false, bias: Tensor? = nil,
  activation: Activation = .identity
) -> Tensor {
  let inputs = [a, b] + (bias.map { [$0] } ?? [])
  let device = commonDevice("matmul", inputs)
  let dtype = commonDType("matmul", inputs)
  let left = a.detached
  let right = isRightTransposed ? b.detached.transposed() : b.detached
  require(
    dtype.isComputed, "matmul: operands are \(dtype); convert them with cast(to: .float32)")
  require(
    left.shape[-1] == right.shape[-2],
    """
    matmul: shapes \(left.shape) and \(right.shape); the inner lengths \(left.shape[-1]) and \
    \(right.shape[-2]) differ
    """
  )
  // A gradient taken from the input of the activation needs that input, so it is kept and the
  // activation follows in a launch of its own.
  let isTracked = inputs.contains(where: \.isTracked)
  let isFused =
    activation.isFused(on: device)
    && (!isTracked || activation.savesOutput || activation.isIdentity)
  let offset = bias.map { bias in
    guard let view = bias.view.broadcast(to: productShape(left, right)) else {
      fatalError("matmul: bias of shape \(bias.shape) does not fit \(productShape(left, right))")
    }
    return view
  }
  let result = launchProduct(
    left, right,
    Epilogue(
      bias: offset,
      activation: isFused && !activation.isIdentity ? activation.expression : nil))
  guard isTracked else { return isFused ? result : activation(result) }
  let recorded = result.recorded(
    "matmul", from: inputs,
    derivative: isFused ? activation.derivative(input: nil, output: result) : nil
  ) { signal, isNeeded in
    let needsBias = isNeeded.count > 2 && isNeeded[2]
    var ofRight: Tape.InputGradient?
    var ofBias: Tape.InputGradient? = needsBias ? .made(signal) : nil
    if isNeeded[1] && needsBias {
      // Only a layer has a bias; its gradient is the sum of what the weight's is made of.
      let both = launchProductAndRowSums(signal.transposed(), left)
      (ofRight, ofBias) = (.made(both.product), .made(both.rowSums))
    } else if isNeeded[1] {
      ofRight =
        isRightTransposed
        ? gradient(signal.transposed(), left)
        : gradientOfRight(left, signal, target: right.shape)
    }
    return [isNeeded[0] ? gradient(signal, right.transposed()) : nil, ofRight, ofBias]
  }
  return isFused ? recorded : activation(recorded)
}

/// The gradient that is a product.
private func gradient(_ a: Tensor, _ b: Tensor) -> Tape.InputGradient {
  .pending(productShape(a, b)) { launchProduct(a, b, $0) }
}

/// aᵀ·signal; one long product where the right operand was shared by the whole batch.
private func gradientOfRight(
  _ a: Tensor, _ signal: Tensor, target: Shape
) -> Tape.InputGradient {
  if target.rank == 2, signal.rank > 2 {
    let batch = Shape(signal.shape.dimensions.dropLast(2))
    let rows = a.broadcast(to: Shape(batch.dimensions + a.shape.dimensions.suffix(2)))
    let rowCount = batch.count * signal.shape[-2]
    return gradient(
      rows.reshaped(to: [rowCount, a.shape[-1]]).transposed(),
      signal.reshaped(to: [rowCount, signal.shape[-1]]))
  }
  return gradient(a.transposed(), signal)
}

/// The shape of a product of matrices, or of batches of them that are broadcast.
private func productShape(_ a: Tensor, _ b: Tensor) -> Shape {
  let batch = broadcastShape(
    "matmul", [Shape(a.shape.dimensions.dropLast(2)), Shape(b.shape.dimensions.dropLast(2))])
  return Shape(batch.dimensions + [a.shape[-2], b.shape[-1]])
}

private func launchProduct(_ a: Tensor, _ b: Tensor, _ epilogue: Epilogue?) -> Tensor {
  let result = a.device.allocate(a.dtype, productShape(a, b))
  if result.count > 0 { launchProduct(a, b, epilogue, into: result, rowSums: nil) }
  return result
}

/// The product of two matrices, and the sum of each row of the first.
private func launchProductAndRowSums(_ a: Tensor, _ b: Tensor) -> (product: Tensor, rowSums: Tensor)
{
  let product = a.device.allocate(a.dtype, [a.shape[0], b.shape[1]])
  let rowSums = a.device.allocate(a.dtype, [a.shape[0]])
  if rowSums.count > 0 { launchProduct(a, b, nil, into: product, rowSums: rowSums) }
  return (product, rowSums)
}

private func launchProduct(
  _ a: Tensor, _ b: Tensor, _ epilogue: Epilogue?, into result: Tensor, rowSums: Tensor?
) {
  let batch = result.shape.dimensions.dropLast(2)
  guard
    let left = a.view.broadcast(to: Shape(batch + a.shape.dimensions.suffix(2))),
    let right = b.view.broadcast(to: Shape(batch + b.shape.dimensions.suffix(2)))
  else { fatalError("matmul: shapes \(a.shape) and \(b.shape) do not broadcast") }
  let target = result.view
  a.device.launch(
    reading: [left, right] + (epilogue?.operand.map { [$0] } ?? []),
    writing: [target] + (rowSums.map { [$0.view] } ?? [])
  ) {
    try $0.multiply(left, right, epilogue: epilogue, into: target, rowSums: rowSums?.view)
  }
}
