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

  @Test("Some of the axes are joined, counted from either end", arguments: Setting.all)
  func someAxes(setting: Setting) throws {
    let x = setting.range([2, 3, 4, 5])
    try expectEqual(Flatten(from: 2)(x), [2, 3, 20], (0..<120).map(Double.init))
    #expect(Flatten(from: 1, through: 2)(x).shape == [2, 12, 5])
    #expect(Flatten(from: -2)(x).shape == [2, 3, 20])
    #expect(try Flatten(from: 2).build(input: [3, 4, 5]) == [3, 20])
    #expect(try Flatten(from: 1, through: 2).build(input: [3, 4, 5]) == [12, 5])
    let error = #expect(throws: ModelError.self) { try Flatten(from: 2).build(input: [3]) }
    #expect(
      error?.problem
        == "Flatten(2 through -1) counts the batch axis as 0, and its input of shape [3] has axes 1 through 1"
    )
  }
}
