import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct FlattenTests {
  @Test("Each example becomes a vector", arguments: Setting.all)
  func flattening(setting: Setting) throws {
    let layer = Flatten()
    try expectEqual(layer(setting.range([2, 2, 3])), [2, 6], (0..<12).map(Double.init))
    #expect(layer(setting.range([3])).shape == [3, 1])
    #expect(layer(setting.range([4, 5])).shape == [4, 5])
    #expect(layer(setting.range([0, 2, 3])).shape == [0, 6])
    #expect(try layer.build(input: [2, 3]) == [6])
    #expect(try layer.build(input: []) == [1])
    #expect(layer.summary == "Flatten")
  }
}
