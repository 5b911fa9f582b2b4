public import Compute
public import Tensors

/// A different activation for each unit of the last axis, in one launch.
///
///     Linear(2)
///     PerUnit([.cos, .identity])
///
/// Fewer activations than units are repeated in their order. See ``Tensors/UnitActivations``.
public final class PerUnit: Module, Layer {
  /// The activation of each unit.
  public let activations: UnitActivations

  /// Creates a layer; traps without activations.
  public init(_ activations: [Activation]) { self.activations = UnitActivations(activations) }

  /// `PerUnit(cos, identity)`.
  public override var summary: String {
    "PerUnit(\(activations.activations.map(\.name).joined(separator: ", ")))"
  }

  /// Each unit's activation of its output.
  public func callAsFunction(_ x: Tensor) -> Tensor { activations(x) }

  /// Keeps the shape; throws where the activations do not fit the last axis.
  public func build(input: Shape) throws(ModelError) -> Shape {
    let count = activations.activations.count
    guard input.rank >= 1, activations.fit(unitCount: input[-1]) else {
      throw ModelError(
        "PerUnit has \(count) activations, but its input has shape \(input); expected \(count) units, or a multiple"
      )
    }
    return input
  }
}
