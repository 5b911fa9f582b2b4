import Compute
import Tensors
import TestSupport
import Testing

@Suite struct CustomGradientTests {
  @Test("A stated gradient is used in place of the operations'", arguments: Setting.all)
  func stated(setting: Setting) throws {
    let (x, y) = (setting.tensor([1, 2]), setting.tensor([3, 4]))
    func reversed(_ x: Tensor, _ y: Tensor) -> Tensor {
      withGradient("reversed", at: [x, y]) { inputs in
        #expect(!inputs[0].isTracked)
        return inputs[0] * inputs[1]
      } pullback: { inputs, value, cotangent in
        [-inputs[1] * cotangent, value * cotangent]
      }
    }
    let outside = reversed(x, y)
    #expect(!outside.isTracked)
    try expectEqual(outside, [2], [3, 8])
    let (value, gradients) = valueWithGradient(at: x, y) { (reversed($0 * 2, $1) * 10).sum() }
    #expect(try value.item(of: Double.self) == 220)
    try expectEqual(gradients.0, [2], [-60, -80])
    try expectEqual(gradients.1, [2], [60, 160])
    // A constant among the inputs takes no gradient.
    let (_, one) = valueWithGradient(at: x) { reversed($0, y).sum() }
    try expectEqual(one, [2], [-3, -4])
  }

  @Test("A straight-through estimate lets the gradient pass a step", arguments: Setting.all)
  func straightThrough(setting: Setting) throws {
    let x = setting.tensor([-1, 0.5])
    let (value, gradient) = valueWithGradient(at: x) { x in
      withGradient("step", at: [x]) {
        $0[0] .> 0
      } pullback: { _, _, cotangent in
        [cotangent]
      }
    }
    try expectEqual(value, [2], [0, 1])
    try expectEqual(gradient, [2], [1, 1])
  }
}
