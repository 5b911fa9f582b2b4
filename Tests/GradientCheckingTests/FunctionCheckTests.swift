import Compute
import GradientChecking
import TestSupport
import Tensors
import Testing

/// One's own functions, checked with one call.
@Suite struct FunctionCheckTests {
  private static func points(_ device: Device, _ shape: Shape = [5, 3], seed: UInt64 = 3) -> Tensor
  {
    .normal(shape, key: RandomKey(seed: seed), dtype: .float64, on: device)
  }

  @Test(
    "A right function passes where its tensors are", arguments: TestDevices.supporting(.float64))
  func right(device: Device) {
    let report = checkGradients(at: [Self.points(device), Self.points(device, [3, 4])]) { x in
      tanh(x[0].matmul(x[1])).sum(axes: [0])
    }
    #expect(report.passed, "\(report)")
    #expect(report.comparisonCount == 15 + 12)
    #expect(report.worstUnits > 0 && report.worstUnits < 1)
    #expect(report.description.hasPrefix("function, gradient: passed (1 samples, 27 comparisons)"))
  }

  @Test(
    "A wrong gradient of one's own is found and named",
    arguments: TestDevices.supporting(.float64))
  func wrong(device: Device) throws {
    let report = checkGradients(at: Self.points(device), name: "cubed") { x in
      withGradient("cubed", at: [x]) {
        $0[0] * $0[0] * $0[0]
      } pullback: { inputs, _, cotangent in
        [2.0 * inputs[0] * inputs[0] * cotangent]
      }
    }
    #expect(report.verdict == .failed)
    #expect(report.subject == "cubed")
    let finding = try #require(report.findings.first)
    #expect(finding.kind == .gradient)
    #expect(finding.message.hasPrefix("[5, 3]: gradient of input 0 at [0, 0]: analytic "))
    // Three are listed, the others counted.
    #expect(report.findings.count == 4)
    #expect(report.findings[3].message.hasSuffix("15 of 15 entries are wrong"))
  }

  @Test("A kink is not taken for a derivative")
  func kink() throws {
    let x = Tensor([-1, 0, 2], dtype: .float64, on: .reference)
    let report = checkGradients(at: x) { relu($0) }
    #expect(report.verdict == .failed)
    let discrepancy = try #require(report.findings.first?.discrepancy)
    #expect(discrepancy.index == [1])
    #expect(abs(discrepancy.expected).isFinite)
  }

  @Test("Where differences prove nothing, the check is inconclusive, and that is a failure")
  func inconclusive() throws {
    // The derivative exists at 0, but bends there.
    let x = Tensor([0], dtype: .float64, on: .reference)
    let report = checkGradients(at: x) { Activation.elu()($0) }
    #expect(report.findings.map(\.kind) == [.inconclusive])
    #expect(report.verdict == .failed)
    #expect(try #require(report.findings.first).message.contains("is there a kink"))
  }

  @Test("Away from kinks, however near, differences find the derivative")
  func nearAKink() {
    let near = [1e-2, -1e-3, 2e-4, -5e-5]
    let report = checkGradients(at: Tensor(near, dtype: .float64, on: .reference)) { x in
      relu(x) + Activation.elu()(x)
    }
    #expect(report.passed, "\(report)")
  }

  @Test("Functions that vary fast, slowly, or hardly at all are judged alike")
  func scales() {
    let x = Self.points(.reference)
    #expect(checkGradients(at: x) { (100.0 * $0).sin }.passed)
    #expect(checkGradients(at: x) { (1e-3 * $0).exp }.passed)
    #expect(checkGradients(at: x * 1e6) { $0 * $0 }.passed)
    #expect(checkGradients(at: x) { 1e-6 * $0 + 5.0 }.passed)
    #expect(checkGradients(at: x) { 0.0 * $0 }.passed)
  }

  @Test("A function of another dtype, or without finite values, is no function to check")
  func notCheckable() {
    let x = Self.points(.reference)
    let narrow = checkGradients(at: x) { $0.cast(to: .float32) }
    #expect(narrow.findings.map(\.kind) == [.contract])
    let infinite = checkGradients(at: x) { ($0 * 0.0).log }
    #expect(infinite.findings.map(\.message) == ["[5, 3]: the value is not finite"])
  }

  @Test("A device that fails is a finding")
  func outOfMemory() {
    let device = Device.unsharedReference(byteLimit: 4096)
    let report = checkGradients(at: Self.points(device, [16])) { x in
      x.expandingShape(at: 1).matmul(x.expandingShape(at: 0)).exp.sum(axes: [0])
        + Tensor.ones([1000], dtype: .float64, on: device)[0..<16]
    }
    #expect(report.findings.map(\.kind) == [.execution])
    #expect(report.description.contains("4096 bytes"), "\(report)")
  }

  @Test("Float32 is refused, with the way out")
  func float32() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = checkGradients(at: Tensor([1, 2], on: .reference)) { $0 * 2.0 }
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(
      message.contains("checkGradients: input 0 is float32; finite differences need float64"))
    #expect(message.contains("cast(to: .float64)"))
  }
}
