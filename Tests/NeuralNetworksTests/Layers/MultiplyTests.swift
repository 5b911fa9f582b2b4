import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct MultiplyTests {
  @Test("Units are products of weighted features with offsets", arguments: Setting.all)
  func products(setting: Setting) throws {
    let layer = Multiply(2)
    let model = try Sequential(input: [3], seed: 1, on: setting.device, dtype: setting.dtype) {
      layer
    }
    layer.$weight.assign(setting.tensor([[2, 1, 0], [1, -1, 3]]))
    layer.$bias.assign(setting.tensor([[0, 0, 1], [1, 0, 0]]))
    // 2x · y, where z is left out; (x + 1) · −y · 3z.
    try expectEqual(
      model(setting.tensor([[3, 5, 7], [-1, 2, 0]])), [2, 2], [30, -420, -4, 0])
    #expect(layer.summary == "Multiply(3, 2)")
    #expect(Array(model.parameters.keys) == ["0.weight", "0.bias"])
  }

  @Test("A gradient is exact where factors are zero", arguments: Setting.all)
  func zeros(setting: Setting) throws {
    let layer = Multiply(1, weight: .ones, bias: .zeros)
    _ = try layer.build(input: [3])
    layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let (_, pullback) = valueWithPullback(at: [setting.tensor([[0, 2, 3], [0, 0, 5]])]) {
      layer($0[0])
    }
    let gradient = pullback(Tensor.ones([2, 1], dtype: setting.dtype, on: setting.device))
    try expectEqual(gradient[0], [2, 3], [6, 0, 0, 0, 0, 0])
  }

  @Test("It learns the exclusive or with one unit, which no weighted sum can")
  func exclusiveOr() throws {
    let model = try Sequential(input: [2], seed: 3, on: .reference, dtype: .float64) {
      Multiply(1)
    }
    let x = Tensor([[-1, -1], [-1, 1], [1, -1], [1, 1]], dtype: .float64, on: .reference)
    let y = Tensor([[-1], [1], [1], [-1]], dtype: .float64, on: .reference)
    let step = TrainingStep<Examples>(model, Adam(model, learningRate: 0.05)) {
      meanSquaredError(model($0.inputs), $0.targets)
    }
    for _ in 0..<400 { try step(Examples(inputs: x, targets: y)) }
    let losses = try step.finish()
    #expect((losses.last ?? 1) < 1e-3, "\(losses.last ?? .nan)")
  }
}
