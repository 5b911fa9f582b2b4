public import Compute
public import Tensors

/// Sets elements to 0 with a given probability in training, and scales the others to keep the mean.
///
/// Which elements depends on the model's seed, the layer's path and the number of the training
/// pass; evaluation passes everything through. See ``dropout(_:probability:key:draw:)``.
public final class Dropout: Module, Layer {
  /// The probability of dropping an element.
  public let probability: Double

  /// The number of the next pass in training, on the device, so that a captured step counts on.
  @RunningState(shape: .scalar, dtype: .int64, startingValue: 0, isSaved: false)
  private var passCount: Tensor

  /// Creates a layer; traps unless 0 ≤ probability < 1.
  public init(_ probability: Double = 0.5) {
    require(
      probability >= 0 && probability < 1, "Dropout: probability \(probability) is not in 0..<1")
    self.probability = probability
  }

  /// `Dropout(p)`.
  public override var summary: String { "Dropout(\(probability))" }

  /// The elements that are kept, scaled; all of them in evaluation.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard mode == .training else { return x }
    let kept = dropout(x, probability: probability, key: key["dropout"], draw: passCount)
    RunningState.update([$passCount], tensors: []) { old, _, _ in [old[0] + 1] }
    return kept
  }

  /// Takes any shape, and keeps it.
  public func build(input: Shape) throws(ModelError) -> Shape { input }
}
