public import Compute
public import Foundation
public import Tensors

/// Examples of any shape with the class of each, from two arrays of a `.npz` file.
public struct LabeledArrays: LabeledData {
  /// What is known of each example.
  public let examples: ExampleArray
  /// The arrays' names, the shape of an example and all labels there are, sorted by value.
  public let arraySchema: ArraySchema
  /// The class of each example: an index into the vocabulary.
  public let classes: [Int]

  /// Reads a file to train on: inputs `[n, …]` of numbers, and labels `[n]` of whole numbers.
  ///
  /// Throws a ``DataError`` that names the file, the array and what was expected.
  public init(contentsOf url: URL, inputs: String, labels: String) throws {
    let archive = try NumPyArchive(contentsOf: url)
    examples = try ExampleArray(archive, named: inputs)
    let values = try Self.labels(archive, named: labels, count: examples.rowCount)
    let distinct = Set(values).sorted()
    let classOfLabel = Dictionary(uniqueKeysWithValues: zip(distinct, distinct.indices))
    classes = values.compactMap { classOfLabel[$0] }
    arraySchema = ArraySchema(
      inputsName: inputs, labelsName: labels, exampleShape: examples.exampleShape,
      labelVocabulary: distinct.map(String.init))
  }

  /// Reads a file to evaluate a trained model on.
  ///
  /// Throws a ``DataError`` for what does not fit the model, and for a label that the training data
  /// did not have.
  public init(_ archive: NumPyArchive, schema: ArraySchema) throws {
    examples = try ExampleArray(
      archive, named: schema.inputsName, exampleShape: schema.exampleShape)
    let values = try Self.labels(archive, named: schema.labelsName, count: examples.rowCount)
    let classOfLabel = Dictionary(
      uniqueKeysWithValues: zip(schema.labelVocabulary, schema.labelVocabulary.indices))
    classes = try values.map { value in
      guard let known = classOfLabel["\(value)"] else {
        throw DataError(
          file: archive.file, problem: .unknownLabel("\(value)", known: schema.labelVocabulary))
      }
      return known
    }
    arraySchema = schema
  }

  private init(examples: ExampleArray, schema: ArraySchema, classes: [Int]) {
    self.examples = examples
    self.arraySchema = schema
    self.classes = classes
  }

  private static func labels(
    _ archive: NumPyArchive, named name: String, count: Int
  ) throws -> [Int] {
    let array = try archive.array(name)
    func refuse(_ problem: String) -> DataError {
      DataError(file: archive.file, problem: .unsuitableArray(name, problem))
    }
    guard !array.dtype.isFloatingPoint else {
      throw refuse("its labels are \(array.dtype); expected whole numbers")
    }
    // A column of labels is as good as a row of them.
    guard array.shape == [count] || array.shape == [count, 1] else {
      throw refuse("it has shape \(array.shape); expected [\(count)], a label for each example")
    }
    return array.integers
  }

  /// The arrays and labels.
  public var schema: ExampleSchema { .arrays(arraySchema) }

  /// The examples of the given numbers, in the given order, with the whole vocabulary.
  public func selecting(rows: [Int]) -> LabeledArrays {
    LabeledArrays(
      examples: examples.selecting(rows: rows), schema: arraySchema,
      classes: rows.map { classes[$0] })
  }

  /// That of each element of an example.
  public func standardization() -> Standardization { examples.standardization() }

  /// The inputs, `[rows, …]`.
  public func inputs(
    _ standardization: Standardization?, dtype: DType, on device: Device
  ) -> Tensor {
    examples.tensor(standardization, dtype: dtype, on: device)
  }
}

extension NumPyArray {
  /// The elements of an array of integers, exactly.
  fileprivate var integers: [Int] {
    bytes.withUnsafeBytes { bytes in
      (0..<shape.count).map { position in
        switch dtype {
        case .int64:
          Int(
            Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: position * 8, as: Int64.self)))
        case .int32:
          Int(
            Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: position * 4, as: Int32.self)))
        case .uint8, .float16, .bfloat16, .float32, .float64: Int(bytes[position])
        }
      }
    }
  }
}
