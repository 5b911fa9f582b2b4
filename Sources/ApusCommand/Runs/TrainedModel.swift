import Compute
import Datasets
import Foundation
import NeuralNetworks
import Tensors

/// A network that 'apus train' left, ready to be used on more data.
struct TrainedModel {
  let preprocessor: Preprocessor
  let loss: LossConfiguration
  /// The type of the numbers that the network computes with.
  let dtype: DType
  let network: Sequential
  let device: Device
  private let embeddingOfInputs: Embedding?

  /// Reads a run and puts its network on a device.
  init(_ run: RunDirectory, on device: Device) throws {
    try run.checkIsRun()
    let configuration = try Configuration(contentsOf: run.path(of: .configuration))
    try configuration.training.checkDType(on: device)
    preprocessor = try Preprocessor(contentsOf: run.url(of: .preprocessing))
    let schema = preprocessor.schema
    loss = configuration.loss
    embeddingOfInputs = configuration.model.embeddingOfInputs?.layer
    dtype = configuration.training.dtype
    network = try configuration.model.build(
      input: schema.exampleShape, classCount: schema.labelVocabulary.count, loss: loss
    ).network
    network.initialize(seed: 0, on: device, dtype: dtype)
    let saved = try Safetensors(contentsOf: run.url(of: .model))
    try network.load(saved, from: run.path(of: .model))
    self.device = device
  }

  /// What the data had that the network was trained on.
  var schema: ExampleSchema { preprocessor.schema }

  /// The number of trained numbers.
  var parameterCount: Int { network.parameterCount }

  /// What the network gives for each row of data.
  ///
  /// A row for which the network gives no finite numbers is an error at its place, and so is one with
  /// a number that an embedding has no row for.
  func outputs(for rows: ModelInputs) throws -> [[Double]] {
    if let embedding = embeddingOfInputs,
      let number = try embedding.numberOfNoRow(in: rows.tensor)
    {
      throw RunError(
        "\(rows.place(number.example)): there is \(embedding.refusal(of: number.value))")
    }
    let outputs = predict(network, rows.tensor)
    let width = outputs.shape[-1]
    let values = try outputs.array(of: Double.self)
    return try (0..<rows.count).map { row in
      let output = Array(values[row * width..<(row + 1) * width])
      guard output.allSatisfy(\.isFinite) else {
        throw UnusableRow(place: rows.place(row), dtype: dtype)
      }
      return output
    }
  }
}

extension Embedding {
  /// The first number that is not one of a row, and the number of its example; nil where all are.
  func numberOfNoRow(in numbers: Tensor) throws -> (example: Int, value: Double)? {
    let values = try numbers.array(of: Double.self)
    let place = values.firstIndex {
      $0 != $0.rounded() || !(0..<Double(rowCount)).contains($0)
    }
    return place.map { ($0 / (values.count / numbers.shape[0]), values[$0]) }
  }

  /// What is wrong with a number, and what would be right.
  func refusal(of number: Double) -> String {
    "\(String(format: "%g", number)), which is no row of \(summary); expected whole numbers from 0 to "
      + "\(rowCount - 1)"
  }
}

/// A row whose numbers the network cannot compute with.
struct UnusableRow: Error, CustomStringConvertible {
  let place: String
  let dtype: DType

  var description: String {
    "\(place): the network's outputs are not finite; the row's numbers are too far from those of the "
      + "training data for \(dtype)"
  }
}
