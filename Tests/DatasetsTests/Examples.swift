import Datasets
import Foundation

/// The data sets that the README runs on.
enum Examples {
  static let folder = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Examples/Data")

  static func table(_ name: String) throws -> LabeledTable {
    try LabeledTable(contentsOf: folder.appending(path: "\(name).csv"), labelColumn: "label")
  }
}

extension CSV {
  /// A table of the text of a file.
  init(_ text: String) throws { try self.init(Data(text.utf8), file: "t.csv") }
}
