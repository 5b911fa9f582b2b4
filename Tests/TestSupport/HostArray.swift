public import Compute
public import Tensors
public import Testing

/// An array on the host, stated index by index: the plainest form of what an operation means.
public struct HostArray: Sendable, CustomStringConvertible {
  /// The lengths of the axes.
  public let shape: Shape
  /// The elements, row-major.
  public let values: [Double]

  /// An array of the given elements.
  public init(_ shape: Shape, _ values: [Double]) {
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    self.shape = shape
    self.values = values
  }

  /// The array whose element at each index is a function of the index.
  public init(_ shape: Shape, at value: ([Int]) -> Double) {
    self.init(shape, HostArray.indices(of: shape).map(value))
  }

  /// The element at an index.
  public subscript(_ index: [Int]) -> Double {
    values[zip(index, shape.contiguousStrides).reduce(0) { $0 + $1.0 * $1.1 }]
  }

  /// The element at the index that broadcasting gives for one of a larger shape.
  public subscript(broadcast index: [Int]) -> Double {
    self[zip(index.suffix(shape.rank), shape.dimensions).map { $1 == 1 ? 0 : $0 }]
  }

  /// Every index of a shape, row-major.
  public static func indices(of shape: Shape) -> [[Int]] {
    shape.dimensions.reversed().reduce([[]]) { tails, length in
      (0..<length).flatMap { head in tails.map { [head] + $0 } }
    }
  }

  /// The shape and the elements.
  public var description: String { "\(shape) \(values)" }
}

extension SeededGenerator {
  /// An array of whole numbers, of which sums and products are exact.
  public mutating func whole(_ shape: Shape, _ range: ClosedRange<Int> = -9...9) -> HostArray {
    HostArray(shape, integers(shape.count, in: range))
  }

  /// An array of multiples of 2⁻¹⁰.
  public mutating func array(_ shape: Shape, bound: Int = 2) -> HostArray {
    HostArray(shape, values(shape.count, bound: bound))
  }
}

extension Setting {
  /// A host's array as a tensor whose elements lie in memory in a given way.
  ///
  /// Between and before the elements of a sliced one stand NaNs, which a kernel that reads a
  /// neighbour would show.
  public func tensor(_ array: HostArray, _ layout: SampleInput.Layout = .contiguous) -> Tensor {
    let shape = array.shape
    switch layout {
    case .transposed where shape.rank >= 2:
      let reversed = Array((0..<shape.rank).reversed())
      let stored = HostArray(Shape(shape.dimensions.reversed())) { array[$0.reversed()] }
      return tensor(stored.values, stored.shape).permuted(reversed)
    case .sliced where shape.rank >= 1:
      let wide = Shape(shape.dimensions.dropLast() + [2 * shape[-1] + 1])
      let stored = HostArray(wide) { index in
        let (column, rest) = (index[index.count - 1], index.dropLast())
        return column % 2 == 0 ? .nan : array[rest + [column / 2]]
      }
      return tensor(stored.values, wide).slice(axis: -1, 1..<(2 * shape[-1] + 1), by: 2)
    case .contiguous, .transposed, .sliced:
      return tensor(array.values, shape)
    }
  }
}

/// Expects a tensor to be a host's array.
public func expectClose(
  _ tensor: Tensor, _ expected: HostArray, _ tolerance: Tolerance = .exact, _ label: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  #expect(tensor.shape == expected.shape, "\(label)", sourceLocation: sourceLocation)
  try expectClose(tensor, expected.values, tolerance, label, sourceLocation: sourceLocation)
}
