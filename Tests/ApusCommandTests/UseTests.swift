import Datasets
import Foundation
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// A trained model on more data.
@Suite("apus evaluate and apus predict")
struct UseTests {
  /// A folder with a run whose outputs are its two inputs.
  private func identityRun(
    loss: String = "crossEntropy", dtype: String = "float32"
  ) throws -> Folder {
    let folder = try Sample.folder(
      Sample.configuration(
        """
        loss: \(loss)
        train: {epochs: 0, initialWeights: w.safetensors, dtype: \(dtype)}
        """))
    try Weights.identity.write(to: folder.path("w.safetensors"))
    #expect(try Apus().run("train", "c.yaml", "--output", "run", in: folder).status == 0)
    return folder
  }

  // MARK: - Evaluating

  /// Four rows in other columns, of which the third is not predicted as labelled.
  static let held = "b,label,a\n0,left,1\n1,right,0\n0,right,4\n9,right,1\n"

  @Test(arguments: TestDevices.all.map(\.identifier))
  func evaluates(_ device: String) throws {
    let folder = try identityRun()
    try folder.write(Self.held, to: "h.csv")
    let outcome = try Apus(device: device).run("evaluate", "run", "h.csv", in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    #expect(
      outcome.output == """
        accuracy 0.7500 (3 of 4 rows)

                       precision  recall      F1  rows
        left              0.5000  1.0000  0.6667     1
        right             1.0000  0.6667  0.8000     3
        macro average     0.7500  0.8333  0.7333     4

        confusion matrix (rows: actual, columns: predicted)
               left  right
        left      1      0
        right     1      2

        """)
  }

  @Test func evaluatesForPrograms() throws {
    let folder = try identityRun()
    try folder.write(Self.held, to: "h.csv")
    let outcome = try Apus().run("evaluate", "run", "h.csv", "--json", in: folder)
    let report = try JSONDecoder().decode(
      ClassificationReport.self, from: Data(outcome.output.utf8))
    #expect(
      report
        == ClassificationReport(
          labels: ["left", "right"], actual: [0, 1, 1, 1], predicted: [0, 1, 0, 1]))
  }

  @Test func measuresWhatTheTrainingMeasured() throws {
    let folder = try Folder()
    let table = Repository.path("Examples/Data/wine.csv")
    let trained = try Apus().run(
      "train", Repository.path("Examples/wine.yaml"), "--output", "run", in: folder)
    #expect(trained.status == 0)
    let outcome = try Apus().run("evaluate", "run", table, "--json", in: folder)
    let report = try JSONDecoder().decode(
      ClassificationReport.self, from: Data(outcome.output.utf8))
    // All rows of the held-out part are right, and nearly all that were trained on.
    #expect(trained.output.contains("held-out accuracy 100.0% (36 of 36 rows)"))
    #expect(report.rowCount == 178)
    #expect(report.accuracy > 0.98)
  }

  // MARK: - Predicting

  @Test(arguments: TestDevices.all.map(\.identifier))
  func predictsWithoutLabels(_ device: String) throws {
    let folder = try identityRun()
    try folder.write("a,b\n3,3\n-1000,1000\n1,0\n", to: "p.csv")
    let outcome = try Apus(device: device).run("predict", "run", "p.csv", in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    // 1/(1 + 1/e) in float32.
    #expect(
      outcome.output == """
        class,probability_left,probability_right
        left,0.5,0.5
        right,0.0,1.0
        left,0.7310586,0.26894143

        """)
  }

  @Test func predictionsAreTheSameWithLabelsAndInOtherColumns() throws {
    let folder = try identityRun()
    try folder.write("a,b\n2,0\n0,1\n", to: "p.csv")
    try folder.write("b,a,label\n0,2,\n1,0,nobody\n", to: "q.csv")
    let first = try Apus().run("predict", "run", "p.csv", in: folder)
    let second = try Apus().run("predict", "run", "q.csv", in: folder)
    #expect(first.status == 0)
    #expect(first.output == second.output)
  }

  @Test func predictsForProgramsIntoAFile() throws {
    let folder = try identityRun(dtype: "float64")
    try folder.write("a,b\n1,0\n", to: "p.csv")
    let outcome = try Apus().run("predict", "run", "p.csv", "--json", "-o", "p.json", in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.output == "")
    #expect(outcome.errors == "wrote 1 prediction to p.json\n")
    struct Prediction: Decodable {
      let `class`: String
      let probabilities: [String: Double]
    }
    let predictions = try JSONDecoder().decode([Prediction].self, from: folder.data("p.json"))
    #expect(predictions.map(\.class) == ["left"])
    #expect(
      predictions[0].probabilities == [
        "left": 1 / (1 + exp(-1.0)), "right": exp(-1.0) / (1 + exp(-1.0)),
      ])
  }

  @Test func theSquaredErrorGivesScores() throws {
    let folder = try identityRun(loss: "meanSquaredError")
    try folder.write("a,b\n0.25,-2\n", to: "p.csv")
    let outcome = try Apus().run("predict", "run", "p.csv", in: folder)
    #expect(outcome.output == "class,score_left,score_right\nleft,0.25,-2.0\n")
  }

  @Test func oneOutputStandsForTwoClasses() throws {
    let folder = try Folder([
      "t.csv": "x,label\n1,no\n2,yes\n",
      "c.yaml": """
      data: {file: t.csv, heldOut: 0, standardize: false}
      model: [linear: {units: 1, bias: false, initializer: ones}]
      loss: binaryCrossEntropy
      train: {epochs: 0}
      """,
      "p.csv": "x\n-1\n1\n0\n1e4\n",
    ])
    #expect(try Apus().run("train", "c.yaml", "--output", "run", in: folder).status == 0)
    #expect(
      try Apus().run("predict", "run", "p.csv", in: folder).output == """
        class,probability_no,probability_yes
        no,0.7310586,0.26894143
        yes,0.26894143,0.7310586
        no,0.5,0.5
        yes,0.0,1.0

        """)
  }

  @Test func labelsWithCommasAreQuoted() throws {
    let folder = try Sample.folder(Sample.configuration("train: {epochs: 0}"))
    try folder.write("a,label\n1,\"x, \"\"y\"\"\"\n2,z\n", to: "t.csv")
    #expect(try Apus().run("train", "c.yaml", "--output", "run", in: folder).status == 0)
    let outcome = try Apus().run("predict", "run", "t.csv", "-o", "p.csv", in: folder)
    #expect(outcome.status == 0)
    let written = try CSV(contentsOf: folder.path("p.csv"))
    #expect(written.columns == ["class", "probability_x, \"y\"", "probability_z"])
    #expect(written.rows.allSatisfy { ["x, \"y\"", "z"].contains($0.cells[0]) })
  }

  // MARK: - Mistakes

  @Test(arguments: [
    ("evaluate run u.csv", "u.csv: cannot be read: No such file or directory"),
    (
      "evaluate run nolabel.csv",
      "nolabel.csv:1: the columns are not those of the training data: missing \"label\""
    ),
    (
      "evaluate run newlabel.csv",
      "newlabel.csv:3: the training data had no label \"middle\"; its labels are \"left\", \"right\""
    ),
    (
      "predict run other.csv",
      "other.csv:1: the columns are not those of the training data: missing \"b\"; unexpected \"c\""
    ),
    ("predict run ragged.csv", "ragged.csv:2: the row has 1 cell, but the header has 2 columns"),
    ("predict run text.csv", "text.csv:2: column \"b\": \"x\" is not a number"),
    (
      "predict run huge.csv",
      "huge.csv:3: the network's outputs are not finite; the row's numbers are too far from those of the training data for float32"
    ),
    (
      "predict nowhere p.csv", "nowhere does not exist; expected a directory that 'apus train' left"
    ),
    ("evaluate . t.csv", ". has no model.safetensors; expected a directory that 'apus train' left"),
  ])
  func aMistakeIsOneLine(_ command: String, _ message: String) throws {
    let folder = try identityRun()
    for (name, text) in [
      "nolabel.csv": "a,b\n1,2\n", "newlabel.csv": "a,b,label\n1,2,left\n1,2,middle\n",
      "other.csv": "a,c\n1,2\n", "ragged.csv": "a,b\n1\n", "text.csv": "a,b\n1,x\n",
      "huge.csv": "a,b\n1,2\n1e300,2\n",
    ] {
      try folder.write(text, to: name)
    }
    let outcome = try Apus().shell("apus \(command)", in: folder)
    #expect(outcome.status == 65)
    #expect(outcome.output == "")
    #expect(outcome.errors == "error: \(message)\n")
  }

  @Test func aRunThatWasChangedIsRefused() throws {
    let folder = try identityRun()
    let configuration = try folder.text("run/config.yaml")
    try folder.write(
      configuration.replacing("bias: true", with: "bias: false"), to: "run/config.yaml")
    let outcome = try Apus().run("predict", "run", "t.csv", in: folder)
    #expect(outcome.status == 65)
    #expect(
      outcome.errors.hasPrefix("error: run/config.yaml:"))
    try folder.write(configuration, to: "run/config.yaml")
    try folder.write("no tensors", to: "run/model.safetensors")
    let damaged = try Apus().run("predict", "run", "t.csv", in: folder)
    #expect(damaged.status == 65)
    #expect(damaged.errors.hasPrefix("error: run/model.safetensors: the header is said to have "))
  }

  @Test func anOutputThatCannotBeWrittenIsFoundOutFirst() throws {
    let folder = try identityRun()
    let missing = try Apus().run("predict", "run", "t.csv", "-o", "no/p.csv", in: folder)
    #expect(missing.status == 1)
    #expect(missing.errors == "error: no/p.csv: cannot be written: No such file or directory\n")
    let directory = try Apus().run("predict", "run", "t.csv", "-o", "run", in: folder)
    #expect(directory.status == 64)
    #expect(directory.errors == "error: run is a directory; expected a file to write to\n")
    #expect(try folder.contents("run") == TrainTests.files)
  }
}
