import Compute
import NeuralNetworks
import OrderedCollections

/// The layers of a network and the memory that training it takes.
struct ModelSummary: Encodable {
  /// One layer.
  struct LayerSummary: Encodable {
    let index: Int
    let layer: String
    /// The shape of one example after the layer.
    let outputShape: [Int]
    let parameterCount: Int
  }

  /// Bytes on the device, before they are rounded up to what it allocates.
  struct Memory: Encodable {
    let parameters: Int
    let runningStates: Int
    let gradients: Int
    let optimizerStates: Int
    /// The outputs of all layers for one batch, which the gradient needs.
    let activations: Int

    var total: Int { parameters + runningStates + gradients + optimizerStates + activations }
  }

  let inputShape: [Int]
  let layers: [LayerSummary]
  let parameterCount: Int
  let dtype: DType
  let batchSize: Int
  let memory: Memory
  /// The network that is described, built and not initialised.
  let network: Sequential

  private enum CodingKeys: String, CodingKey {
    case inputShape, layers, parameterCount, dtype, batchSize, memory
  }

  init(_ configuration: Configuration, input: Shape, classCount: Int) throws {
    let built = try configuration.model.build(
      input: input, classCount: classCount, loss: configuration.loss)
    try configuration.optimizer.checkGroups(of: built.network)
    network = built.network
    dtype = configuration.training.dtype
    batchSize = configuration.training.plan.batchSize
    inputShape = input.dimensions
    layers = zip(configuration.model.items, built.outputShapes).enumerated().map { index, pair in
      LayerSummary(
        index: index, layer: pair.0.layer.summary, outputShape: pair.1.dimensions,
        parameterCount: pair.0.layer.parameterCount)
    }
    parameterCount = built.network.parameterCount
    let parameterBytes = parameterCount * dtype.byteCount
    memory = Memory(
      parameters: parameterBytes,
      runningStates: built.network.runningStates.values.reduce(0) { bytes, state in
        bytes + (state.shape?.count ?? 0) * (state.dtype ?? configuration.training.dtype).byteCount
      },
      gradients: parameterBytes,
      optimizerStates: parameterBytes * configuration.optimizer.stateCount,
      activations: built.outputShapes.reduce(input.count) { $0 + $1.count } * batchSize
        * dtype.byteCount)
  }
}

extension ModelSummary: CustomStringConvertible {
  /// A table of layers, and what they come to.
  var description: String {
    var table = TextTable(.left(""), .left("layer"), .left("output"), .right("parameters"))
    table.append("", "input", shapeText(inputShape), "")
    for layer in layers {
      table.append(
        "\(layer.index)", layer.layer, shapeText(layer.outputShape), grouped(layer.parameterCount))
    }
    var memoryTable = TextTable(.left("memory"), .right(""))
    for (name, bytes) in [
      ("parameters", memory.parameters), ("running statistics", memory.runningStates),
      ("gradients", memory.gradients), ("optimizer", memory.optimizerStates),
      ("outputs of a batch of \(batchSize)", memory.activations), ("together", memory.total),
    ] {
      memoryTable.append(name, byteCount(bytes))
    }
    return "\(table)\n\n\(grouped(parameterCount)) parameters of \(dtype)\n\n\(memoryTable)"
  }

  private func shapeText(_ shape: [Int]) -> String { "\(Shape(shape))" }
}
