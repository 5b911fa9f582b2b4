public import Compute
public import Tensors

/// Joins neighbouring axes into one: `[n, …]` becomes `[n, product of the rest]`.
///
///     Flatten(from: 2)   // [n, channels, height, width] becomes [n, channels, height · width]
public final class Flatten: Module, Layer {
  /// The first axis that is joined, counted with the batch axis, which is 0 and stays.
  public let firstAxis: Int
  /// The last axis that is joined, counted likewise; negative ones are counted from the end.
  public let lastAxis: Int

  /// Creates the layer; traps when the batch axis would be joined.
  public init(from firstAxis: Int = 1, through lastAxis: Int = -1) {
    require(
      firstAxis != 0 && lastAxis != 0,
      "Flatten: axes \(firstAxis) through \(lastAxis) were to be joined, but the batch axis 0 stays"
    )
    self.firstAxis = firstAxis
    self.lastAxis = lastAxis
  }

  /// `Flatten`, with its axes where not all behind the batch's are joined.
  public override var summary: String {
    firstAxis == 1 && lastAxis == -1 ? "Flatten" : "Flatten(\(firstAxis) through \(lastAxis))"
  }

  /// The examples with the axes joined.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    require(x.rank >= 1, "Flatten: a scalar has no batch axis")
    guard let target = target(for: x.shape) else {
      fatalError("\(summary): the input of shape \(x.shape) has no such axes")
    }
    return x.reshaped(to: target)
  }

  /// The shape of a batch behind the layer, or nil where it lacks the axes.
  private func target(for batch: Shape) -> Shape? {
    let rank = batch.rank
    // Examples that are numbers become vectors of one.
    if rank == 1, firstAxis == 1, lastAxis == -1 { return Shape(batch.dimensions + [1]) }
    let first = firstAxis < 0 ? firstAxis + rank : firstAxis
    let last = lastAxis < 0 ? lastAxis + rank : lastAxis
    guard first >= 1, last < rank, first <= last else { return nil }
    let lengths = batch.dimensions
    return Shape(
      lengths[..<first] + [lengths[first...last].reduce(1, *)] + lengths[(last + 1)...])
  }

  /// The shape of one example with the axes joined.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard let batch = target(for: Shape([1] + input.dimensions)) else {
      throw ModelError(
        """
        \(summary) counts the batch axis as 0, and its input of shape \(input) has axes \
        \(input.rank == 0 ? "none" : "1 through \(input.rank)")
        """)
    }
    return Shape(Array(batch.dimensions.dropFirst()))
  }
}
