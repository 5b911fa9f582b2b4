import Compute
import Datasets
import Foundation
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct LabeledArraysTests {
  /// 24 images [1, 2, 3] of uint8 under `X`, of classes 3 and 7 in turn; and what does not fit them.
  private static let url = Golden.folder.appending(path: "numpy/examples.npz")

  private func arrays(inputs: String = "X", labels: String = "y") throws -> LabeledArrays {
    try LabeledArrays(contentsOf: Self.url, inputs: inputs, labels: labels)
  }

  private func images() throws -> [Double] {
    try NumPyArchive(contentsOf: Self.url).array("X").bytes.map { Double($0) }
  }

  @Test("Images keep their shape, labels are sorted by value", arguments: ["y", "column"])
  func reading(labels: String) throws {
    let arrays = try arrays(labels: labels)
    #expect(arrays.rowCount == 24)
    #expect(
      arrays.schema
        == .arrays(
          ArraySchema(
            inputsName: "X", labelsName: labels, exampleShape: [1, 2, 3],
            labelVocabulary: ["3", "7"])))
    #expect(arrays.classes == (0..<24).map { $0 % 2 })
    let examples = arrays.examples(on: .reference)
    try expectEqual(examples.inputs, [24, 1, 2, 3], images())
    try expectEqual(examples.targets, [24], arrays.classes.map(Double.init))
  }

  @Test("A selection has the rows in the order asked for")
  func selection() throws {
    let part = try arrays().selecting(rows: [5, 0])
    #expect(part.classes == [1, 0])
    let images = try images()
    try expectEqual(
      part.examples(dtype: .float64, on: .reference).inputs, [2, 1, 2, 3],
      Array(images[30..<36] + images[0..<6]))
    let split = try arrays().split(heldOutFraction: 0.25, key: RandomKey(seed: 1))
    #expect(split.training.rowCount == 18)
    #expect(split.heldOut.classes.filter { $0 == 0 }.count == 3)
  }

  @Test("Each element of an example is standardised, one that does not vary is only shifted")
  func standardization() throws {
    let arrays = try arrays()
    let table = Table(featureNames: (0..<6).map { "\($0)" }, values: try images())
    let standardization = arrays.standardization()
    #expect(standardization == Standardization(fitting: table))
    #expect(standardization.scale[5] == 1)
    try expectEqual(
      arrays.examples(standardization, dtype: .float64, on: .reference).inputs, [24, 1, 2, 3],
      standardization.applied(to: table).values)
  }

  @Test("More data is read as the training data was")
  func schema() throws {
    guard case .arrays(let schema) = try arrays().schema else { return }
    let read = try LabeledArrays(NumPyArchive(contentsOf: Self.url), schema: schema)
    #expect(read.classes == (0..<24).map { $0 % 2 })
    let preprocessor = Preprocessor(.standardize, fitting: try arrays())
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    try preprocessor.save(to: file)
    #expect(try Preprocessor(contentsOf: file) == preprocessor)
  }

  @Test(
    "What does not fit is refused with its array and what was expected",
    arguments: [
      ("X", "real", "array \"real\": its labels are float64; expected whole numbers"),
      (
        "X", "short",
        "array \"short\": it has shape [5]; expected [24], a label for each example"
      ),
      ("nan", "y", "array \"nan\": its element [2, 0, 1, 0] is not a finite number"),
      (
        "flat", "y",
        "array \"flat\": it has shape [24]; expected [examples, …] with two axes or more"
      ),
      ("empty", "y", "array \"empty\": it has shape [0, 3], which is empty"),
      (
        "x", "y",
        "there is no array \"x\" (did you mean \"X\"?); the arrays are \"X\", \"y\", \"column\", "
          + "\"real\", \"short\", \"one\", \"nan\", \"flat\", \"empty\", \"other\", \"wide\""
      ),
    ])
  func refused(inputs: String, labels: String, message: String) {
    let error = #expect(throws: DataError.self) { try arrays(inputs: inputs, labels: labels) }
    #expect(error?.description == "\(Self.url.relativePath): \(message)")
  }

  @Test("What a trained model does not know is refused")
  func unknown() throws {
    let archive = try NumPyArchive(contentsOf: Self.url)
    func schema(_ inputs: String, _ labels: String) -> ArraySchema {
      ArraySchema(
        inputsName: inputs, labelsName: labels, exampleShape: [1, 2, 3],
        labelVocabulary: ["3", "7"])
    }
    let label = #expect(throws: DataError.self) {
      try LabeledArrays(archive, schema: schema("X", "other"))
    }
    #expect(label?.problem == .unknownLabel("4", known: ["3", "7"]))
    let shape = #expect(throws: DataError.self) {
      try LabeledArrays(archive, schema: schema("wide", "y"))
    }
    #expect(
      shape?.problem
        == .unsuitableArray(
          "wide",
          "its examples have shape [3, 2], but the model was trained on examples of [1, 2, 3]"))
  }
}
