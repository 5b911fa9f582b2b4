import Compute
public import Foundation

/// Named columns of numbers: what a network gets to see of each row.
public struct Table: Hashable, Sendable {
  /// The names of the columns.
  public let featureNames: [String]
  /// The numbers, row-major: `[rowCount, featureCount]`.
  public let values: [Double]
  /// The number of rows.
  public let rowCount: Int

  /// Creates a table; traps unless the values fill whole rows.
  public init(featureNames: [String], values: [Double]) {
    require(
      !featureNames.isEmpty && values.count.isMultiple(of: featureNames.count),
      "Table: \(values.count) values do not fill rows of \(featureNames.count) features")
    self.featureNames = featureNames
    self.values = values
    self.rowCount = values.count / featureNames.count
  }

  /// Reads a file for a trained model, which finds its columns by name, in any order.
  ///
  /// A label column may be there and is not read. Throws a ``DataError`` that lists all columns
  /// that are missing or that the training data did not have.
  public init(contentsOf url: URL, schema: TableSchema) throws {
    try self.init(CSV(contentsOf: url), schema: schema)
  }

  /// Takes the columns of a trained model from a file that is read already.
  ///
  /// Throws as ``init(contentsOf:schema:)`` does.
  public init(_ csv: CSV, schema: TableSchema) throws {
    try self.init(csv, columns: schema.positions(of: schema.featureNames, in: csv))
  }

  fileprivate init(_ csv: CSV, columns: [Int]) throws {
    var values: [Double] = []
    values.reserveCapacity(csv.rows.count * columns.count)
    for row in csv.rows {
      for column in columns { values.append(try csv.number(column, of: row)) }
    }
    self.init(featureNames: columns.map { csv.columns[$0] }, values: values)
  }

  /// The number of columns.
  public var featureCount: Int { featureNames.count }

  /// The numbers of one row.
  public subscript(row row: Int) -> ArraySlice<Double> {
    values[row * featureCount..<(row + 1) * featureCount]
  }

  /// The table of the given rows, in the given order.
  public func selecting(rows: [Int]) -> Table {
    Table(featureNames: featureNames, values: rows.flatMap { self[row: $0] })
  }
}

/// A table with the class of each row.
public struct LabeledTable: Hashable, Sendable {
  /// What is known of each row.
  public let features: Table
  /// The name of the column with the labels.
  public let labelColumn: String
  /// All labels there are, sorted: by value if all are numbers, else as text.
  public let labelVocabulary: [String]
  /// The class of each row: an index into the vocabulary.
  public let classes: [Int]

  /// Creates a table; traps unless there is one class, within the vocabulary, for each row.
  public init(
    features: Table, labelColumn: String, labelVocabulary: [String], classes: [Int]
  ) {
    require(
      classes.count == features.rowCount,
      "LabeledTable: \(classes.count) classes for \(features.rowCount) rows")
    require(
      classes.allSatisfy(labelVocabulary.indices.contains),
      "LabeledTable: a class is outside 0..<\(labelVocabulary.count)")
    self.features = features
    self.labelColumn = labelColumn
    self.labelVocabulary = labelVocabulary
    self.classes = classes
  }

  /// Reads a file to train on: one column has the labels, all others are features.
  ///
  /// Throws a ``DataError`` that names the file, the line and what was expected.
  public init(contentsOf url: URL, labelColumn: String) throws {
    try self.init(CSV(contentsOf: url), labelColumn: labelColumn)
  }

  /// Takes features and labels from a file that is read already; throws a ``DataError``.
  public init(_ csv: CSV, labelColumn: String) throws {
    guard let column = csv.columns.firstIndex(of: labelColumn) else {
      throw DataError(
        file: csv.file, line: CSV.headerLine,
        problem: .missingLabelColumn(labelColumn, columns: csv.columns))
    }
    let featureNames = csv.columns.filter { $0 != labelColumn }
    guard !featureNames.isEmpty else {
      throw DataError(
        file: csv.file, line: CSV.headerLine, problem: .noFeatureColumns(labelColumn: labelColumn))
    }
    let labels = try csv.rows.map { try csv.label(column, of: $0) }
    let schema = TableSchema(
      featureNames: featureNames, labelColumn: labelColumn,
      labelVocabulary: Self.vocabulary(of: labels))
    try self.init(csv, schema: schema)
  }

  /// Reads a file to evaluate a trained model on; its columns may stand in any order.
  ///
  /// Throws a ``DataError`` for missing and unexpected columns, all at once, and for a label that
  /// the training data did not have.
  public init(contentsOf url: URL, schema: TableSchema) throws {
    try self.init(CSV(contentsOf: url), schema: schema)
  }

  /// Takes features and labels of a trained model from a file that is read already.
  ///
  /// Throws as ``init(contentsOf:schema:)`` does.
  public init(_ csv: CSV, schema: TableSchema) throws {
    let columns = try schema.positions(of: [schema.labelColumn] + schema.featureNames, in: csv)
    let classOfLabel = Dictionary(
      uniqueKeysWithValues: zip(schema.labelVocabulary, schema.labelVocabulary.indices))
    let classes = try csv.rows.map { row in
      let label = try csv.label(columns[0], of: row)
      guard let known = classOfLabel[label] else {
        throw DataError(
          file: csv.file, line: row.line,
          problem: .unknownLabel(label, known: schema.labelVocabulary))
      }
      return known
    }
    self.init(
      features: try Table(csv, columns: Array(columns.dropFirst())),
      labelColumn: schema.labelColumn, labelVocabulary: schema.labelVocabulary, classes: classes)
  }

  /// The label of each row.
  public var labels: [String] { classes.map { labelVocabulary[$0] } }

  /// What a file must have to be used with a model trained on this table.
  public var tableSchema: TableSchema {
    TableSchema(
      featureNames: features.featureNames, labelColumn: labelColumn,
      labelVocabulary: labelVocabulary)
  }

  /// The table of the given rows, in the given order, with the whole vocabulary.
  public func selecting(rows: [Int]) -> LabeledTable {
    LabeledTable(
      features: features.selecting(rows: rows), labelColumn: labelColumn,
      labelVocabulary: labelVocabulary, classes: rows.map { classes[$0] })
  }

  private static func vocabulary(of labels: [String]) -> [String] {
    let distinct = Set(labels)
    let numbers = distinct.compactMap { label in
      DecimalNumber.parse(label).value.map { (value: $0, label: label) }
    }
    guard numbers.count == distinct.count else { return distinct.sorted() }
    return numbers.sorted { ($0.value, $0.label) < ($1.value, $1.label) }.map(\.label)
  }
}
