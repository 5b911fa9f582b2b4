public import Compute

// Views: nothing is computed and nothing copied, except by `concatenate`, `contiguous` and a
// `reshaped` that no view can express.

/// Looking at a tensor differently.
public enum ShapeOperation: String, OperationFamily {
  case reshape, reshapeOfTransposed, transpose, permute, slice, stridedSlice, broadcast
  case concatenate, contiguous

  /// The operation on inputs of several shapes and layouts.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    func sample(
      _ shapes: [Shape], _ layout: SampleInput.Layout = .contiguous,
      accuracy: SampleAccuracy = .exact, _ function: @escaping @Sendable ([Tensor]) -> Tensor
    ) -> OperationSample {
      OperationSample(
        shapes.map { SampleInput($0, layout: layout) }, label: rawValue, accuracy: accuracy
      ) { inputs in
        let y = function(inputs)
        // The square makes the gradient depend on the input, so that a misplaced one shows.
        return y * y
      }
    }
    /// A matrix of each odd length, also one that does not lie row by row, and an empty one.
    func matrices(_ function: @escaping @Sendable (Tensor) -> Tensor) -> [OperationSample] {
      let lengths = source.shuffledLengths()
      let shapes = zip(lengths, lengths.dropFirst() + [2]).map { Shape([$0, min($1, 5)]) }
      return (shapes + [[0, 3]]).map { shape in sample([shape]) { function($0[0]) } }
        + SampleInput.Layout.allCases.dropFirst().map { layout in
          sample([[5, 17]], layout) { function($0[0]) }
        }
    }
    let odd = source.size(in: 5...9)
    return switch self {
    case .reshape:
      matrices { $0.reshaped(to: [$0.shape[1], 1, $0.shape[0]]) } + [
        sample([[4, odd]]) { $0[0].reshaped(to: [odd, 2, 2]) },
        sample([[2, 3, odd]], .transposed) { $0[0].reshaped(to: [3, -1]) },
        sample([[]]) { $0[0].reshaped(to: [1, 1]) },
        sample([[1, 3, 1]]) { $0[0].squeezed().expandingShape(at: -1) },
      ]
    case .reshapeOfTransposed: matrices { $0.transposed().reshaped(to: [$0.count]) }
    case .transpose:
      matrices { $0.transposed() } + [sample([[2, 3, odd]]) { $0[0].transposed() }]
    case .permute:
      matrices { $0.permuted([-1, 0]) } + [
        sample([[2, 3, odd]]) { $0[0].permuted([2, 0, 1]) },
        sample([[2, 3, odd]], .sliced) { $0[0].permuted([1, 2, 0]) },
      ]
    case .slice:
      matrices { $0[($0.shape[0] / 2)..., 0..<1] } + [
        sample([[5, odd]]) { $0[0][1..<4, 2...] },
        sample([[5, odd]]) { $0[0][-1] },
        sample([[5, odd]]) { $0[0][.all, 2..<2] },
      ]
    case .stridedSlice:
      matrices { $0.slice(axis: 0, 0..<$0.shape[0], by: 2) } + [
        sample([[odd, 9]]) { $0[0].slice(axis: 1, 1..<9, by: 3) }
      ]
    case .broadcast:
      source.shuffledLengths().map { length in
        sample([[length, 1]], accuracy: .sums(terms: 1, back: 6)) {
          $0[0].broadcast(to: [2, length, 3])
        }
      } + [
        sample([[]], accuracy: .sums(terms: 1, back: 257)) { $0[0].broadcast(to: [257]) },
        sample([[0, 1]]) { $0[0].broadcast(to: [0, 3]) },
        sample([[3, 1]]) { $0[0].broadcast(to: [0, 3, 2]) },
        sample([[2, 1, 17]], .transposed, accuracy: .sums(terms: 1, back: 3)) {
          $0[0].broadcast(to: [2, 3, 17])
        },
        sample([[2, 1, 17]], .sliced, accuracy: .sums(terms: 1, back: 3)) {
          $0[0].broadcast(to: [2, 3, 17])
        },
      ]
    case .concatenate:
      source.shuffledLengths().map { length in
        sample([[length, 2], [3, 2]]) { Tensors.concatenate($0, axis: 0) }
      } + [
        sample([[2, odd], [2, 1], [2, 0]]) { Tensors.concatenate($0, axis: -1) },
        sample([[3, 17], [3, 5], [3, 2]], .transposed) { Tensors.concatenate($0, axis: 1) },
        sample([[3, 17], [3, 5], [3, 2]], .sliced) { Tensors.concatenate($0, axis: 1) },
      ]
    case .contiguous:
      matrices { $0.transposed().contiguous() } + [
        sample([[3, 257]]) { $0[0].transposed().contiguous() },
        sample([[65, 33]]) { $0[0].transposed().contiguous() },
        sample([[3, 33, 127]]) { $0[0].permuted([1, 2, 0]).contiguous() },
      ]
    }
  }
}

extension Tensor {
  /// The same elements, row-major, in another shape.
  ///
  /// One length may be −1 and is then worked out. A view where strides allow, else a copy. Traps
  /// when the shapes have different numbers of elements.
  public func reshaped(to dimensions: [Int]) -> Tensor {
    var dimensions = dimensions
    if let open = dimensions.firstIndex(of: -1) {
      let known = dimensions.enumerated().reduce(1) { $1.offset == open ? $0 : $0 * $1.element }
      require(
        known > 0 && count % known == 0,
        "reshaped(to:): \(count) elements of shape \(shape) do not fill \(dimensions)")
      dimensions[open] = count / known
    }
    return reshaped(to: Shape(dimensions))
  }

  /// The same elements, row-major, in another shape.
  ///
  /// A view where strides allow, else a copy. Traps when the shapes have different numbers of
  /// elements.
  public func reshaped(to target: Shape) -> Tensor {
    guard target != shape else { return self }
    require(
      target.count == count,
      "reshaped(to:): shape \(shape) has \(count) elements, \(target) has \(target.count)")
    guard let view = view.reshaped(to: target) else { return contiguous().reshaped(to: target) }
    return with(view).recordedReshape(of: self)
  }

  /// The last two axes exchanged.
  public func transposed() -> Tensor {
    require(rank >= 2, "transposed(): shape \(shape) has fewer than two axes")
    return permuted(Array(0..<(rank - 2)) + [rank - 1, rank - 2])
  }

  /// The axes in another order: axis k of the result is axis `order[k]` of this tensor.
  public func permuted(_ order: [Int]) -> Tensor {
    let order = order.map { shape.normalized(axis: $0) }
    require(
      order.sorted() == Array(0..<rank),
      "permuted: \(order) does not name each axis of \(shape) once")
    var inverse = order
    for (position, axis) in order.enumerated() { inverse[axis] = position }
    return with(view.permuted(order)).recorded("permuted", from: [self]) { [inverse] cotangent, _ in
      [cotangent.permuted(inverse)]
    }
  }

  /// The entries of one axis in a range, or every `step`-th of them.
  public func slice(axis: Int, _ range: Range<Int>, by step: Int = 1) -> Tensor {
    let axis = shape.normalized(axis: axis)
    require(
      range.lowerBound >= 0 && range.upperBound <= shape[axis] && step > 0,
      "slice: \(range) by \(step) is outside axis \(axis) of shape \(shape)")
    var dimensions = shape.dimensions
    dimensions[axis] = (range.count + step - 1) / step
    var strides = self.strides
    strides[axis] *= step
    let first = offset + (dimensions[axis] == 0 ? 0 : range.lowerBound * self.strides[axis])
    let view = view.with(shape: Shape(dimensions), strides: strides, offset: first)
    let source = shape
    return with(view).recorded("slice", from: [self]) { cotangent, _ in
      let whole = Tensor.zeros(source, dtype: cotangent.dtype, on: cotangent.device)
      whole.slice(axis: axis, range, by: step).assign(cotangent)
      return [whole]
    }
  }

  /// Copies the elements of another tensor into a new tensor's storage.
  ///
  /// Only for a tensor that was made a moment ago and that no one else has seen.
  fileprivate func assign(_ source: Tensor) {
    guard count > 0 else { return }
    let operand = source.view
    let target = view
    device.launch(reading: [operand], writing: [target]) { backend in
      try backend.map([.input(0)], of: [.view(operand)], into: [target])
    }
  }

  /// The tensor repeated along new leading axes and axes of length 1.
  ///
  /// Traps when it does not fit.
  public func broadcast(to target: Shape) -> Tensor {
    guard target != shape else { return self }
    guard let view = view.broadcast(to: target) else {
      fatalError("broadcast: shape \(shape) does not broadcast to \(target)")
    }
    return with(view).recorded("broadcast", from: [self]) { cotangent, _ in [cotangent] }
  }

  /// The tensor with an axis of length 1 inserted; a negative position counts from the end.
  public func expandingShape(at axis: Int) -> Tensor {
    var dimensions = shape.dimensions
    let position = axis < 0 ? axis + rank + 1 : axis
    require(
      position >= 0 && position <= rank, "expandingShape: axis \(axis) is out of range for \(shape)"
    )
    dimensions.insert(1, at: position)
    return reshaped(to: Shape(dimensions))
  }

  /// The tensor without its axes of length 1.
  public func squeezed() -> Tensor {
    reshaped(to: Shape(shape.dimensions.filter { $0 != 1 }))
  }

  /// The same elements laid out row-major without gaps: this tensor if it is so already.
  public func contiguous() -> Tensor {
    guard !isContiguous else { return self }
    let result = device.allocate(dtype, shape)
    result.assign(self)
    return result.recorded("contiguous", from: [self]) { cotangent, _ in [cotangent] }
  }

  /// A part of the tensor: an index, a range or `.all` for each leading axis.
  ///
  ///     x[0]             // the first row; the axis is dropped
  ///     x[1..<3, .all]   // two rows
  ///     x[.all, -1]      // the last column
  ///
  /// Traps when an index is out of range.
  public subscript(_ selections: any TensorIndex...) -> Tensor {
    require(
      selections.count <= rank,
      "subscript: \(selections.count) indices for shape \(shape), which has \(rank) axes")
    var result = self
    var dropped: [Int] = []
    for (axis, selection) in selections.enumerated() {
      let range = selection.range(length: shape[axis])
      require(
        range.lowerBound >= 0 && range.upperBound <= shape[axis],
        "subscript: \(selection) is outside axis \(axis) of shape \(shape)")
      if range != 0..<shape[axis] { result = result.slice(axis: axis, range) }
      if selection.dropsAxis { dropped.append(axis) }
    }
    return dropped.isEmpty ? result : result.reshaped(to: result.shape.dropping(axes: dropped))
  }
}

/// Tensors one after another along an axis.
///
/// The other axes must agree, and so must dtypes; traps otherwise, or without tensors.
public func concatenate(_ tensors: [Tensor], axis: Int) -> Tensor {
  require(!tensors.isEmpty, "concatenate: no tensors")
  let device = commonDevice("concatenate", tensors)
  let dtype = commonDType("concatenate", tensors)
  let axis = tensors[0].shape.normalized(axis: axis)
  var dimensions = tensors[0].shape.dimensions
  for other in tensors.dropFirst() {
    require(
      other.rank == dimensions.count
        && (0..<other.rank).allSatisfy { $0 == axis || other.shape[$0] == dimensions[$0] },
      """
      concatenate: shapes \(tensors.map(\.shape.description).joined(separator: ", ")) differ \
      elsewhere than on axis \(axis)
      """)
  }
  var bounds = [0]
  for tensor in tensors { bounds.append(bounds[bounds.count - 1] + tensor.shape[axis]) }
  dimensions[axis] = bounds[bounds.count - 1]
  let result = device.allocate(dtype, Shape(dimensions))
  device.launch(reading: tensors.map(\.view), writing: [result.view]) { backend in
    for (index, tensor) in tensors.enumerated() where tensor.count > 0 {
      let part = result.slice(axis: axis, bounds[index]..<bounds[index + 1]).view
      try backend.map([.input(0)], of: [.view(tensor.view)], into: [part])
    }
  }
  return result.recorded("concatenate", from: tensors) {
    [bounds, count = tensors.count] cotangent, _ in
    (0..<count).map { cotangent.slice(axis: axis, bounds[$0]..<bounds[$0 + 1]) }
  }
}

/// What selects entries of one axis: an integer, a range, or `.all`.
public protocol TensorIndex: Sendable {
  /// The entries selected of an axis of the given length.
  func range(length: Int) -> Range<Int>
  /// Whether the axis is left out of the result.
  var dropsAxis: Bool { get }
}

extension TensorIndex {
  /// The axis stays.
  public var dropsAxis: Bool { false }
}

extension Int: TensorIndex {
  /// The one entry; a negative index counts from the end.
  public func range(length: Int) -> Range<Int> {
    let index = self < 0 ? self + length : self
    return index..<(index + 1)
  }
  /// An index drops its axis.
  public var dropsAxis: Bool { true }
}

extension Range<Int>: TensorIndex {
  /// The range itself.
  public func range(length: Int) -> Range<Int> { self }
}

extension ClosedRange<Int>: TensorIndex {
  /// The range, with its upper bound.
  public func range(length: Int) -> Range<Int> { lowerBound..<(upperBound + 1) }
}

extension PartialRangeFrom<Int>: TensorIndex {
  /// From the bound to the end of the axis.
  public func range(length: Int) -> Range<Int> { lowerBound..<Swift.max(lowerBound, length) }
}

extension PartialRangeUpTo<Int>: TensorIndex {
  /// From the start of the axis to before the bound.
  public func range(length: Int) -> Range<Int> { Swift.min(0, upperBound)..<upperBound }
}

extension PartialRangeThrough<Int>: TensorIndex {
  /// From the start of the axis to the bound.
  public func range(length: Int) -> Range<Int> { Swift.min(0, upperBound + 1)..<(upperBound + 1) }
}

/// Selects all entries of an axis; written `.all`.
public struct WholeAxis: TensorIndex {
  /// The whole axis.
  public func range(length: Int) -> Range<Int> { 0..<length }
}

extension TensorIndex where Self == WholeAxis {
  /// All entries of an axis.
  public static var all: WholeAxis { WholeAxis() }
}
