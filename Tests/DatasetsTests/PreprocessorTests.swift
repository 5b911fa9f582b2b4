import Compute
import Datasets
import Foundation
import NeuralNetworks
import Testing

@Suite final class PreprocessorTests {
  private let folder: URL
  private let url: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    url = folder.appending(path: "preprocessing.safetensors")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  @Test("It is the same after saving and reading", arguments: Preprocessing.allCases)
  func roundTrip(_ preprocessing: Preprocessing) throws {
    let table = try Examples.table("wine")
    let preprocessor = Preprocessor(preprocessing, fitting: table)
    try preprocessor.save(to: url)
    let read = try Preprocessor(contentsOf: url)
    #expect(read == preprocessor)
    #expect(read.preprocessing == preprocessing)
    #expect(read.schema == table.schema)
    #expect((read.standardization == nil) == (preprocessing == .none))
  }

  @Test("Names of any characters survive")
  func names() throws {
    let schema = ExampleSchema.table(
      TableSchema(
        featureNames: ["a,\"b\"", "é\n😀"], labelColumn: "l/\\", labelVocabulary: ["1", "\u{1}"]))
    try Preprocessor(schema: schema, standardization: nil).save(to: url)
    #expect(try Preprocessor(contentsOf: url).schema == schema)
  }

  @Test("Saving the same twice gives the same bytes")
  func deterministic() throws {
    let preprocessor = Preprocessor(.standardize, fitting: try Examples.table("iris"))
    try preprocessor.save(to: url)
    let first = try Data(contentsOf: url)
    try preprocessor.save(to: url)
    #expect(try Data(contentsOf: url) == first)
  }

  // MARK: Files that are not right

  private static let metadata = [
    "preprocessing": "standardize", "featureNames": #"["x"]"#, "labelColumn": "label",
    "labelVocabulary": #"["a","b"]"#,
  ]

  private static func array(_ name: String, _ value: Double) -> Safetensors.NamedArray {
    Safetensors.NamedArray(
      name: name, dtype: .float64, shape: [1],
      bytes: withUnsafeBytes(of: value.bitPattern.littleEndian) { [UInt8]($0) })
  }

  private func message(
    _ arrays: [Safetensors.NamedArray] = [array("mean", 1), array("scale", 2)],
    changing changes: [String: String] = [:], removing key: String? = nil
  ) throws -> String? {
    let metadata = Self.metadata.merging(changes) { $1 }.filter { $0.key != key }
    try Safetensors(arrays, metadata: metadata).write(to: url)
    let error = #expect(throws: DataError.self) { try Preprocessor(contentsOf: url) }
    return error.map { String($0.description.dropFirst("\(url.relativePath): ".count)) }
  }

  @Test("Metadata that is missing or wrong is named")
  func wrongMetadata() throws {
    #expect(
      try message(removing: "labelColumn")
        == "this is not a file of preprocessing: its metadata lacks \"labelColumn\"; expected "
        + "\"preprocessing\", \"featureNames\", \"labelColumn\", \"labelVocabulary\"")
    #expect(
      try message(changing: ["preprocessing": "whiten"])
        == "unknown preprocessing \"whiten\"; there are \"none\", \"standardize\"")
    for names in ["x", "[]", "[1]", #"["x","x"]"#] {
      #expect(
        try message(changing: ["featureNames": names])
          == "\"featureNames\" must be a JSON array of different strings")
    }
    #expect(
      try message(changing: ["labelColumn": "x"]) == "the label column \"x\" is also a feature")
  }

  @Test("Arrays that are missing, unexpected or wrong are named")
  func wrongArrays() throws {
    let mean = Self.array("mean", 1)
    let scale = Self.array("scale", 2)
    #expect(try message([mean]) == "the array \"scale\" is missing")
    #expect(
      try message([mean, scale, Self.array("extra", 0)]) == "unexpected arrays: \"extra\"")
    #expect(
      try message(changing: ["preprocessing": "none"]) == "unexpected arrays: \"mean\", \"scale\"")
    #expect(
      try message(changing: ["featureNames": #"["x","y"]"#])
        == "the array \"mean\" must be float64 of shape [2], not float64 of shape [1]")
    #expect(
      try message([mean, Self.array("scale", 0)])
        == "the array \"scale\" must hold positive numbers")
    #expect(
      try message([Self.array("mean", .nan), scale])
        == "the array \"mean\" must hold finite numbers")
  }

  @Test("A file that is no safetensors file is refused as such")
  func otherFile() throws {
    try Data("mean,scale\n1,2\n".utf8).write(to: url)
    #expect(throws: SafetensorsError.self) { try Preprocessor(contentsOf: url) }
  }
}
