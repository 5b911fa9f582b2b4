import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct RegularizationTests {
  /// A module of a weight with rows and a bias, at given numbers.
  private final class Unit: Module {
    @Parameter(shape: [2, 2], initializer: .zeros) var weight: Tensor
    @Parameter(shape: [2], initializer: .zeros) var bias: Tensor

    func numbers() throws -> [Double] { try weight.array() + bias.array() }
  }

  private func unit(_ numbers: [Double], _ setting: Setting) -> Unit {
    let unit = Unit()
    unit.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    unit.$weight.assign(setting.tensor(Array(numbers[..<4]), [2, 2]))
    unit.$bias.assign(setting.tensor(Array(numbers[4...])))
    return unit
  }

  /// One update along given gradients.
  private func update(_ unit: Unit, _ optimizer: Optimizer, _ slopes: [Double], _ setting: Setting)
  {
    let (weight, bias) = (
      setting.tensor(Array(slopes[..<4]), [2, 2]), setting.tensor(Array(slopes[4...]))
    )
    let (_, gradients) = valueWithGradient(of: unit) {
      (unit.weight * weight).sum() + (unit.bias * bias).sum()
    }
    optimizer.update(gradients)
  }

  @Test("L1 and L2 add their gradients; at 0 that of L1 is 0", arguments: Setting.all)
  func penalties(setting: Setting) throws {
    let start = [2.0, -4, 0, 1, 0, -8]
    let unit = unit(start, setting)
    let optimizer = SGD(
      unit, learningRate: 1, weightDecay: 0.125, regularization: .init(l1: 0.25, l2: 0.5))
    // ¼·15 + ½·(0.5 + 0.125)·85.
    try expectClose(optimizer.penalty, [3.75 + 26.5625])
    update(unit, optimizer, [1, 1, 1, 1, 1, 1], setting)
    let expected = start.map { p in
      p - (1 + 0.25 * (p > 0 ? 1 : p < 0 ? -1 : 0) + 0.625 * p)
    }
    #expect(try unit.numbers() == expected)
  }

  @Test("Decoupled decay does not go through the optimiser's averages", arguments: Setting.all)
  func decoupled(setting: Setting) throws {
    let unit = unit([1, 2, 3, 4, 5, 6], setting)
    let optimizer = AdamW(unit, learningRate: 0.5, weightDecay: 0.25)
    update(unit, optimizer, [0, 0, 0, 0, 0, 0], setting)
    // Without a gradient only 1 − ½·¼ is left of each.
    #expect(try unit.numbers() == [1, 2, 3, 4, 5, 6].map { 0.875 * $0 })
    try expectClose(optimizer.penalty, [0])
  }

  @Test("Rows are no longer than allowed after an update, and biases stay", arguments: Setting.all)
  func maxNorm(setting: Setting) throws {
    let unit = unit([3, 4, 0.25, 0.5, 30, 40], setting)
    let optimizer = SGD(unit, learningRate: 1, regularization: .init(maxNorm: 2))
    // The update comes first: 6, 8 is cut to length 2, and 0.25, 0.5 is left alone.
    update(unit, optimizer, [-3, -4, 0, 0, 0, 0], setting)
    try expectClose(
      unit.weight, [1.2, 1.6, 0.25, 0.5], .ulps(4), "rows of \(setting)")
    #expect(try unit.bias.array() == [30.0, 40])
    // Rows of zeros have no direction, and no NaN.
    let zeros = self.unit([0, 0, 0, 0, 0, 0], setting)
    update(
      zeros, SGD(zeros, learningRate: 1, regularization: .init(maxNorm: 1)), [0, 0, 0, 0, 0, 0],
      setting)
    #expect(try zeros.numbers() == [0, 0, 0, 0, 0, 0])
  }

  @Test("Clipping comes before penalties, by value before by norm", arguments: Setting.all)
  func clipping(setting: Setting) throws {
    let unit = unit([8, 8, 8, 8, 8, 8], setting)
    let optimizer = SGD(
      unit, learningRate: 1,
      regularization: .init(l2: 0.5, clipValue: 2, clipNorm: 2))
    update(unit, optimizer, [100, -100, 2, -2, 0, 0], setting)
    // By value all four have magnitude 2, so that the norm is 4 and their half is left.
    let factor = 2 / (4 + 1e-6)
    try expectClose(
      unit.weight, [2, -2, 2, -2].map { 8 - (4 + $0 * factor) }, .ulps(8), "\(setting)")
    #expect(try unit.bias.array() == [4.0, 4])
    // A norm below the bound is left as it is.
    let free = self.unit([0, 0, 0, 0, 0, 0], setting)
    update(
      free, SGD(free, learningRate: 1, regularization: .init(clipNorm: 10)),
      [1, 2, 3, 4, 5, 6], setting)
    #expect(try free.numbers() == [-1, -2, -3, -4, -5, -6])
  }

  @Test(
    "Clipping by norm is one more launch, and a largest norm two for each weight",
    arguments: TestDevices.all)
  func launches(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let setting = Setting(device, .float32)
    for (regularization, count) in [
      (Regularization(l1: 1, l2: 1, clipValue: 1), 2), (.init(clipNorm: 1), 3),
      (.init(maxNorm: 1), 4),
    ] {
      let unit = unit([1, 2, 3, 4, 5, 6], setting)
      let optimizer = Adam(unit, regularization: regularization)
      update(unit, optimizer, [1, 1, 1, 1, 1, 1], setting)
      let (_, gradients) = valueWithGradient(of: unit) { unit.weight.sum() + unit.bias.sum() }
      let before = device.statistics
      optimizer.update(gradients)
      let after = device.statistics
      #expect(after.launches - before.launches == count, "\(regularization)")
      #expect(after.waits == before.waits)
    }
  }
}
