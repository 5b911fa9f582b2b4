import Compute
import Datasets
import Foundation

/// The section `data`: the examples, and what is done with them before training.
struct DataConfiguration {
  /// What a file is read as.
  private enum Form {
    /// CSV with a header, one column of which has the labels.
    case table(labelColumn: String)
    /// NumPy's `.npz`, of whose arrays one has the inputs and one the labels.
    case arrays(inputs: String, labels: String)
  }

  /// The file, relative to the working directory or absolute.
  let file: String
  private let form: Form
  /// The share of rows that is held out.
  let heldOutFraction: Double
  /// The seed of the division into rows to train on and rows held out.
  let splitSeed: UInt64
  let preprocessing: Preprocessing

  private let filePlace: Place
  private let inputsPlace: Place
  private let labelPlace: Place
  private let standardizePlace: Place

  /// Reads the section; files are relative to the folder of the configuration.
  init(_ section: ConfigurationSection, folder: String, seed: UInt64?) throws {
    file = try section.requiredValue(
      "file",
      .file(
        "the path of a CSV file with a header, or of a .npz file, from the configuration's folder",
        in: folder))
    guard !file.lowercased().hasSuffix(".npy") else {
      throw ConfigurationError(
        section.place(of: "file"),
        "a .npy file is one array; expected a .npz file, which has inputs and labels, or a CSV file"
      )
    }
    let labelKey: String
    if Self.isArchive(file) {
      labelKey = "labels"
      form = .arrays(
        inputs: try section.value(
          "inputs", .text("the name of the array with the inputs"), default: "X"),
        labels: try section.value(
          labelKey, .text("the name of the array with the labels"), default: "y"))
      inputsPlace = section.place(of: "inputs")
    } else {
      labelKey = "label"
      form = .table(
        labelColumn: try section.value(
          labelKey, .text("the name of the column with the labels"), default: "label"))
      inputsPlace = section.place(of: "file")
    }
    heldOutFraction = try section.value("heldOut", .number(.fraction), default: 0.2)
    splitSeed = try section.value("splitSeed", .seed, default: 0, override: seed)
    let standardizes = try section.value("standardize", .flag, default: true)
    preprocessing = standardizes ? .standardize : .none
    filePlace = section.place(of: "file")
    labelPlace = section.place(of: labelKey)
    standardizePlace = section.place(of: "standardize")
  }

  /// Throws where the data are numbers of rows, which standardising would change.
  func checkStandardization(for model: ModelConfiguration) throws(ConfigurationError) {
    guard preprocessing == .standardize, model.embeddingOfInputs != nil else { return }
    throw ConfigurationError(
      standardizePlace,
      "the first layer, embedding, takes numbers of rows, which this would change; expected false")
  }

  /// Whether a file is NumPy's `.npz` by its name.
  static func isArchive(_ path: String) -> Bool { path.lowercased().hasSuffix(".npz") }

  /// Reads the examples.
  ///
  /// Throws `DataError` for what is wrong in the file, and ``ConfigurationError`` where the
  /// configuration names a file, a column or an array that is not there.
  func examples() throws -> any LabeledData {
    let data: any LabeledData
    do {
      let url = URL(fileURLWithPath: file)
      data =
        switch form {
        case .table(let labelColumn): try LabeledTable(contentsOf: url, labelColumn: labelColumn)
        case .arrays(let inputs, let labels):
          try LabeledArrays(contentsOf: url, inputs: inputs, labels: labels)
        }
    } catch let error as DataError {
      switch error.problem {
      case .unreadable: throw ConfigurationError(filePlace, "\(error)")
      case .missingLabelColumn: throw ConfigurationError(labelPlace, "\(error)")
      case .array(.noSuchArray(let name, _)):
        throw ConfigurationError(isInputs(name) ? inputsPlace : labelPlace, "\(error)")
      default: throw error
      }
    }
    let vocabulary = data.schema.labelVocabulary
    guard vocabulary.count > 1 else {
      throw ConfigurationError(
        labelPlace,
        "all rows of \(file) have the label '\(vocabulary[0])'; expected two classes or more")
    }
    return data
  }

  private func isInputs(_ name: String) -> Bool {
    if case .arrays(inputs: name, _) = form { true } else { false }
  }

  /// Divides examples into those to train on and those held out, of which there may be none.
  func split<Examples: LabeledData>(
    _ data: Examples
  ) -> (training: Examples, heldOut: Examples) {
    guard heldOutFraction > 0 else { return (data, data.selecting(rows: [])) }
    return data.split(heldOutFraction: heldOutFraction, key: RandomKey(seed: splitSeed))
  }
}
