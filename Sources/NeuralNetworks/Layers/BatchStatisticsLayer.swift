import Compute
import Tensors

/// A layer whose statistics are taken over a batch, so that an example's output depends on the
/// others.
protocol BatchStatisticsLayer: Layer {
  /// The values of one example that share statistics, once the layer is built.
  var positionCount: Int? { get }
}

extension BatchStatisticsLayer {
  /// Traps when statistics would be those of one value alone.
  func requireSeveralValues(_ geometry: NormalizationGeometry, of x: Tensor) {
    require(
      geometry.groupCount > 1 || x.count == 0,
      """
      \(place): in training a batch of one has no variance (input of shape \(x.shape)); use \
      larger batches, or GroupNorm or LayerNorm
      """)
  }

  /// Values of each channel, shaped to broadcast over the axes behind the channels of x.
  func alignedWithChannels(_ values: Tensor, of x: Tensor) -> Tensor {
    values.reshaped(to: Shape([x.shape[1]] + [Int](repeating: 1, count: x.rank - 2)))
  }

  /// The number of positions of each channel of an input `[c, …]`; throws on other channels.
  func checkChannels(_ known: Int?, of input: Shape) throws(ModelError) -> Int {
    let name = "\(Self.self)"
    guard input.rank >= 1 else {
      throw ModelError("\(name) needs an input [c] or [c, …] for each example, not a scalar")
    }
    if let known, known != input[0] {
      throw ModelError("\(name) has \(known) channels, but its input has shape \(input)")
    }
    return input.dimensions.dropFirst().reduce(1, *)
  }
}

extension Module {
  /// Whether one example alone is sure to have no statistics somewhere in this module, which is
  /// built.
  package final var needsSeveralExamples: Bool { firstOfBatchStatistics != nil }

  /// The first module in this one that takes statistics which one example alone does not have.
  private final var firstOfBatchStatistics: (path: String, module: Module)? {
    var found: (path: String, module: Module)?
    walk { path, module in
      if found == nil, (module as? any BatchStatisticsLayer)?.positionCount == 1 {
        found = (path, module)
      }
    }
    return found
  }

  /// Throws when a batch of one example would stop the training of this model.
  final func checkBatches(_ plan: TrainingPlan, of exampleCount: Int) throws(ModelError) {
    guard plan.batches(of: exampleCount).contains(where: { $0.count == 1 }) else { return }
    guard let found = firstOfBatchStatistics else { return }
    throw ModelError(
      """
      in training a batch of one has no variance; use a batchSize of 2 or more, or GroupNorm or \
      LayerNorm
      """, layer: "\(found.path) (\(type(of: found.module)))")
  }
}
