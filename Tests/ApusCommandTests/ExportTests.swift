import Foundation
import NeuralNetworks
import Testing

/// A trained model for other programs.
@Suite("apus export")
struct ExportTests {
  /// A folder with a run on the sample's table.
  private func run(model: String = "[linear: 2]", _ lines: String = "") throws -> Folder {
    let folder = try Sample.folder(
      """
      data: {file: t.csv, heldOut: 0}
      model: \(model)
      train: {epochs: 1}
      \(lines)

      """)
    #expect(try Apus().run("train", "c.yaml", "--output", "run", in: folder).status == 0)
    return folder
  }

  @Test func writesAModel() throws {
    let folder = try run(model: "[linear: 3, batchNorm, relu, dropout, linear: 2]")
    let outcome = try Apus().run("export", "run", "m.onnx", in: folder)
    #expect(outcome.errors == "")
    // Two to standardise, one for each layer but dropout, and softmax.
    #expect(outcome.output == "wrote 7 nodes with 23 parameters to m.onnx\n")
    #expect(outcome.status == 0)
    let text = String(decoding: try folder.data("m.onnx"), as: UTF8.self)
    for part in ["apus", "Gemm", "BatchNormalization", "0.weight", "[\"left\",\"right\"]"] {
      #expect(text.contains(part), "\(part)")
    }
  }

  @Test func theNetworkAloneHasNeitherPreparationNorConclusion() throws {
    let folder = try run()
    let outcome = try Apus().run("export", "run", "m.onnx", "--network-only", "--json", in: folder)
    let summary = try JSONDecoder().decode(Summary.self, from: Data(outcome.output.utf8))
    #expect(summary == Summary(output: "m.onnx", opset: 17, nodes: 1, parameters: 6))
  }

  private struct Summary: Decodable, Equatable {
    let output: String
    let opset: Int
    let nodes: Int
    let parameters: Int
  }

  @Test func oneLogitBecomesTwoProbabilities() throws {
    let folder = try run(model: "[linear: 1]", "loss: binaryCrossEntropy")
    let outcome = try Apus().run("export", "run", "m.onnx", in: folder)
    // Sub, Div, Gemm; Neg, Sigmoid, Sigmoid, Concat.
    #expect(outcome.output == "wrote 7 nodes with 3 parameters to m.onnx\n")
  }

  @Test func whatCannotBeWrittenIsFoundBeforeTheWork() throws {
    let folder = try run()
    let outcome = try Apus().run("export", "run", "nowhere/m.onnx", in: folder)
    #expect(outcome.status == 1)
    #expect(
      outcome.errors == "error: nowhere/m.onnx: cannot be written: No such file or directory\n")
    #expect(try Apus().run("export", "t.csv", "m.onnx", in: folder).status == 65)
  }
}
