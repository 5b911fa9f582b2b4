import Compute
import Tensors
import TestSupport
import Testing

import func Foundation.exp
import func Foundation.log

@Suite struct SoftmaxTests {
  @Test("Rows add up to 1, in the proportions of the exponentials", arguments: Setting.all)
  func rows(setting: Setting) throws {
    let x = setting.tensor([[0, log(3.0)], [5, 5]])
    try expectClose(softmax(x), [0.25, 0.75, 0.5, 0.5], .ulps(8))
    try expectClose(logSoftmax(x), [0.25, 0.75, 0.5, 0.5].map { log($0) }, .ulps(8))
    try expectClose(
      softmax(x, axis: 0),
      [1 / (1 + exp(5.0)), 3 / (3 + exp(5)), 1 / (1 + exp(-5)), 1 / (1 + 3 * exp(-5))],
      .ulps(16))
  }

  @Test("Numbers of any size give probabilities", arguments: Setting.all)
  func extremes(setting: Setting) throws {
    let x = setting.tensor([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [-.infinity, 2, 2]])
    let third = 1.0 / 3
    try expectClose(softmax(x), [1, 0, 0, third, third, third, 0, 0.5, 0.5], .ulps(4))
    try expectClose(
      logSoftmax(x),
      [0, -2e4, -1e4, log(third), log(third), log(third), -.infinity, log(0.5), log(0.5)], .ulps(8))
    let gradient = valueWithGradient(at: x[0..<2]) { (softmax($0) * $0).sum() }.gradient
    #expect(try gradient.array(of: Double.self).allSatisfy { $0.isFinite })
  }

  @Test("Without elements there is nothing to add up")
  func empty() throws {
    let x = Tensor.zeros([3, 0], on: .reference)
    let (y, gradient) = valueWithGradient(at: x) { softmax($0) }
    #expect(y.shape == [3, 0])
    #expect(gradient.shape == [3, 0])
    #expect(logSoftmax(x).shape == [3, 0])
  }
}
