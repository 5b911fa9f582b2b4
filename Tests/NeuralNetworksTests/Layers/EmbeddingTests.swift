import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct EmbeddingTests {
  private func layer(_ setting: Setting, padding: Int? = nil) -> Embedding {
    let layer = Embedding(4, 2, paddingIndex: padding)
    layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    layer.$weight.assign(setting.tensor([[0, 1], [2, 3], [4, 5], [6, 7]]))
    return layer
  }

  @Test(
    "Numbers of any shape give rows, also where they are floating-point", arguments: Setting.all)
  func rows(setting: Setting) throws {
    let layer = layer(setting)
    let numbers = Tensor([3, 0, 1, 1].map(Int64.init), shape: [2, 2], on: setting.device)
    try expectEqual(layer(numbers), [2, 2, 2], [6, 7, 0, 1, 2, 3, 2, 3])
    try expectEqual(layer(setting.tensor([2, 0])), [2, 2], [4, 5, 0, 1])
    #expect(try layer.build(input: [2]) == [2, 2])
    #expect(try layer.build(input: []) == [2])
    #expect(layer.summary == "Embedding(4, 2)")
    #expect(try layer(setting.tensor([4])).array(of: Double.self).allSatisfy { $0.isNaN })
  }

  @Test("A gradient adds up rows that were taken several times", arguments: Setting.all)
  func gradient(setting: Setting) throws {
    let layer = layer(setting)
    let numbers = Tensor([1, 3, 1].map(Int32.init), shape: [3], on: setting.device)
    let weights = setting.tensor([[1, 2], [3, 4], [5, 6]])
    let (_, gradients) = valueWithGradient(of: layer) { (layer(numbers) * weights).sum() }
    try expectEqual(gradients[layer.$weight], [4, 2], [0, 0, 6, 8, 0, 0, 3, 4])
  }

  @Test("Padding starts as zeros and is not trained", arguments: Setting.all)
  func padding(setting: Setting) throws {
    let fresh = Embedding(3, 2, paddingIndex: 1)
    fresh.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let values = try fresh.weight.array(of: Double.self)
    #expect(values[2...3].allSatisfy { $0 == 0 } && values[0] != 0 && values[5] != 0)
    let layer = layer(setting, padding: 1)
    let numbers = Tensor([1, 2].map(Int32.init), shape: [2], on: setting.device)
    let (_, gradients) = valueWithGradient(of: layer) { layer(numbers).sum() }
    // What was loaded for it is what it gives, as in PyTorch.
    try expectEqual(layer(numbers), [2, 2], [2, 3, 4, 5])
    try expectEqual(gradients[layer.$weight], [4, 2], [0, 0, 0, 0, 1, 1, 0, 0])
    #expect(layer.summary == "Embedding(4, 2, padding 1)")
  }
}
