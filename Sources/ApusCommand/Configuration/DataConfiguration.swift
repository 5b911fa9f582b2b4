import Compute
import Datasets
import Foundation

/// The section `data`: the table, and what is done with it before training.
struct DataConfiguration {
  /// The table, relative to the working directory or absolute.
  let file: String
  let labelColumn: String
  /// The share of rows that is held out.
  let heldOutFraction: Double
  /// The seed of the division into rows to train on and rows held out.
  let splitSeed: UInt64
  let preprocessing: Preprocessing

  private let filePlace: Place
  private let labelPlace: Place

  /// Reads the section; files are relative to the folder of the configuration.
  init(_ section: ConfigurationSection, folder: String, seed: UInt64?) throws {
    file = try section.requiredValue(
      "file",
      .file("the path of a CSV file with a header, from the configuration's folder", in: folder))
    labelColumn = try section.value(
      "label", .text("the name of the column with the labels"), default: "label")
    heldOutFraction = try section.value("heldOut", .number(.fraction), default: 0.2)
    splitSeed = try section.value("splitSeed", .seed, default: 0, override: seed)
    let standardizes = try section.value("standardize", .flag, default: true)
    preprocessing = standardizes ? .standardize : .none
    filePlace = section.place(of: "file")
    labelPlace = section.place(of: "label")
  }

  /// Reads the table.
  ///
  /// Throws `DataError` for what is wrong in the file, and ``ConfigurationError`` where the
  /// configuration names a file or a column that is not there.
  func table() throws -> LabeledTable {
    let table: LabeledTable
    do {
      table = try LabeledTable(
        contentsOf: URL(fileURLWithPath: file), labelColumn: labelColumn)
    } catch let error as DataError {
      switch error.problem {
      case .unreadable: throw ConfigurationError(filePlace, "\(error)")
      case .missingLabelColumn: throw ConfigurationError(labelPlace, "\(error)")
      default: throw error
      }
    }
    guard table.labelVocabulary.count > 1 else {
      throw ConfigurationError(
        labelPlace,
        "all rows of \(file) have the label '\(table.labelVocabulary[0])'; expected two classes or more"
      )
    }
    return table
  }

  /// Divides a table into rows to train on and rows held out, of which there may be none.
  func split(_ table: LabeledTable) -> (training: LabeledTable, heldOut: LabeledTable) {
    guard heldOutFraction > 0 else { return (table, table.selecting(rows: [])) }
    return table.split(heldOutFraction: heldOutFraction, key: RandomKey(seed: splitSeed))
  }
}
