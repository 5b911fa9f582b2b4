/// The lengths of a tensor's axes, outermost first.
///
/// A shape without axes is a scalar's; an axis may have length zero.
public struct Shape: Hashable, Sendable {
  /// The length of each axis.
  public let dimensions: [Int]

  /// Creates a shape from the lengths of its axes; traps when one is negative.
  public init(_ dimensions: [Int]) {
    require(
      dimensions.allSatisfy { $0 >= 0 }, "Shape: an axis has a negative length: \(dimensions)")
    self.dimensions = dimensions
  }

  /// The shape of a scalar.
  public static let scalar = Shape([])

  /// The number of axes.
  public var rank: Int { dimensions.count }

  /// The number of elements: the product of the lengths, 1 for a scalar.
  public var count: Int { dimensions.reduce(1, *) }

  /// Whether memory could have the elements of a thousand such shapes: whether they are at most 2⁴⁰.
  ///
  /// Traps at no length, unlike ``count``.
  package var isAddressable: Bool { Shape.product(of: dimensions) != nil }

  /// The product of lengths, or nil where it is more than 2⁴⁰.
  package static func product(of lengths: [Int]) -> Int? {
    let limit = 1 << 40
    if lengths.contains(0) { return 0 }
    return lengths.reduce(1) { (product: Int?, length) in
      guard let product, length <= limit / product else { return nil }
      return product * length
    }
  }

  /// The length of an axis; a negative axis counts from the last.
  ///
  /// Traps when there is no such axis.
  public subscript(axis: Int) -> Int { dimensions[normalized(axis: axis)] }

  /// The axis as a number from 0, whether it was given from the front or, negative, from the back.
  ///
  /// Traps when there is no such axis.
  public func normalized(axis: Int) -> Int {
    let normalized = axis < 0 ? axis + rank : axis
    require(
      normalized >= 0 && normalized < rank,
      "axis \(axis) is out of range for shape \(self), which has \(rank) axes")
    return normalized
  }

  /// The element strides of a row-major layout without gaps.
  public var contiguousStrides: [Int] {
    var strides = [Int](repeating: 1, count: rank)
    for axis in stride(from: rank - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * dimensions[axis + 1]
    }
    return strides
  }

  /// The shape both operands take under NumPy's rules, or nil when they do not fit.
  ///
  /// Axes are aligned at the last; lengths must be equal, or one of them 1.
  public func broadcast(with other: Shape) -> Shape? {
    let rank = max(self.rank, other.rank)
    var result = [Int](repeating: 1, count: rank)
    for axis in 0..<rank {
      let left = axis - (rank - self.rank)
      let right = axis - (rank - other.rank)
      let a = left >= 0 ? dimensions[left] : 1
      let b = right >= 0 ? other.dimensions[right] : 1
      guard a == b || a == 1 || b == 1 else { return nil }
      result[axis] = a == 1 ? b : a
    }
    return Shape(result)
  }

  /// The shape with the lengths of the given axes replaced by 1.
  public func keeping(reduced axes: [Int]) -> Shape {
    var result = dimensions
    for axis in axes { result[normalized(axis: axis)] = 1 }
    return Shape(result)
  }

  /// The shape without the given axes.
  public func dropping(axes: [Int]) -> Shape {
    let dropped = Set(axes.map(normalized(axis:)))
    return Shape(dimensions.enumerated().filter { !dropped.contains($0.offset) }.map(\.element))
  }
}

extension Shape: ExpressibleByArrayLiteral {
  /// Creates a shape from a literal such as `[128, 64]`.
  public init(arrayLiteral dimensions: Int...) { self.init(dimensions) }
}

extension Shape: CustomStringConvertible {
  /// The lengths in brackets, such as `[128, 64]`.
  public var description: String {
    "[" + dimensions.map(String.init).joined(separator: ", ") + "]"
  }
}
