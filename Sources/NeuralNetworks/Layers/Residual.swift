public import Compute
public import Tensors

/// Layers whose output is added to their input: y = layers(x) + x.
///
///     Residual { Linear(64); ReLU(); Linear(64) }
///     Residual(projection: { Linear(64) }) { Linear(64); ReLU() }   // for inputs of other shapes
///
/// Signals and gradients pass through the sum unchanged, which is how very deep networks learn.
/// Where the layers change the shape, a projection makes that shape of the input.
///
/// Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR
/// 2016, equations 1 and 2.
public final class Residual: Module, Layer {
  /// The layers whose output is added.
  public let body: Sequential
  /// What the input goes through before it is added; nil for nothing.
  public let projection: Sequential?

  /// Creates a block of layers, and of those that the input goes through.
  public init(_ layers: [any Layer], projection: [any Layer]? = nil) {
    body = Sequential(layers)
    self.projection = projection.map { Sequential($0) }
  }

  /// Creates a block of layers.
  public convenience init(@LayerBuilder _ layers: () -> [any Layer]) { self.init(layers()) }

  /// Creates a block of layers, and of those that the input goes through.
  public convenience init(
    @LayerBuilder projection: () -> [any Layer], @LayerBuilder _ layers: () -> [any Layer]
  ) {
    self.init(layers(), projection: projection())
  }

  /// The layers' summaries.
  public override var summary: String {
    let layers = body.layers.map(\.summary).joined(separator: ", ")
    let projected = projection.map { "; " + $0.layers.map(\.summary).joined(separator: ", ") } ?? ""
    return "Residual(\(layers)\(projected))"
  }

  /// The layers' output and the input, added.
  public func callAsFunction(_ x: Tensor) -> Tensor { body(x) + (projection?(x) ?? x) }

  /// Builds the layers and the projection, which must come to the same shape.
  public func build(input: Shape) throws(ModelError) -> Shape {
    let output = try body.build(input: input)
    var added = input
    if let projection {
      do throws(ModelError) {
        added = try projection.build(input: input)
      } catch {
        throw error.inside(projection, named: "projection")
      }
    }
    guard added == output else {
      throw ModelError(
        """
        the layers of a residual block give shape \(output), but \
        \(projection == nil ? "its input has" : "its projection gives") \(added), and they are \
        added; expected the same shape\(projection == nil ? ", or a projection that gives it" : "")
        """)
    }
    return output
  }
}
