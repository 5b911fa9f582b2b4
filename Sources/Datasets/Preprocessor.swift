public import Foundation
import Compute
import NeuralNetworks

/// What is done to features before a network sees them.
public enum Preprocessing: String, CaseIterable, Codable, Sendable {
  /// Nothing.
  case none
  /// ``Standardization``.
  case standardize
}

/// All that a trained model needs to read more data as it read its own.
///
/// It is kept beside the weights as `preprocessing.safetensors`: `mean` and `scale` as F64, the
/// names of columns and labels as JSON in the metadata.
public struct Preprocessor: Hashable, Sendable {
  /// The columns and labels of the training data.
  public let schema: TableSchema
  /// How features are scaled, or nil when they are taken as they are.
  public let standardization: Standardization?

  /// Creates a preprocessor; traps when it scales another number of features than there are.
  public init(schema: TableSchema, standardization: Standardization?) {
    if let standardization {
      require(
        standardization.mean.count == schema.featureNames.count,
        "Preprocessor: a standardisation of \(standardization.mean.count) features "
          + "for \(schema.featureNames.count)")
    }
    self.schema = schema
    self.standardization = standardization
  }

  /// Fits preprocessing to a table, which should be the training part alone.
  public init(_ preprocessing: Preprocessing, fitting table: LabeledTable) {
    let standardization: Standardization? =
      switch preprocessing {
      case .none: nil
      case .standardize: Standardization(fitting: table.features)
      }
    self.init(schema: table.schema, standardization: standardization)
  }

  /// The kind of preprocessing.
  public var preprocessing: Preprocessing { standardization == nil ? .none : .standardize }

  /// The features as the network takes them.
  public func applied(to features: Table) -> Table {
    standardization?.applied(to: features) ?? features
  }

  /// The table with its features as the network takes them.
  public func applied(to table: LabeledTable) -> LabeledTable {
    LabeledTable(
      features: applied(to: table.features), labelColumn: table.labelColumn,
      labelVocabulary: table.labelVocabulary, classes: table.classes)
  }
}

// MARK: - The file

extension Preprocessor {
  private enum Key: String, CaseIterable {
    case preprocessing
    case featureNames
    case labelColumn
    case labelVocabulary
  }

  private static let meanName = "mean"
  private static let scaleName = "scale"

  /// Writes a safetensors file; when that fails nothing is left and a `SafetensorsError` is thrown.
  public func save(to url: URL) throws {
    var file = Safetensors()
    file.metadata[Key.preprocessing.rawValue] = preprocessing.rawValue
    file.metadata[Key.labelColumn.rawValue] = schema.labelColumn
    for (key, names) in [
      (Key.featureNames, schema.featureNames), (.labelVocabulary, schema.labelVocabulary),
    ] {
      file.metadata[key.rawValue] = String(decoding: try JSONEncoder().encode(names), as: UTF8.self)
    }
    if let standardization {
      file.append(Self.array(Self.meanName, standardization.mean))
      file.append(Self.array(Self.scaleName, standardization.scale))
    }
    try file.write(to: url)
  }

  /// Reads a file that ``save(to:)`` wrote.
  ///
  /// Throws a `SafetensorsError` when it is not a safetensors file and a ``DataError`` when it is
  /// not one of preprocessing.
  public init(contentsOf url: URL) throws {
    let reader = FileReader(
      contents: try Safetensors(contentsOf: url), file: url.relativePath)
    let name = try reader.string(.preprocessing)
    guard let preprocessing = Preprocessing(rawValue: name) else {
      let known = Preprocessing.allCases.map { quoted($0.rawValue) }.joined(separator: ", ")
      throw reader.error("unknown preprocessing \(quoted(name)); there are \(known)")
    }
    let featureNames = try reader.names(.featureNames)
    let labelColumn = try reader.string(.labelColumn)
    guard !featureNames.contains(labelColumn) else {
      throw reader.error("the label column \(quoted(labelColumn)) is also a feature")
    }
    let schema = TableSchema(
      featureNames: featureNames, labelColumn: labelColumn,
      labelVocabulary: try reader.names(.labelVocabulary))
    var standardization: Standardization?
    switch preprocessing {
    case .none: try reader.checkArrays([])
    case .standardize:
      try reader.checkArrays([Self.meanName, Self.scaleName])
      let mean = try reader.numbers(Self.meanName, count: schema.featureNames.count)
      let scale = try reader.numbers(Self.scaleName, count: schema.featureNames.count)
      guard scale.allSatisfy({ $0 > 0 }) else {
        throw reader.error("the array \"scale\" must hold positive numbers")
      }
      standardization = Standardization(mean: mean, scale: scale)
    }
    self.init(schema: schema, standardization: standardization)
  }

  private static func array(_ name: String, _ values: [Double]) -> Safetensors.NamedArray {
    let bytes = values.flatMap { value in
      withUnsafeBytes(of: value.bitPattern.littleEndian) { [UInt8]($0) }
    }
    return Safetensors.NamedArray(
      name: name, dtype: .float64, shape: [values.count], bytes: bytes)
  }

  /// Takes what is needed from the contents of a file, with errors that name the file.
  private struct FileReader {
    let contents: Safetensors
    let file: String

    func error(_ text: String) -> DataError {
      DataError(file: file, problem: .invalidPreprocessing(text))
    }

    func string(_ key: Key) throws -> String {
      guard let text = contents.metadata[key.rawValue] else {
        let keys = Key.allCases.map { quoted($0.rawValue) }.joined(separator: ", ")
        throw error(
          "this is not a file of preprocessing: its metadata lacks \(quoted(key.rawValue)); "
            + "expected \(keys)")
      }
      return text
    }

    func names(_ key: Key) throws -> [String] {
      let json = Data(try string(key).utf8)
      guard let names = try? JSONDecoder().decode([String].self, from: json),
        !names.isEmpty, Set(names).count == names.count
      else {
        throw error("\(quoted(key.rawValue)) must be a JSON array of different strings")
      }
      return names
    }

    func checkArrays(_ names: [String]) throws {
      let unexpected = contents.arrays.map(\.name).filter { !names.contains($0) }
      guard unexpected.isEmpty else {
        let list = unexpected.map(quoted).joined(separator: ", ")
        throw error("unexpected arrays: \(list)")
      }
    }

    func numbers(_ name: String, count: Int) throws -> [Double] {
      guard let array = contents[name] else { throw error("the array \(quoted(name)) is missing") }
      guard array.dtype == .float64, array.shape == [count] else {
        throw error(
          "the array \(quoted(name)) must be float64 of shape [\(count)], "
            + "not \(array.dtype) of shape \(array.shape)")
      }
      let values = array.bytes.withUnsafeBytes { bytes in
        (0..<count).map { index in
          Double(
            bitPattern: UInt64(
              littleEndian: bytes.loadUnaligned(
                fromByteOffset: index * MemoryLayout<UInt64>.size, as: UInt64.self)))
        }
      }
      guard values.allSatisfy(\.isFinite) else {
        throw error("the array \(quoted(name)) must hold finite numbers")
      }
      return values
    }
  }
}
