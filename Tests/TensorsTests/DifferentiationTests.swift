import Compute
import Tensors
import TestSupport
import Testing

@Suite struct DifferentiationTests {
  @Test("The gradient is that of the sum of the elements", arguments: Setting.all)
  func vectorValues(setting: Setting) throws {
    let x = setting.tensor([1, 2, 3])
    let (value, gradient) = valueWithGradient(at: x) { $0 * $0 }
    try expectEqual(value, [3], [1, 4, 9])
    try expectEqual(gradient, [3], [2, 4, 6])
    #expect(!value.isTracked)
  }

  @Test("One, two and many arguments", arguments: Setting.all)
  func arguments(setting: Setting) throws {
    let (x, y, z) = (setting.tensor([1, 2]), setting.tensor([3, 4]), setting.tensor([5, 6]))
    let two = valueWithGradient(at: x, y) { ($0 * $1 * $1).sum() }
    #expect(try two.value.item(of: Double.self) == 41)
    try expectEqual(two.gradients.0, [2], [9, 16])
    try expectEqual(two.gradients.1, [2], [6, 16])
    let many = valueWithGradient(at: [x, y, z]) { $0[0] * $0[1] - $0[2] }
    try expectEqual(many.gradients[0], [2], [3, 4])
    try expectEqual(many.gradients[1], [2], [1, 2])
    try expectEqual(many.gradients[2], [2], [-1, -1])
    let result = valueWithGradientAndResult(at: [x]) { (($0[0] * 2).sum(), "more") }
    #expect(result.result == "more")
    try expectEqual(result.gradients[0], [2], [2, 2])
  }

  @Test("The same tensor as two arguments has two gradients", arguments: Setting.all)
  func oneTensorTwice(setting: Setting) throws {
    let x = setting.tensor([1, 2])
    let (_, gradients) = valueWithGradient(at: x, x) { ($0 * $1 * $1).sum() }
    try expectEqual(gradients.0, [2], [1, 4])
    try expectEqual(gradients.1, [2], [2, 8])
  }

  @Test("A pullback takes a cotangent of the value's shape", arguments: Setting.all)
  func pullbacks(setting: Setting) throws {
    let x = setting.tensor([[1, 2], [3, 4]])
    let (value, pullback) = valueWithPullback(at: [x]) { $0[0].transposed() * 2 }
    try expectEqual(value, [2, 2], [2, 6, 4, 8])
    try expectEqual(
      pullback(setting.tensor([[1, 10], [100, 1000]]))[0], [2, 2], [2, 200, 20, 2000])
    // A cotangent may itself be a view.
    try expectEqual(
      pullback(setting.tensor([1, 2]).broadcast(to: [2, 2]))[0], [2, 2], [2, 2, 4, 4])
  }
}
