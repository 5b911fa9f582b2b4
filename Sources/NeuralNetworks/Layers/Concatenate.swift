public import Compute
public import Tensors

/// Parallel branches of layers, whose outputs are joined along an axis: by default the channels.
///
///     Concatenate {
///       Sequential { Linear(8); ReLU() }
///       Sequential { Linear(8); Tanh() }
///     }
///
/// A branch without layers passes the input on, which makes the connections of a dense network.
///
/// Source: C. Szegedy et al., "Going deeper with convolutions", CVPR 2015, section 4; G. Huang, Z.
/// Liu, L. van der Maaten, K. Weinberger, "Densely connected convolutional networks", CVPR 2017.
public final class Concatenate: Module, Layer {
  /// The branches.
  public let branches: [any Layer]
  /// The axis that is joined, counted with the batch axis, which is 0; negative ones from the end.
  public let axis: Int
  /// The shape of one example after each branch, once the model is built.
  public private(set) var branchShapes: [Shape] = []

  /// Creates parallel branches; traps without any, or when the batch axis would be joined.
  public init(axis: Int = 1, _ branches: [any Layer]) {
    require(!branches.isEmpty, "Concatenate: there are no branches")
    require(axis != 0, "Concatenate: axis 0 is the batch's, whose examples stay as many")
    self.axis = axis
    self.branches = branches
  }

  /// Creates parallel branches, each a layer.
  public convenience init(axis: Int = 1, @LayerBuilder _ branches: () -> [any Layer]) {
    self.init(axis: axis, branches())
  }

  /// The branches, by number.
  public override var namedContents: [(name: String, value: Any)] {
    branches.enumerated().map { ("\($0.offset)", $0.element) }
  }

  /// The branches' summaries.
  public override var summary: String {
    "Concatenate(" + branches.map(\.summary).joined(separator: ", ") + ")"
  }

  /// The outputs of all branches, joined.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    concatenate(branches.map { $0(x) }, axis: axis)
  }

  /// Builds the branches, whose outputs must agree but for the axis.
  public func build(input: Shape) throws(ModelError) -> Shape {
    var shapes: [Shape] = []
    for (number, branch) in branches.enumerated() {
      do throws(ModelError) {
        shapes.append(try branch.build(input: input))
      } catch {
        throw error.inside(branch, named: "\(number)")
      }
    }
    let rank = shapes[0].rank
    // The axes of one example are those of a batch without the first.
    let place = axis > 0 ? axis - 1 : axis + rank
    func others(_ shape: Shape) -> [Int] {
      var lengths = shape.dimensions
      if lengths.indices.contains(place) { lengths.remove(at: place) }
      return lengths
    }
    guard (0..<rank).contains(place),
      shapes.allSatisfy({ $0.rank == rank && others($0) == others(shapes[0]) })
    else {
      throw ModelError(
        """
        the branches give shapes \(shapes.map(\.description).joined(separator: ", ")), which cannot \
        be joined on axis \(axis); the others must agree, and axis 0 is the batch's
        """)
    }
    branchShapes = shapes
    var lengths = shapes[0].dimensions
    lengths[place] = shapes.reduce(0) { $0 + $1[place] }
    return Shape(lengths)
  }
}
