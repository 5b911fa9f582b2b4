import Foundation
import Testing

/// What is left behind, and what is left alone.
@Suite("Outputs of commands")
struct OutputTests {
  private func train(_ output: String, in folder: Folder) throws -> Apus.Outcome {
    try Apus().run("train", "c.yaml", "--epochs", "1", "--output", output, in: folder)
  }

  @Test func anEarlierRunIsReplaced() throws {
    let folder = try Sample.folder()
    #expect(try train("new/run", in: folder).status == 0)
    let metrics = try folder.text("new/run/metrics.csv")
    #expect(
      try Apus().run("train", "c.yaml", "--epochs", "2", "--output", "new/run", in: folder).status
        == 0)
    #expect(try folder.text("new/run/metrics.csv") != metrics)
    #expect(try folder.contents("new") == ["run"])
    #expect(try folder.contents("new/run") == TrainTests.files)
  }

  @Test func anEarlierRunIsReplacedThroughALink() throws {
    let folder = try Sample.folder()
    #expect(try train("run", in: folder).status == 0)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link").path, withDestinationPath: "run")
    #expect(
      try Apus().run("train", "c.yaml", "--epochs", "2", "--output", "link/", in: folder).status
        == 0)
    #expect(try folder.text("run/metrics.csv").split(separator: "\n").count == 3)
    #expect(try folder.contents() == ["c.yaml", "link", "run", "t.csv"])
  }

  @Test func anEmptyDirectoryIsTaken() throws {
    let folder = try Sample.folder()
    try FileManager.default.createDirectory(
      at: folder.path("empty"), withIntermediateDirectories: false)
    #expect(try train("empty", in: folder).status == 0)
    #expect(try folder.contents("empty") == TrainTests.files)
  }

  @Test func anEarlierRunStaysWhenTheTrainingFails() throws {
    let folder = try Sample.folder()
    #expect(try train("run", in: folder).status == 0)
    let model = try folder.data("run/model.safetensors")
    try folder.write(
      Sample.configuration("optimizer: {sgd: 1e38}\nloss: meanSquaredError\n"), to: "c.yaml")
    let failed = try Apus().run("train", "c.yaml", "--output", "run", in: folder)
    #expect(failed.status == 1)
    #expect(try folder.data("run/model.safetensors") == model)
    #expect(try folder.contents() == ["c.yaml", "run", "t.csv"])
  }

  @Test func nothingIsLeftWhenTheTrainingIsInterrupted() throws {
    let folder = try Sample.folder()
    let outcome = try Apus().interrupted(
      when: { $0.contains("\n    1 ") }, "train", "c.yaml", "--epochs", "1000000", in: folder)
    #expect(outcome.status == SIGKILL)
    #expect(try folder.contents() == ["c.yaml", "t.csv"])
  }

  @Test func whatIsNotARunIsNeverReplaced() throws {
    let folder = try Sample.folder()
    try folder.write("x", to: "mine/notes.txt")
    let directory = try train("mine", in: folder)
    #expect(directory.status == 64)
    #expect(
      directory.errors
        == "error: mine holds more than an earlier run, such as notes.txt, which would be lost; "
        + "expected another directory to write to\n")
    #expect(directory.output == "")
    let file = try train("t.csv", in: folder)
    #expect(file.status == 64)
    #expect(file.errors == "error: t.csv is a file; expected a directory to write to\n")
    for path in [".", "..", "/"] {
      let outcome = try train(path, in: folder)
      #expect(outcome.status == 64)
      #expect(
        outcome.errors
          == "error: \(path) holds the working directory; expected a directory of its own to write to\n"
      )
    }
    #expect(try folder.contents() == ["c.yaml", "mine", "t.csv"])
    #expect(try folder.contents("mine") == ["notes.txt"])
  }

  @Test func whatCannotBeWrittenIsFoundOutBeforeTraining() throws {
    let folder = try Sample.folder()
    let outcome = try train("t.csv/run", in: folder)
    #expect(outcome.status == 1)
    #expect(outcome.errors == "error: t.csv/run: cannot be written: Not a directory\n")
    #expect(outcome.output == "")
    #expect(try folder.contents() == ["c.yaml", "t.csv"])
  }

  @Test func aReaderThatStopsReadingIsNoError() throws {
    let folder = try Sample.folder()
    #expect(try train("run", in: folder).status == 0)
    // Longer than a pipe holds, so that the writing meets its end.
    try folder.write(
      "a,b\n" + String(repeating: "1,2\n", count: 20_000), to: "long.csv")
    for command in ["apus predict run long.csv", "apus predict run long.csv --json"] {
      let outcome = try Apus().shell("\(command) | head -1", in: folder)
      #expect(outcome.status == 0)
      #expect(outcome.errors == "")
    }
  }
}
