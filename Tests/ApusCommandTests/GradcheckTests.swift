import Foundation
import GradientChecking
import TestSupport
import Tensors
import Testing

@Suite("apus gradcheck")
struct GradcheckTests {
  @Test(arguments: TestDevices.all.map(\.identifier))
  func checksAFamily(_ device: String) throws {
    let outcome = try Apus().run(
      "gradcheck", "--device", device, "--only", "indexing", "--seed", "3", in: Folder())
    #expect(outcome.status == 0)
    // Where kernels are to be built it takes so long that it says how far it has come.
    #expect(outcome.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("checked ") })
    #expect(outcome.output.hasPrefix("gradient checks on \(device) ("))
    #expect(outcome.output.contains("seed 3"))
    #expect(outcome.output.contains("\nindexing.gather "))
    #expect(!outcome.output.contains("\r"))
    #expect(outcome.lastLine.hasPrefix("all 2 operations passed"))
  }

  @Test func writesJSONAlone() throws {
    let outcome = try Apus().run(
      "gradcheck", "--only", "Indexing", "--only", "random", "--json", in: Folder())
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    let report = try JSONDecoder().decode(SuiteReport.self, from: Data(outcome.output.utf8))
    #expect(report.passed)
    #expect(Set(report.operations.map(\.family)) == ["indexing", "random"])
  }

  @Test func tellsMoreWhenAsked() throws {
    let outcome = try Apus().run("gradcheck", "--only", "indexing", "--verbose", in: Folder())
    #expect(outcome.status == 0)
    #expect(outcome.output.hasPrefix("indexing.gather, gradient: passed ("))
    #expect(outcome.output.contains("\n  worst: "))
  }

  @Test(
    arguments: TestDevices.all.filter { $0 != .reference }.map(\.identifier),
    ["processor", "graphics"])
  func checksKernelsOfEitherKind(_ device: String, _ kernels: String) throws {
    let outcome = try Apus().run(
      "gradcheck", "--device", device, "--only", "random", "--kernels", kernels, in: Folder())
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("gradient checks on \(device) ("))
  }

  @Test func theReferenceHasNoKernelsToChoose() throws {
    let outcome = try Apus().run("gradcheck", "--kernels", "graphics", in: Folder())
    #expect(outcome.status == 64)
    #expect(
      outcome.errors
        == "error: --kernels: the reference has none to choose; expected an OpenCL device\n")
  }

  @Test func aKindOfKernelsThatDoesNotExistIsOneLine() throws {
    let outcome = try Apus().run("gradcheck", "--kernels", "graphic", in: Folder())
    #expect(outcome.status == 64)
    #expect(
      outcome.errors
        == "error: --kernels: there is no kind 'graphic' (did you mean 'graphics'?); expected "
        + "processor or graphics\n")
  }

  @Test func whereThereAreNoTensorCoresALineSaysSo() throws {
    let outcome = try Apus().run(
      "gradcheck", "--only", "random", "--matmul-precision", "tf32", in: Folder())
    #expect(outcome.status == 0)
    #expect(
      outcome.errors == "notice: the reference multiplies float32 matrices without rounding them\n")
  }

  @Test func aPrecisionThatDoesNotExistIsOneLine() throws {
    let outcome = try Apus().run("gradcheck", "--matmul-precision", "tf31", in: Folder())
    #expect(outcome.status == 64)
    #expect(
      outcome.errors
        == "error: --matmul-precision: there is no 'tf31' (did you mean 'tf32'?); expected "
        + "float32, tf32 or bfloat16\n")
  }

  @Test func aFamilyThatDoesNotExistIsOneLine() throws {
    let outcome = try Apus().run("gradcheck", "--only", "matmull", in: Folder())
    #expect(outcome.status == 64)
    #expect(
      outcome.errors
        == "error: --only: there is no family 'matmull'; the families are "
        + "\(OperationFamilies.names.joined(separator: ", ")) (did you mean 'matMul'?)\n")
  }
}
