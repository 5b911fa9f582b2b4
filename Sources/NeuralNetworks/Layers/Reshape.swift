public import Compute
public import Tensors

/// Gives each example another shape: `[n, …]` becomes `[n] + shape`, in row-major order.
///
///     Reshape([1, 8, 8])   // a row of 64 pixels as an image of one channel
///
/// One length may be −1: it is what the others leave.
public final class Reshape: Module, Layer {
  /// The shape of an example behind the layer; one length may be −1.
  public let lengths: [Int]

  /// Creates a layer; traps unless every length is positive, or one of them −1.
  public init(_ lengths: [Int]) {
    require(
      lengths.allSatisfy { $0 > 0 || $0 == -1 } && lengths.count { $0 == -1 } <= 1,
      "Reshape: lengths are \(lengths); positive ones were expected, and −1 at most once")
    self.lengths = lengths
  }

  /// `Reshape(1, 8, 8)`.
  public override var summary: String {
    "Reshape(\(lengths.map(String.init).joined(separator: ", ")))"
  }

  /// The examples in their new shape; traps when they have another number of elements.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    require(x.rank >= 1, "Reshape: a scalar has no batch axis")
    let example = Shape(Array(x.shape.dimensions.dropFirst()))
    guard let target = target(for: example) else {
      fatalError("\(summary): examples have shape \(example), \(example.count) elements")
    }
    return x.reshaped(to: Shape([x.shape[0]] + target.dimensions))
  }

  /// The shape of an example behind the layer, or nil when one of this shape cannot have it.
  private func target(for example: Shape) -> Shape? {
    guard let known = knownCount else { return nil }
    let hasOpenLength = lengths.contains(-1)
    guard hasOpenLength ? example.count % known == 0 : example.count == known else { return nil }
    return Shape(lengths.map { $0 == -1 ? example.count / known : $0 })
  }

  /// The product of the lengths that are known; nil where it is beyond all memory.
  private var knownCount: Int? { Shape.product(of: lengths.filter { $0 > 0 }) }

  /// The shape that was asked for; throws when the input has another number of elements.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard let target = target(for: input) else {
      let known = knownCount.map { "\($0)" } ?? "more than 2⁴⁰"
      throw ModelError(
        """
        \(summary) needs \(lengths.contains(-1) ? "a multiple of \(known)" : known) elements, \
        but its input of shape \(input) has \(input.count)
        """)
    }
    return target
  }
}
