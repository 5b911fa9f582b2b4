import Datasets
import Foundation
import TestSupport
import Testing

/// Training on arrays, as image models need them.
@Suite("data of NumPy's")
struct ArrayTests {
  private static let data = Golden.folder.appending(path: "numpy/examples.npz").path

  private func folder(
    data: String = "inputs: X, labels: y", model: String = "[flatten, linear: 2]"
  ) throws -> Folder {
    try Folder([
      "c.yaml": """
      data: {file: \(Self.data), heldOut: 0.25, \(data)}
      model: \(model)
      train: {epochs: 30, batchSize: 6}
      optimizer: {adam: 0.05}

      """
    ])
  }

  @Test func trainsEvaluatesPredictsAndExports() throws {
    let folder = try folder()
    let train = try Apus().run("train", "c.yaml", "--output", "run", in: folder)
    #expect(train.errors == "")
    #expect(
      train.output.contains(
        "inputs of shape [1, 2, 3], 2 classes; 18 rows to train on, 6 held out"))
    #expect(train.output.contains("held-out accuracy 100.0% (6 of 6 rows)"))

    let evaluate = try Apus().run("evaluate", "run", Self.data, in: folder)
    #expect(evaluate.output.hasPrefix("accuracy 1.0000 (24 of 24 rows)"))
    let predict = try Apus().run("predict", "run", Self.data, in: folder)
    let lines = predict.output.split(separator: "\n")
    #expect(lines.first == "class,probability_3,probability_7")
    let classes = lines.dropFirst().map { String($0.prefix(1)) }
    let expected = (0..<24).map { $0 % 2 == 0 ? "3" : "7" }
    #expect(classes == expected)

    let export = try Apus().run("export", "run", "m.onnx", in: folder)
    #expect(export.output == "wrote 5 nodes with 14 parameters to m.onnx\n")
    try folder.write(Sample.table, to: "t.csv")
    let wrong = try Apus().run("predict", "run", "t.csv", in: folder)
    #expect(wrong.status == 65)
    #expect(
      wrong.errors
        == "error: t.csv: the model was trained on arrays; expected a .npz file with 'X'\n")
    // A run trains again from its own configuration.
    #expect(try Apus().run("train", "run/config.yaml", "--epochs", "0", in: folder).status == 0)
  }

  @Test func aModelOfATableTakesNoArrays() throws {
    let folder = try Sample.folder()
    #expect(try Apus().run("train", "c.yaml", "--output", "run", in: folder).status == 0)
    let outcome = try Apus().run("evaluate", "run", Self.data, in: folder)
    #expect(outcome.status == 65)
    #expect(
      outcome.errors.hasSuffix(
        "examples.npz: the model was trained on a table; expected a CSV file with its columns\n"))
  }

  @Test func theModelIsShown() throws {
    let outcome = try Apus().run("model", "c.yaml", in: folder())
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("[1, 2, 3]"))
  }

  @Test(arguments: [
    (
      "inputs: x, labels: y",
      "c.yaml:1: data.inputs: \(data): there is no array \"x\" (did you mean \"X\"?); the arrays "
    ),
    (
      "inputs: X, labels: z",
      "c.yaml:1: data.labels: \(data): there is no array \"z\"; the arrays "
    ),
    (
      "inputs: X, labels: one",
      "c.yaml:1: data.labels: all rows of \(data) have the label '0'; expected two classes or more"
    ),
    ("inputs: X, labels: real", "\(data): array \"real\": its labels are float64; expected whole"),
    ("label: y", "c.yaml:1: data.label: there is no such key (did you mean 'labels'?); expected "),
  ])
  func mistakesAreNamed(keys: String, message: String) throws {
    let outcome = try Apus().run("train", "c.yaml", in: folder(data: keys))
    #expect(outcome.status == 65)
    #expect(outcome.errors.hasPrefix("error: \(message)"), "\(outcome.errors)")
  }
}
