/// A strided window on a storage: what a backend reads from and writes to.
///
/// The element at indices i₀, i₁, … lies at `offset + Σ iₖ·strides[k]`, counted in elements.
public struct View: Sendable {
  /// The bytes that are looked at.
  public let storage: Storage
  /// The type of the elements.
  public let dtype: DType
  /// The lengths of the axes.
  public let shape: Shape
  /// The distance between neighbours along each axis, in elements; 0 repeats one element.
  public let strides: [Int]
  /// The position of the first element, in elements from the storage's start.
  public let offset: Int

  /// Creates a view; without strides, of a row-major layout without gaps.
  public init(
    _ storage: Storage, dtype: DType, shape: Shape, strides: [Int]? = nil, offset: Int = 0
  ) {
    let strides = strides ?? shape.contiguousStrides
    require(strides.count == shape.rank, "View: \(strides.count) strides for shape \(shape)")
    self.storage = storage
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
    self.offset = offset
  }

  /// The number of elements.
  public var count: Int { shape.count }

  /// Whether the elements lie row-major without gaps.
  public var isContiguous: Bool {
    var expected = 1
    for axis in stride(from: shape.rank - 1, through: 0, by: -1) where shape.dimensions[axis] != 1 {
      if shape.dimensions[axis] == 0 { return true }
      if strides[axis] != expected { return false }
      expected *= shape.dimensions[axis]
    }
    return true
  }

  /// The same storage looked at through another shape, strides and offset.
  public func with(shape: Shape, strides: [Int], offset: Int? = nil) -> View {
    View(storage, dtype: dtype, shape: shape, strides: strides, offset: offset ?? self.offset)
  }

  /// The view repeated along new or length-1 axes to fill a shape, or nil when it does not fit.
  public func broadcast(to target: Shape) -> View? {
    guard target.rank >= shape.rank else { return nil }
    let lead = target.rank - shape.rank
    var result = [Int](repeating: 0, count: target.rank)
    for axis in 0..<shape.rank {
      if shape.dimensions[axis] == target.dimensions[axis + lead] {
        result[axis + lead] = shape.dimensions[axis] == 1 ? 0 : strides[axis]
      } else if shape.dimensions[axis] != 1 {
        return nil
      }
    }
    return with(shape: target, strides: result)
  }

  /// The view with its axes in another order: axis k of the result is axis `order[k]` of this one.
  public func permuted(_ order: [Int]) -> View {
    with(shape: Shape(order.map { shape.dimensions[$0] }), strides: order.map { strides[$0] })
  }

  /// The view in another shape of as many elements, or nil when only a copy could have that shape.
  public func reshaped(to target: Shape) -> View? {
    if count == 0 { return with(shape: target, strides: target.contiguousStrides) }
    // Runs of axes that are contiguous with each other are merged, then split anew.
    var runs: [(length: Int, stride: Int)] = []
    for axis in 0..<shape.rank where shape.dimensions[axis] != 1 {
      let length = shape.dimensions[axis]
      if let last = runs.last, last.stride == strides[axis] * length {
        runs[runs.count - 1] = (last.length * length, strides[axis])
      } else {
        runs.append((length, strides[axis]))
      }
    }
    var result = [Int](repeating: 0, count: target.rank)
    var run = runs.count - 1
    var used = 1
    for axis in stride(from: target.rank - 1, through: 0, by: -1) {
      let length = target.dimensions[axis]
      if length == 1 { continue }
      guard run >= 0, runs[run].length % (used * length) == 0 else { return nil }
      result[axis] = runs[run].stride * used
      used *= length
      if used == runs[run].length {
        run -= 1
        used = 1
      }
    }
    return with(shape: target, strides: result)
  }
}
