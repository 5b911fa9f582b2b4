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
  /// The shape of one example as the network takes it.
  let inputShape: Shape
  private let device: Device

  /// Reads a run and puts its network on a device.
  init(_ run: RunDirectory, on device: Device) throws {
    try run.checkIsRun()
    let configuration = try Configuration(contentsOf: run.path(of: .configuration))
    try configuration.training.checkDType(on: device)
    preprocessor = try Preprocessor(contentsOf: run.url(of: .preprocessing))
    let schema = preprocessor.schema
    loss = configuration.loss
    dtype = configuration.training.dtype
    inputShape = [schema.featureNames.count]
    network = try configuration.model.build(
      input: inputShape, classCount: schema.labelVocabulary.count, loss: loss
    ).network
    network.initialize(seed: 0, on: device, dtype: dtype)
    let saved = try Safetensors(contentsOf: run.url(of: .model))
    try network.load(saved, from: run.path(of: .model))
    self.device = device
  }

  /// The columns and labels of the data that the network was trained on.
  var schema: TableSchema { preprocessor.schema }

  /// The number of trained numbers.
  var parameterCount: Int { network.parameterCount }

  /// What the network gives for each row of a table as it was read.
  ///
  /// `csv` is where the table comes from: a row for which the network gives no finite numbers is an
  /// error at its line.
  func outputs(for table: Table, of csv: CSV) throws -> [[Double]] {
    let inputs = preprocessor.applied(to: table).tensor(dtype: dtype, on: device)
    let outputs = predict(network, inputs)
    let width = outputs.shape[-1]
    let values = try outputs.array(of: Double.self)
    return try csv.rows.enumerated().map { index, row in
      let output = Array(values[index * width..<(index + 1) * width])
      guard output.allSatisfy(\.isFinite) else {
        throw UnusableRow(file: csv.file, line: row.line, dtype: dtype)
      }
      return output
    }
  }
}

/// A row whose numbers the network cannot compute with.
struct UnusableRow: Error, CustomStringConvertible {
  let file: String
  let line: Int
  let dtype: DType

  var description: String {
    "\(file):\(line): the network's outputs are not finite; the row's numbers are too far from "
      + "those of the training data for \(dtype)"
  }
}
