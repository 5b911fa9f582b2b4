import Foundation
import Testing

@Suite("apus activations")
struct ActivationsTests {
  @Test func printsATableOfThoseAskedFor() throws {
    let outcome = try Apus().run("activations", "relu", "x + cos(3*x)", "--no-cost", in: Folder())
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines[0].hasPrefix("activation    range"))
    #expect(lines[1].hasPrefix("relu          0 to ∞ "))
    #expect(lines[1].contains("50.0%"))
    #expect(lines[2].hasPrefix("x + cos(3*x)  −∞ to ∞"))
  }

  @Test func withoutNamesItPrintsAllThatThereAre() throws {
    let outcome = try Apus().run("activations", "--no-cost", "--json", in: Folder())
    #expect(outcome.status == 0)
    let list = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]])
    #expect(list.count >= 24)
    let tanh = try #require(list.first { $0["name"] as? String == "tanh" })
    #expect(tanh["isBounded"] as? Bool == true)
    #expect(tanh["isZeroCentered"] as? Bool == true)
    #expect(tanh["cost"] is NSNull)
  }

  @Test func measuresTheCost() throws {
    let outcome = try Apus().run("activations", "square", "--json", in: Folder())
    #expect(outcome.status == 0)
    let list = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]])
    let cost = try #require(list.first?["cost"] as? [String: Any])
    #expect(cost["device"] as? String == "cpu")
    #expect(try #require(cost["forward"] as? Double) > 0)
  }

  @Test func leavesFiguresWithTheirNumbersAndScripts() throws {
    let folder = try Folder()
    let outcome = try Apus().run(
      "activations", "leakyReLU", "x + cos(3*x)", "--no-cost", "--output", "figures", in: folder)
    #expect(outcome.status == 0)
    let contents = try folder.contents("figures")
    for name in ["leakyReLU-0.01", "x-cos-3-x"] {
      #expect(contents.contains("\(name).dat") && contents.contains("\(name).gnuplot"))
    }
    if outcome.errors.contains("gnuplot is not installed") {
      #expect(outcome.errors.contains("apt-get install gnuplot-nox"))
      #expect(contents.count == 4)
    } else {
      #expect(contents.contains("x-cos-3-x.png"))
      #expect(outcome.errors == "drew 2 figures in figures\n")
    }
  }

  @Test func withoutGnuplotTheTableIsThereAndOneLineSaysWhatToInstall() throws {
    let folder = try Folder()
    let outcome = try Apus().shell(
      "PATH=/nonexistent apus activations relu --no-cost --output figures", in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.output.hasPrefix("activation"))
    #expect(
      outcome.errors.hasSuffix(
        "warning: no figures were drawn: gnuplot is not installed; install it with 'apt-get install gnuplot-nox'\n"
      ))
    #expect(try folder.contents("figures") == ["relu.dat", "relu.gnuplot"])
  }

  @Test func aMistakeIsOneLineWithItsColumn() throws {
    let outcome = try Apus().run("activations", "x + coz(3*x)", in: Folder())
    #expect(outcome.status == 64)
    #expect(
      outcome.errors
        == "error: column 5 of 'x + coz(3*x)': there is no 'coz' (did you mean 'cos'?)\n")
  }
}
