import Compute
/// The columns and labels that a model was trained on, which files for it are held to.
public struct TableSchema: Hashable, Sendable {
  /// The feature columns, in the order in which the model takes them.
  public let featureNames: [String]
  /// The name of the column with the labels.
  public let labelColumn: String
  /// The label of each class.
  public let labelVocabulary: [String]

  /// Creates a schema; traps when two columns, or two labels, have the same name.
  public init(featureNames: [String], labelColumn: String, labelVocabulary: [String]) {
    require(
      Set(featureNames + [labelColumn]).count == featureNames.count + 1,
      "TableSchema: two columns have the same name")
    require(
      Set(labelVocabulary).count == labelVocabulary.count,
      "TableSchema: two classes have the same label")
    self.featureNames = featureNames
    self.labelColumn = labelColumn
    self.labelVocabulary = labelVocabulary
  }

  /// Where the given columns, all of which are the schema's, stand in a file.
  ///
  /// Throws one ``DataError`` with all of them that the file lacks and all that the schema does not
  /// have.
  func positions(of names: [String], in csv: CSV) throws -> [Int] {
    let known = Set(featureNames + [labelColumn])
    let positionOfColumn = Dictionary(uniqueKeysWithValues: zip(csv.columns, csv.columns.indices))
    let missing = names.filter { positionOfColumn[$0] == nil }
    let unexpected = csv.columns.filter { !known.contains($0) }
    guard missing.isEmpty, unexpected.isEmpty else {
      throw DataError(
        file: csv.file, line: CSV.headerLine,
        problem: .columnsDoNotFit(missing: missing, unexpected: unexpected))
    }
    return names.compactMap { positionOfColumn[$0] }
  }
}
