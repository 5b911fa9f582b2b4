/// A number of work-items in one to three dimensions.
///
///     try queue.enqueue(add, a, b, c, global: [1024, 8], local: [64, 1])
public struct WorkSize: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// How many dimensions there are, 1 to 3.
  public let dimensions: Int

  private let sizes: SIMD4<Int>

  /// A size in one dimension.
  public init(_ x: Int) {
    (dimensions, sizes) = (1, [x, 1, 1, 0])
  }

  /// A size in two dimensions.
  public init(_ x: Int, _ y: Int) {
    (dimensions, sizes) = (2, [x, y, 1, 0])
  }

  /// A size in three dimensions.
  public init(_ x: Int, _ y: Int, _ z: Int) {
    (dimensions, sizes) = (3, [x, y, z, 0])
  }

  /// A size in as many dimensions as the literal has elements.
  ///
  /// Traps if that is not 1, 2 or 3.
  public init(arrayLiteral elements: Int...) {
    switch elements.count {
    case 1: self.init(elements[0])
    case 2: self.init(elements[0], elements[1])
    case 3: self.init(elements[0], elements[1], elements[2])
    default: fatalError("a work size has 1 to 3 dimensions, not \(elements.count)")
    }
  }

  /// The size in a dimension.
  ///
  /// Traps if there is no such dimension.
  public subscript(dimension: Int) -> Int {
    require(
      0..<dimensions ~= dimension, "no dimension \(dimension) in a work size of \(dimensions)")
    return sizes[dimension]
  }

  /// The number of work-items.
  public var count: Int { sizes.x * sizes.y * sizes.z }

  /// The least size not below this one that is a multiple of `local` in each dimension.
  ///
  /// Traps if `local` has other dimensions or is not positive.
  public func rounded(upToMultipleOf local: WorkSize) -> WorkSize {
    require(
      local.dimensions == dimensions, "\(self) and \(local) differ in their dimensions")
    var rounded = sizes
    for dimension in 0..<dimensions {
      let step = local[dimension]
      require(step > 0, "a local size of \(local)")
      rounded[dimension] = (sizes[dimension] + step - 1) / step * step
    }
    return WorkSize(dimensions: dimensions, sizes: rounded)
  }

  private init(dimensions: Int, sizes: SIMD4<Int>) {
    self.dimensions = dimensions
    self.sizes = sizes
  }

  /// The sizes in brackets: `[1024, 8]`.
  public var description: String {
    "[\((0..<dimensions).map { String(sizes[$0]) }.joined(separator: ", "))]"
  }

  /// Whether both are the same if dimensions left out count as 1.
  func hasSameExtent(as other: WorkSize) -> Bool {
    sizes == other.sizes
  }

  /// Hands the sizes to an OpenCL function, as an array of size_t.
  func withPointer<Result>(_ body: (UnsafePointer<Int>?) -> Result) -> Result {
    withUnsafeBytes(of: sizes) { body($0.assumingMemoryBound(to: Int.self).baseAddress) }
  }
}
