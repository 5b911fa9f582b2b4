import Compute
import Datasets
import Foundation
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite("apus train")
struct TrainTests {
  static let files = [
    "config.yaml", "metrics.csv", "model.safetensors", "preprocessing.safetensors",
    "training.safetensors",
  ]
  static let iris = Repository.path("Examples/iris.yaml")

  @Test(arguments: TestDevices.all.map(\.identifier))
  func leavesARunAndSaysHowWellItDoes(_ device: String) throws {
    let folder = try Folder()
    let outcome = try Apus().run("train", Self.iris, "--device", device, in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    #expect(outcome.output.contains("device  \(device) ("))
    #expect(outcome.output.contains("4 features, 3 classes; 120 rows to train on, 30 held out"))
    #expect(outcome.output.contains("Linear(4, 16) → tanh → Linear(16, 3)"))
    #expect(outcome.output.contains("held-out accuracy 100.0% (30 of 30 rows)"))
    #expect(!outcome.output.contains("\r"))
    #expect(outcome.lastLine.hasSuffix("saved in runs/iris"))
    #expect(try folder.contents() == ["runs"])
    #expect(try folder.contents("runs") == ["iris"])
    #expect(try folder.contents("runs/iris") == Self.files)
    let metrics = try folder.text("runs/iris/metrics.csv").split(separator: "\n")
    #expect(metrics.count == 61)
    #expect(metrics[0] == "epoch,steps,training_loss,held_out_loss,held_out_accuracy,learning_rate")
    #expect(metrics[60].hasPrefix("60,480,"))
    #expect(metrics[60].hasSuffix(",1.0,0.01"))
  }

  @Test(arguments: TestDevices.all.map(\.identifier))
  func theSameSeedGivesTheSameBytes(_ device: String) throws {
    let folder = try Folder()
    func train(_ configuration: String, _ output: String, _ options: String) throws {
      let outcome = try Apus(device: device).shell(
        "apus train '\(configuration)' --output \(output) \(options)", in: folder)
      #expect(outcome.status == 0)
    }
    try train(Self.iris, "a", "--epochs 3 --seed 5")
    try train(Self.iris, "b", "--epochs 3 --seed 5")
    // The configuration that was left is the same training again.
    try train(folder.path("a/config.yaml").path, "c", "")
    try train(Self.iris, "d", "--epochs 3 --seed 6")
    let first = try folder.data("a/model.safetensors")
    #expect(try folder.data("b/model.safetensors") == first)
    #expect(try folder.data("c/model.safetensors") == first)
    #expect(try folder.data("d/model.safetensors") != first)
    for file in Self.files {
      #expect(try folder.data("c/\(file)") == folder.data("a/\(file)"))
    }
  }

  @Test func theSeedChangesTheSplitAndStandardisationKnowsOnlyItsTrainingPart() throws {
    let folder = try Folder()
    let table = try LabeledTable(
      contentsOf: URL(filePath: Repository.path("Examples/Data/iris.csv")), labelColumn: "label")
    var preprocessors: [Preprocessor] = []
    for seed in [UInt64(1), 2] {
      let outcome = try Apus().run(
        "train", Self.iris, "--epochs", "0", "--seed", "\(seed)", "--output", "run", in: folder)
      #expect(outcome.status == 0)
      let saved = try Preprocessor(contentsOf: folder.path("run/preprocessing.safetensors"))
      let training = table.split(heldOutFraction: 0.2, key: RandomKey(seed: seed)).training
      #expect(saved == Preprocessor(.standardize, fitting: training))
      preprocessors.append(saved)
    }
    #expect(preprocessors[0] != preprocessors[1])
  }

  @Test func trainsOnEverythingWhereNothingIsHeldOut() throws {
    let folder = try Sample.folder()
    let outcome = try Apus().run("train", "c.yaml", in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("4 rows to train on, 0 held out"))
    #expect(outcome.output.contains("no rows are held out"))
    #expect(!outcome.output.contains("accuracy"))
  }

  @Test func startsFromGivenWeights() throws {
    let folder = try Sample.folder(
      Sample.configuration("train: {epochs: 0, initialWeights: w.safetensors}"))
    try Weights.identity.write(to: folder.path("w.safetensors"))
    #expect(try Apus().run("train", "c.yaml", in: folder).status == 0)
    #expect(
      try folder.data("runs/c/model.safetensors") == folder.data("w.safetensors"))
  }

  @Test func theCommandLineNamesTheWeights() throws {
    let folder = try Sample.folder(Sample.configuration("train: {epochs: 0}"))
    try Weights.identity.write(to: folder.path("w.safetensors"))
    let outcome = try Apus().run("train", "c.yaml", "--weights", "w.safetensors", in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.output.contains(#/weights +w\.safetensors\n/#))
    #expect(
      try folder.data("runs/c/model.safetensors") == folder.data("w.safetensors"))
    // The run's configuration names them, and can be trained from anywhere.
    #expect(
      try folder.text("runs/c/config.yaml").contains(folder.path("w.safetensors").path))
    let absent = try Apus().run("train", "c.yaml", "--weights", "x.safetensors", in: folder)
    #expect(absent.status == 65)
    #expect(
      absent.errors
        == "error: --weights: x.safetensors: cannot be read: No such file or directory\n")
  }

  @Test func startsFromAPartOfTheWeights() throws {
    let folder = try Sample.folder(
      Sample.configuration(
        model: "[linear: 2, relu, linear: 2]",
        """
        train:
          epochs: 0
          initialWeights: {file: w.safetensors, prefix: net., partial: true}
        """))
    let wrapped = Safetensors(
      Weights.identity.arrays.map {
        .init(name: "net." + $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes)
      })
    try wrapped.write(to: folder.path("w.safetensors"))
    let outcome = try Apus().run("train", "c.yaml", in: folder)
    #expect(outcome.errors == "")
    #expect(
      outcome.output.contains("w.safetensors, 2 missing: 2.weight [2, 2], 2.bias [2]"))
    let trained = try Safetensors(contentsOf: folder.path("runs/c/model.safetensors"))
    #expect(trained["0.weight"] == Weights.identity["0.weight"])
    // A run trains again from its own configuration.
    #expect(try Apus().run("train", "runs/c/config.yaml", in: folder).status == 0)
  }

  // MARK: - Going on

  private static let scheduled = """
    optimizer: {nadam: 0.02, groups: [{match: "*.bias", weightDecay: 0}]}
    regularization: {l1: 1e-4, maxNorm: 2, clipNorm: 1}
    schedule: {cosine: {over: 6, warmUp: 1}}
    train: {batchSize: 2, epochs: 6}

    """

  @Test(arguments: TestDevices.all.map(\.identifier))
  func aTrainingThatIsResumedIsTheSameAsOneThatNeverEnded(_ device: String) throws {
    let folder = try Sample.folder(
      Sample.configuration(
        model: "[linear: 3, batchNorm, dropout: 0.5, linear: 2]", Self.scheduled))
    func train(_ options: String) throws -> Apus.Outcome {
      try Apus(device: device).shell("apus train c.yaml \(options)", in: folder)
    }
    let whole = try train("--output whole")
    #expect(whole.status == 0)
    #expect(try train("--output part --epochs 2").status == 0)
    let rest = try train("--output part --resume")
    #expect(rest.errors == "")
    for file in Self.files {
      #expect(try folder.data("part/\(file)") == folder.data("whole/\(file)"), "\(file)")
    }
    // The learning rate changes, so it is shown.
    #expect(whole.output.contains("nadam, learning rate 0.02, cosine schedule; seed 0"))
    #expect(whole.output.contains("  learning rate\n"))
    #expect(rest.output.contains("\n    3 ") && !rest.output.contains("\n    2 "))

    let again = try train("--output part --resume")
    #expect(again.status == 64)
    #expect(
      again.errors
        == "error: part has been trained for 6 epochs already, and 6 are asked for; expected more, "
        + "such as --epochs 12\n")
  }

  @Test func onlyARunOfTheSameModelIsResumed() throws {
    let folder = try Sample.folder()
    let none = try Apus().run("train", "c.yaml", "--resume", in: folder)
    #expect(none.status == 65)
    #expect(
      none.errors
        == "error: runs/c does not exist; expected a directory that 'apus train' left\n")
    #expect(try Apus().run("train", "c.yaml", in: folder).status == 0)
    let before = try folder.data("runs/c/model.safetensors")
    try folder.write(Sample.configuration("optimizer: {sgd: {momentum: 0.5}}"), to: "c.yaml")
    let other = try Apus().run("train", "c.yaml", "--resume", "--epochs", "30", in: folder)
    #expect(other.status == 65)
    #expect(
      other.errors.contains(
        "training.safetensors does not hold this optimiser's values; 2 missing: "
          + "0.weight.momentum_buffer"
      ))
    #expect(try folder.data("runs/c/model.safetensors") == before)
  }

  @Test func weightsOfAnotherModelAreRefused() throws {
    let folder = try Sample.folder(
      Sample.configuration(
        model: "[linear: 3, linear: 2]", "train: {initialWeights: w.safetensors}"))
    try Weights.identity.write(to: folder.path("w.safetensors"))
    let outcome = try Apus().run("train", "c.yaml", in: folder)
    #expect(outcome.status == 65)
    #expect(
      outcome.errors
        == "error: c.yaml:3: train.initialWeights: w.safetensors does not hold this model's values; "
        + "2 missing: 1.weight [2, 3], 1.bias [2]; 2 misshapen: 0.weight is [2, 2] in place of "
        + "[3, 2], 0.bias is [2] in place of [3]\n")
    #expect(try folder.contents() == ["c.yaml", "t.csv", "w.safetensors"])
  }

  @Test(arguments: TestDevices.all.map(\.identifier))
  func stopsAtALossThatIsNotFinite(_ device: String) throws {
    let folder = try Sample.folder(
      Sample.configuration("optimizer: {sgd: 1e38}\nloss: meanSquaredError\n"))
    let outcome = try Apus(device: device).run("train", "c.yaml", in: folder)
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains(
        #/^error: the loss of step 2 is \S+, so training stopped with the parameters of step 1; try a learning rate below 1e\+38, .*\n$/#
      ))
    #expect(try folder.contents() == ["c.yaml", "t.csv"])
  }

  @Test func savesNoWeightsThatAreNotFinite() throws {
    let folder = try Sample.folder(
      Sample.configuration(
        "optimizer: {sgd: 1e39}\ntrain: {epochs: 1, initialWeights: w.safetensors}"))
    try Weights.identity.write(to: folder.path("w.safetensors"))
    let outcome = try Apus().run("train", "c.yaml", in: folder)
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.hasPrefix(
        "error: after the last step 0.weight is no longer finite, so nothing "))
    #expect(try folder.contents() == ["c.yaml", "t.csv", "w.safetensors"])
  }

  @Test func writesJSONAlone() throws {
    let outcome = try Apus().run("train", Self.iris, "--epochs", "2", "--json", in: Folder())
    struct Summary: Decodable {
      let device: String
      let output: String
      let trainingRows: Int
      let heldOutRows: Int
      let heldOutAccuracy: Double
      let epochs: [EpochReport]
    }
    let summary = try JSONDecoder().decode(Summary.self, from: Data(outcome.output.utf8))
    #expect(summary.device == "cpu")
    #expect(summary.output == "runs/iris")
    #expect(summary.trainingRows == 120)
    #expect(summary.heldOutRows == 30)
    #expect(summary.epochs.map(\.epoch) == [1, 2])
    #expect(summary.heldOutAccuracy == summary.epochs[1].validationAccuracy)
    #expect(outcome.errors.contains("held-out accuracy"))
  }
}

/// Weights for a layer of two inputs and two outputs.
enum Weights {
  /// Each output is an input.
  static let identity = Safetensors([
    .init(name: "0.weight", dtype: .float32, shape: [2, 2], bytes: bytes([1, 0, 0, 1])),
    .init(name: "0.bias", dtype: .float32, shape: [2], bytes: bytes([0, 0])),
  ])

  private static func bytes(_ values: [Float]) -> [UInt8] {
    values.flatMap { value in
      withUnsafeBytes(of: value.bitPattern.littleEndian) { [UInt8]($0) }
    }
  }
}
