import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct LinearTests {
  @Test("x·Wᵀ + b, over the last axis, through the activation", arguments: Setting.all)
  func output(setting: Setting) throws {
    let layer = Linear(3, 2, activation: .relu)
    layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    layer.$weight.assign(setting.tensor([[1, 0, -1], [2, 1, 0]]))
    layer.bias?.assign(setting.tensor([1, -10]))
    try expectEqual(layer(setting.tensor([[5, 6, 4], [1, 1, 9]])), [2, 2], [2, 6, 0, 0])
    try expectEqual(layer(setting.tensor([5, 6, 4])), [2], [2, 6])
    try expectEqual(layer(setting.range([1, 2, 3])), [1, 2, 2], [0, 0, 0, 0])
  }

  @Test("The inputs are counted when the model is built, or before")
  func building() throws {
    let layer = Linear(5)
    #expect(layer.summary == "Linear(5)")
    #expect(try layer.build(input: [4]) == [5])
    #expect(layer.summary == "Linear(4, 5)")
    #expect(layer.$weight.shape == [5, 4])
    #expect(layer.bias?.shape == [5])
    #expect(layer.$weight.fans == Fans(fanIn: 4, fanOut: 5))
    #expect(layer.bias?.fans == Fans(fanIn: 4, fanOut: 5))
    #expect(try layer.build(input: [7, 4]) == [7, 5])
    let plain = Linear(2, 3, hasBias: false)
    #expect(plain.bias == nil)
    #expect(plain.summary == "Linear(2, 3, no bias)")
    #expect(Array(plain.parameters.keys) == ["weight"])
    #expect(plain.outputCount == 3)
  }
}
