import Compute
public import Foundation
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
/// names of columns and labels, or of arrays with the shape of an example, in the metadata.
public struct Preprocessor: Hashable, Sendable {
  /// What the training data had, and more data must have.
  public let schema: ExampleSchema
  /// How features are scaled, or nil when they are taken as they are.
  public let standardization: Standardization?

  /// Creates a preprocessor; traps when it scales another number of features than there are.
  public init(schema: ExampleSchema, standardization: Standardization?) {
    if let standardization {
      require(
        standardization.mean.count == schema.exampleShape.count,
        "Preprocessor: a standardisation of \(standardization.mean.count) features "
          + "for \(schema.exampleShape.count)")
    }
    self.schema = schema
    self.standardization = standardization
  }

  /// Fits preprocessing to examples, which should be those to train on alone.
  public init(_ preprocessing: Preprocessing, fitting data: some LabeledData) {
    let standardization: Standardization? =
      switch preprocessing {
      case .none: nil
      case .standardize: data.standardization()
      }
    self.init(schema: data.schema, standardization: standardization)
  }

  /// The kind of preprocessing.
  public var preprocessing: Preprocessing { standardization == nil ? .none : .standardize }
}

// MARK: - The file

extension Preprocessor {
  private enum Key: String {
    case preprocessing
    case labelVocabulary
    case featureNames
    case labelColumn
    case inputsName
    case labelsName
    case exampleShape

    static let ofTables: [Key] = [.preprocessing, .featureNames, .labelColumn, .labelVocabulary]
  }

  private static let meanName = "mean"
  private static let scaleName = "scale"

  /// Writes a safetensors file; when that fails nothing is left and a `SafetensorsError` is thrown.
  public func save(to url: URL) throws {
    var file = Safetensors()
    func set(_ key: Key, _ text: String) { file.metadata[key.rawValue] = text }
    func set(_ key: Key, json value: some Encodable) throws {
      set(key, String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
    }
    set(.preprocessing, preprocessing.rawValue)
    try set(.labelVocabulary, json: schema.labelVocabulary)
    switch schema {
    case .table(let schema):
      set(.labelColumn, schema.labelColumn)
      try set(.featureNames, json: schema.featureNames)
    case .arrays(let schema):
      set(.inputsName, schema.inputsName)
      set(.labelsName, schema.labelsName)
      try set(.exampleShape, json: schema.exampleShape.dimensions)
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
    let schema = try reader.schema()
    var standardization: Standardization?
    switch preprocessing {
    case .none: try reader.checkArrays([])
    case .standardize:
      try reader.checkArrays([Self.meanName, Self.scaleName])
      let mean = try reader.numbers(Self.meanName, count: schema.exampleShape.count)
      let scale = try reader.numbers(Self.scaleName, count: schema.exampleShape.count)
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
        let keys = Key.ofTables.map { quoted($0.rawValue) }.joined(separator: ", ")
        throw error(
          "this is not a file of preprocessing: its metadata lacks \(quoted(key.rawValue)); "
            + "expected \(keys)")
      }
      return text
    }

    func schema() throws -> ExampleSchema {
      guard contents.metadata[Key.exampleShape.rawValue] == nil else {
        return .arrays(
          ArraySchema(
            inputsName: try string(.inputsName), labelsName: try string(.labelsName),
            exampleShape: try shape(.exampleShape), labelVocabulary: try names(.labelVocabulary)))
      }
      let featureNames = try names(.featureNames)
      let labelColumn = try string(.labelColumn)
      guard !featureNames.contains(labelColumn) else {
        throw error("the label column \(quoted(labelColumn)) is also a feature")
      }
      return .table(
        TableSchema(
          featureNames: featureNames, labelColumn: labelColumn,
          labelVocabulary: try names(.labelVocabulary)))
    }

    private func shape(_ key: Key) throws -> Shape {
      let json = Data(try string(key).utf8)
      // A product that does not fit would trap.
      guard let lengths = try? JSONDecoder().decode([Int].self, from: json),
        lengths.allSatisfy({ $0 > 0 && $0 <= 1 << 30 }),
        lengths.reduce(1.0, { $0 * Double($1) }) <= Double(1 << 40)
      else { throw error("\(quoted(key.rawValue)) must be a JSON array of positive numbers") }
      return Shape(lengths)
    }

    private func names(_ key: Key) throws -> [String] {
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
