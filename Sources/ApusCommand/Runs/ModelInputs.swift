import Compute
import Datasets
import Foundation
import Tensors

/// Rows of a file as a trained network takes them.
struct ModelInputs {
  /// The rows, preprocessed as the training data was.
  let tensor: Tensor
  /// The class of each row, where it was asked for.
  let classes: [Int]?
  /// Where a row stands, for errors.
  let place: (_ row: Int) -> String

  var count: Int { tensor.shape[0] }

  /// Reads a file of the kind that the model was trained on; labels are read where they are needed.
  init(_ path: String, for model: TrainedModel, withLabels: Bool) throws {
    let url = URL(fileURLWithPath: path)
    let standardization = model.preprocessor.standardization
    switch model.schema {
    case .table(let schema):
      guard !DataConfiguration.isArchive(path) else {
        throw RunError(
          "\(path): the model was trained on a table; expected a CSV file with its columns")
      }
      let csv = try CSV(contentsOf: url)
      let labeled = withLabels ? try LabeledTable(csv, schema: schema) : nil
      let table = try labeled?.features ?? Table(csv, schema: schema)
      tensor = (standardization?.applied(to: table) ?? table)
        .tensor(dtype: model.dtype, on: model.device)
      classes = labeled?.classes
      place = { "\(csv.file):\(csv.rows[$0].line)" }
    case .arrays(let schema):
      guard DataConfiguration.isArchive(path) else {
        throw RunError(
          """
          \(path): the model was trained on arrays; expected a .npz file with '\(schema.inputsName)'
          """)
      }
      let archive = try NumPyArchive(contentsOf: url)
      let labeled = withLabels ? try LabeledArrays(archive, schema: schema) : nil
      let examples =
        try labeled?.examples
        ?? ExampleArray(archive, named: schema.inputsName, exampleShape: schema.exampleShape)
      tensor = examples.tensor(standardization, dtype: model.dtype, on: model.device)
      classes = labeled?.classes
      place = { "\(archive.file): \(schema.inputsName)[\($0)]" }
    }
  }
}
