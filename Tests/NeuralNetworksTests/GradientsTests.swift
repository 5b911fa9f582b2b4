import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct GradientsTests {
  private func model(_ setting: Setting) throws -> (Sequential, Linear, Linear) {
    let (first, second) = (Linear(3, weight: .ones), Linear(1, weight: .constant(2)))
    let model = try Sequential(input: [2], seed: 1, on: setting.device, dtype: setting.dtype) {
      first
      second
    }
    return (model, first, second)
  }

  @Test("Each parameter's gradient is found by the parameter", arguments: Setting.all)
  func byParameter(setting: Setting) throws {
    let (model, first, second) = try model(setting)
    first.bias?.assign(setting.tensor([0, 0, 0]))
    second.bias?.assign(setting.tensor([0]))
    let x = setting.tensor([[1, 2], [3, 4]])
    let (loss, gradients) = valueWithGradient(of: model) { model(x).sum() }
    // Each hidden unit is 3 and 7; each output the sum of three, twice.
    #expect(try loss.item(of: Double.self) == 60)
    try expectEqual(gradients[first.$weight], [3, 2], [8, 12, 8, 12, 8, 12])
    try expectEqual(gradients[try #require(first.bias)], [3], [4, 4, 4])
    try expectEqual(gradients[second.$weight], [1, 3], [10, 10, 10])
    try expectEqual(gradients[try #require(second.bias)], [1], [2])
    let squares: Double = 3 * (64 + 144) + 48 + 300 + 4
    try expectClose(gradients.norm, [squares.squareRoot()], .ulps(3))
  }

  @Test("A loss may come with a result of its own", arguments: Setting.all)
  func results(setting: Setting) throws {
    let (model, first, _) = try model(setting)
    let x = setting.tensor([[1, 2]])
    let (loss, output, gradients) = valueWithGradient(of: model) {
      let y = model(x)
      return (loss: y.sum(), result: y.shape)
    }
    #expect(output == [1, 1])
    #expect(!loss.isTracked)
    try expectEqual(gradients[first.$weight], [3, 2], [2, 4, 2, 4, 2, 4])
  }

  @Test("Parameters that the loss does not reach have gradients of zero", arguments: Setting.all)
  func unreached(setting: Setting) throws {
    let (model, first, second) = try model(setting)
    let (_, gradients) = valueWithGradient(of: model) { first.weight.sum() }
    try expectEqual(gradients[first.$weight], [3, 2], [1, 1, 1, 1, 1, 1])
    try expectEqual(gradients[second.$weight], [1, 3], [0, 0, 0])
    try expectClose(gradients.norm, [Double(6).squareRoot()], .ulps(3))
  }

  @Test(
    "Gradients stay as they were when parameters and later gradients change", arguments: Setting.all
  )
  func values(setting: Setting) throws {
    let (model, first, _) = try model(setting)
    let x = setting.tensor([[1, 2]])
    let (_, gradients) = valueWithGradient(of: model) { model(x).sum() }
    SGD(model, learningRate: 1).update(gradients)
    let (_, later) = valueWithGradient(of: model) { (model(x) * 3).sum() }
    try expectEqual(gradients[first.$weight], [3, 2], [2, 4, 2, 4, 2, 4])
    #expect(try later[first.$weight].array(of: Double.self) != [2, 4, 2, 4, 2, 4])
  }

  @Test("A gradient that failed fails all of them")
  func failures() throws {
    let watched = WatchedBackend()
    let (model, first, _) = try model(Setting(watched.device, .float64))
    let x = Tensor([[1, 2]], dtype: .float64, on: watched.device)
    watched.refuse { call, number in call == .multiply && number == 2 }
    let (loss, gradients) = valueWithGradient(of: model) { model(x).sum() }
    #expect(try loss.item(of: Double.self).isFinite)
    #expect(throws: WatchedBackend.Refusal(call: .multiply)) { try gradients.norm.wait() }
    #expect(throws: WatchedBackend.Refusal(call: .multiply)) { try gradients[first.$weight].wait() }
  }
}
