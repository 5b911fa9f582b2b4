import Compute
import GradientChecking
import NeuralNetworks
import TestSupport
import Tensors
import Testing

/// One's own modules, checked with one call: with respect to inputs and parameters.
@Suite struct ModuleCheckTests {
  private static func input(_ shape: Shape, _ device: Device) -> Tensor {
    .normal(shape, key: RandomKey(seed: 2), dtype: .float64, on: device)
  }

  @Test("The README's layer passes", arguments: TestDevices.supporting(.float64))
  func readme(device: Device) throws {
    let wave = Activation("x + cos 3x") { x in x + (3 * x).cos }
    let layer = try Sequential(input: [8], seed: 1, on: device, dtype: .float64) {
      Linear(4)
      wave
    }
    let report = checkGradients(of: layer, at: Self.input([5, 8], device))
    #expect(report.passed, "\(report)")
    #expect(report.subject == "Sequential(Linear(8, 4), x + cos 3x)")
    // The input, the weight and the bias.
    #expect(report.comparisonCount == 40 + 32 + 4)
  }

  @Test("Layers with state, batch statistics and dropout pass", arguments: [true, false])
  func everyLayer(isTraining: Bool) throws {
    let model = try Sequential(input: [6], seed: 1, on: .reference, dtype: .float64) {
      Linear(5)
      BatchNorm()
      Tanh()
      Dropout(0.3)
      Linear(3)
      Softplus()
    }
    model.mode = isTraining ? .training : .evaluation
    func states() throws -> [[Double]] {
      try model.runningStates.map { try $0.value.wrappedValue.array(of: Double.self) }
    }
    let before = try states()
    let report = checkGradients(of: model, at: Self.input([7, 6], .reference))
    #expect(report.passed, "\(report)")
    #expect(try states() == before)
  }

  @Test("Layers of several features pass, and a formula that somebody wrote")
  func featureLayers() throws {
    let wave = try Activation(parsing: "x + cos(3*x)")
    let model = try Sequential(input: [6], seed: 1, on: .reference, dtype: .float64) {
      Linear(8)
      PReLU(isPerChannel: true)
      GLU()
      Maxout(6, pieces: 3)
      PerUnit([.cos, .identity])
      wave
      PReLU()
      LogSoftmax()
      Softmax()
    }
    let report = checkGradients(of: model, at: Self.input([7, 6], .reference))
    #expect(report.passed, "\(report)")
  }

  @Test("A parameter's wrong gradient is named by its path", arguments: [true, false])
  func wrongParameter(isFull: Bool) throws {
    let model = Scaled()
    model.initialize(seed: 1, on: .reference, dtype: .float64)
    let report = checkGradients(
      of: model, at: [Self.input([5, 3], .reference)], name: "scaled",
      mode: isFull ? .full : .fast
    ) { model($0[0]) }
    #expect(report.verdict == .failed)
    let places = report.findings.compactMap(\.discrepancy).map { ($0.subject, $0.index) }
    #expect(places.map(\.0) == ["gradient of parameter 'inner.scale'"])
    #expect(places.map(\.1) == [[2]])
  }

  @Test("A loss of a module with labels beside its input is checked too")
  func loss() throws {
    let model = try Sequential(input: [4], seed: 1, on: .reference, dtype: .float64) {
      Linear(3)
    }
    let labels = Tensor([0, 2, 1, 1, 0].map(Int32.init), shape: [5], on: .reference)
    let report = checkGradients(of: model, at: [Self.input([5, 4], .reference)]) { x in
      crossEntropy(model(x[0]), labels)
    }
    #expect(report.passed, "\(report)")
  }

  @Test("A module of float32 is refused, with the way out")
  func float32() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let model = try Sequential(input: [4], seed: 1, on: .reference) { Linear(3) }
      _ = checkGradients(
        of: model, at: Tensor.ones([2, 4], dtype: .float64, on: .reference))
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("checkGradients: parameter '0.weight' is float32"))
    #expect(message.contains("initialize(seed:dtype: .float64)"))
  }
}

/// A module inside which a gradient is wrong in one entry.
private final class Scaled: Module {
  let inner = Inner()
  func callAsFunction(_ x: Tensor) -> Tensor { inner(x) }

  final class Inner: Module {
    @Parameter(shape: [3], initializer: .constant(0.5)) var scale: Tensor

    func callAsFunction(_ x: Tensor) -> Tensor {
      withGradient("scaled", at: [x, scale]) {
        $0[0] * $0[1]
      } pullback: { inputs, _, c in
        let right = (inputs[0] * c).sum(axes: [0])
        return [c * inputs[1], concatenate([right[0..<2], right[2...] * 1.001], axis: 0)]
      }
    }
  }
}
