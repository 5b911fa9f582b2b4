import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct ReshapeTests {
  @Test("Each example takes the shape, in order", arguments: Setting.all)
  func reshaping(setting: Setting) throws {
    let layer = Reshape([1, 2, 3])
    try expectEqual(layer(setting.range([2, 6])), [2, 1, 2, 3], (0..<12).map(Double.init))
    #expect(layer(setting.range([0, 6])).shape == [0, 1, 2, 3])
    #expect(try layer.build(input: [3, 2]) == [1, 2, 3])
    #expect(layer.summary == "Reshape(1, 2, 3)")
  }

  @Test("One length is what the others leave")
  func openLength() throws {
    let layer = Reshape([-1, 4])
    #expect(try layer.build(input: [24]) == [6, 4])
    #expect(layer(Tensor.ones([5, 2, 8], on: .reference)).shape == [5, 4, 4])
  }

  @Test("What does not fit is named with its numbers")
  func errors() {
    func message(_ lengths: [Int], _ input: Shape) -> String? {
      #expect(throws: ModelError.self) { try Reshape(lengths).build(input: input) }?.problem
    }
    #expect(
      message([1, 8, 8], [60])
        == "Reshape(1, 8, 8) needs 64 elements, but its input of shape [60] has 60")
    #expect(
      message([-1, 8], [3, 4])
        == "Reshape(-1, 8) needs a multiple of 8 elements, but its input of shape [3, 4] has 12")
  }
}
