import Compute
import Tensors
import TestSupport
import Testing

import func Foundation.exp

@Suite struct FeatureActivationTests {
  @Test("PReLU has one slope, or one for each entry of axis 1", arguments: Setting.all)
  func slopes(setting: Setting) throws {
    let x = setting.tensor([[-2, 0, 3], [4, -5, -6]])
    try expectEqual(prelu(x, slope: setting.tensor([0.5])), [2, 3], [-1, 0, 3, 4, -2.5, -3])
    let slopes = setting.tensor([0.5, 1, -2])
    try expectEqual(prelu(x, slope: slopes), [2, 3], [-1, 0, 3, 4, -5, 12])
    let (_, gradients) = valueWithGradient(at: x, slopes) { prelu($0, slope: $1) }
    try expectEqual(gradients.0, [2, 3], [0.5, 1, 1, 1, 1, -2])
    try expectEqual(gradients.1, [3], [-2, -5, -6])
    let images = x.reshaped(to: [1, 3, 2])
    try expectEqual(prelu(images, slope: slopes), [1, 3, 2], [-1, 0, 3, 4, 10, 12])
  }

  @Test("GLU gates the first half with the second", arguments: Setting.all)
  func gates(setting: Setting) throws {
    let x = setting.tensor([[1, 2, 0, 1e4], [3, 4, -1e4, 0]])
    try expectClose(glu(x), [0.5, 2, 0, 2], .ulps(8))
    let sigmoids = [3.0, 4, -1e4, 0].map { 1 / (1 + exp(-$0)) }
    try expectClose(glu(x, axis: 0), zip([1, 2, 0, 1e4], sigmoids).map(*), .ulps(16))
    let gradient = valueWithGradient(at: x) { glu($0) }.gradient
    try expectClose(gradient, [0.5, 1, 0.25, 0, 0, 0.5, 0, 1], .ulps(8))
  }

  @Test("Maxout takes the largest of consecutive features", arguments: Setting.all)
  func groups(setting: Setting) throws {
    let x = setting.tensor([[1, 5, 3, -1, -2, -3], [0, 0, 7, 2, 2, 1]])
    let (y, gradient) = valueWithGradient(at: x) { maxout($0, pieces: 3) }
    try expectEqual(y, [2, 2], [5, -1, 7, 2])
    try expectEqual(gradient, [2, 6], [0, 1, 0, 1, 0, 0, 0, 0, 1, 0.5, 0.5, 0])
    try expectEqual(maxout(x, pieces: 1), [2, 6], try x.array())
  }

  @Test("Shapes that do not fit are refused")
  func refusals() async {
    expectMessage(
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = prelu(.zeros([2, 3], on: .reference), slope: .zeros([2], on: .reference))
      }, "prelu: slopes of shape [2] do not fit an input of shape [2, 3]")
    expectMessage(
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = glu(.zeros([2, 3], on: .reference))
      }, "glu: axis 1 of shape [2, 3] has 3 entries")
    expectMessage(
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = maxout(.zeros([2, 3], on: .reference), pieces: 2)
      }, "maxout: the last axis of shape [2, 3] is not divisible into groups of 2")
  }
}

@Suite struct UnitActivationTests {
  @Test("Each unit has its activation, fewer are repeated", arguments: Setting.all)
  func units(setting: Setting) throws {
    let units = UnitActivations([.square, .identity])
    let x = setting.tensor([[1, 2, 3, 4], [-5, -6, -7, -8]])
    let (y, gradient) = valueWithGradient(at: x) { units($0) }
    try expectEqual(y, [2, 4], [1, 2, 9, 4, 25, -6, 49, -8])
    try expectEqual(gradient, [2, 4], [2, 1, 6, 1, -10, 1, -14, 1])
    // One function for all is that function.
    try expectEqual(UnitActivations([.square])(x), [2, 4], [1, 4, 9, 16, 25, 36, 49, 64])
    #expect(UnitActivations([.relu, .hardTanh, .relu]).kinks == [-1, 0, 1])
    // What another unit computes does not spoil a unit's value.
    let roots = UnitActivations([Activation("root") { $0.squareRoot }, .identity])
    let mixed = valueWithGradient(at: setting.tensor([[4, -4]])) { roots($0) }
    try expectEqual(mixed.value, [1, 2], [2, -4])
    try expectEqual(mixed.gradient, [1, 2], [0.25, 1])
  }

  @Test("All units are one launch forward, and one back", arguments: TestDevices.all)
  func launches(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let units = UnitActivations([.cos, .identity, .tanh])
    let x = Tensor([[1, 2, 3], [4, 5, 6]], on: device)
    _ = units(x)
    let before = device.statistics.launches
    _ = units(x)
    #expect(device.statistics.launches == before + 1)
    let (_, pullback) = valueWithPullback(at: [x]) { units($0[0]) }
    let forward = device.statistics.launches
    _ = pullback(x)
    #expect(device.statistics.launches == forward + 1)
  }
}
