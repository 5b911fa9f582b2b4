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

  /// Reads a run and puts its network on a device.
  init(_ run: RunDirectory, on device: Device) throws {
    try run.checkIsRun()
    let configuration = try Configuration(contentsOf: run.path(of: .configuration))
    try configuration.training.checkDType(on: device)
    preprocessor = try Preprocessor(contentsOf: run.url(of: .preprocessing))
    let schema = preprocessor.schema
    loss = configuration.loss
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
  /// A row for which the network gives no finite numbers is an error at its place.
  func outputs(for rows: ModelInputs) throws -> [[Double]] {
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

/// A row whose numbers the network cannot compute with.
struct UnusableRow: Error, CustomStringConvertible {
  let place: String
  let dtype: DType

  var description: String {
    "\(place): the network's outputs are not finite; the row's numbers are too far from those of the "
      + "training data for \(dtype)"
  }
}
