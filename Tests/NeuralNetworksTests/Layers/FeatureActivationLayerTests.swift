import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// PReLU, GLU, Softmax, LogSoftmax and Maxout as layers.
@Suite struct FeatureActivationLayerTests {
  @Test("PReLU starts with a slope of ¼, one or one per channel", arguments: Setting.all)
  func prelu(setting: Setting) throws {
    let one = PReLU()
    #expect(one.summary == "PReLU()")
    #expect(try one.build(input: [3]) == [3])
    one.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    try expectEqual(one(setting.tensor([[-4, 4, -8]])), [1, 3], [-1, 4, -2])
    let many = PReLU(isPerChannel: true, slope: 0.5)
    #expect(many.summary == "PReLU(per channel)")
    #expect(try many.build(input: [3, 2]) == [3, 2])
    #expect(many.summary == "PReLU(3)")
    many.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    #expect(Array(many.parameters.keys) == ["weight"])
    many.$weight.assign(setting.tensor([1, 2, 3]))
    try expectEqual(
      many(setting.tensor([-1, 1, -1, 1, -1, 1], [1, 3, 2])), [1, 3, 2], [-1, 1, -2, 1, -3, 1])
    let error = #expect(throws: ModelError.self) { try PReLU(4).build(input: [3]) }
    #expect(error?.description == "PReLU has 4 channels, but its input has shape [3]")
  }

  @Test("GLU halves the last axis", arguments: Setting.all)
  func glu(setting: Setting) throws {
    #expect(try GLU().build(input: [5, 6]) == [5, 3])
    let error = #expect(throws: ModelError.self) { try GLU().build(input: [5]) }
    #expect(
      error?.description
        == "GLU halves the last axis, but its input has shape [5]; expected an even length")
    try expectEqual(GLU()(setting.tensor([[8, 0], [2, 1e4]])), [2, 1], [4, 2])
  }

  @Test("Softmax and its logarithm keep the shape", arguments: Setting.all)
  func softmax(setting: Setting) throws {
    let x = setting.tensor([[1, 1], [-3, -3]])
    let half = try x.array(of: Double.self).map { _ in 0.5 }
    try expectEqual(Softmax()(x), [2, 2], half)
    try expectClose(LogSoftmax()(x).exp, half, .ulps(8))
    #expect(try Softmax().build(input: [4, 2]) == [4, 2])
    #expect(throws: ModelError.self) { try LogSoftmax().build(input: []) }
  }

  @Test("Maxout has k rows of weights for each unit", arguments: Setting.all)
  func maxout(setting: Setting) throws {
    let layer = Maxout(2, pieces: 3)
    #expect(layer.summary == "Maxout(2, 3 pieces)")
    #expect(try layer.build(input: [4]) == [2])
    #expect(layer.summary == "Maxout(4, 2, 3 pieces)")
    #expect(layer.parameterCount == 3 * (4 * 2 + 2))
    #expect(layer.$weight.fans == Fans(fanIn: 4, fanOut: 2))
    let absolute = Maxout(1, 1, pieces: 2)
    absolute.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    absolute.$weight.assign(setting.tensor([[1], [-1]]))
    absolute.bias?.assign(setting.tensor([0, 0]))
    try expectEqual(absolute(setting.tensor([[3], [-2]])), [2, 1], [3, 2])
    #expect(throws: ModelError.self) { try Maxout(3, 2).build(input: [4]) }
  }
}
