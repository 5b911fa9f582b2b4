import Compute
import Tensors
import TestSupport
import Testing

import func Foundation.exp
import func Foundation.log
import func Foundation.log1p

@Suite struct LossTests {
  private func softmax(_ row: [Double]) -> [Double] {
    let largest = row.max() ?? 0
    let powers = row.map { exp($0 - largest) }
    return powers.map { $0 / powers.reduce(0, +) }
  }

  private func crossEntropy(_ row: [Double], _ label: Int) -> Double {
    let largest = row.max() ?? 0
    return log(row.reduce(0) { $0 + exp($1 - largest) }) - (row[label] - largest)
  }

  private static let shapes: [Shape] = [
    [1, 1], [3, 2], [17, 10], [5, 127], [257, 3], [2, 3, 4],
  ]

  @Test("Cross-entropy of each row, and its gradient", arguments: Setting.all)
  func perExample(setting: Setting) throws {
    var random = SeededGenerator(1)
    for shape in Self.shapes {
      let classes = shape[-1]
      let batch = Shape(shape.dimensions.dropLast())
      let logits = random.array(shape, bound: 4)
      let labels = random.integers(batch.count, in: 0...(classes - 1)).map { Int($0) }
      let cotangent = random.array(batch)
      let rows = (0..<batch.count).map { Array(logits.values[$0 * classes..<($0 + 1) * classes]) }
      for (layout, kind) in zip(SampleInput.Layout.allCases, [DType.int32, .int64, .uint8]) {
        let targets = Tensor(labels, shape: batch, dtype: kind, on: setting.device)
        let (value, pullback) = valueWithPullback(at: [setting.tensor(logits, layout)]) {
          crossEntropyPerExample($0[0], targets)
        }
        // Each loss is at most 13; the exponentials may be off by 3 units of float32.
        try expectClose(
          value, HostArray(batch, zip(rows, labels).map(crossEntropy)),
          .absolute(64 * setting.epsilon), "\(shape) \(layout)")
        let gradient = zip(zip(rows, labels), cotangent.values).flatMap { pair, factor in
          softmax(pair.0).enumerated().map { ($1 - ($0 == pair.1 ? 1 : 0)) * factor }
        }
        try expectClose(
          pullback(setting.tensor(cotangent))[0], HostArray(shape, gradient),
          .absolute(64 * setting.epsilon), "\(shape) \(layout)")
      }
    }
  }

  @Test("Cross-entropy is the mean over the rows", arguments: Setting.all)
  func meanOverRows(setting: Setting) throws {
    let logits = setting.tensor([[1, 2, 3], [0, 0, 0]])
    let labels = Tensor([2, 0], shape: [2], dtype: .int32, on: setting.device)
    let (value, gradient) = valueWithGradient(at: logits) { Tensors.crossEntropy($0, labels) }
    #expect(value.shape == .scalar)
    let expected = (crossEntropy([1, 2, 3], 2) + log(3.0)) / 2
    try expectClose(value, [expected], .ulps(16))
    let p = softmax([1, 2, 3])
    try expectClose(
      gradient, [p[0] / 2, p[1] / 2, (p[2] - 1) / 2, -1.0 / 3, 1.0 / 6, 1.0 / 6],
      .absolute(8 * setting.epsilon))
  }

  @Test("Logits of ten thousand neither overflow nor lose the loss", arguments: Setting.all)
  func extremeLogits(setting: Setting) throws {
    let logits = setting.tensor([[1e4, -1e4, 0], [1e4, -1e4, 0], [1e4, 1e4, -1e4]])
    let labels = Tensor([0, 1, 1], shape: [3], dtype: .int32, on: setting.device)
    let (value, gradient) = valueWithGradient(at: logits) { crossEntropyPerExample($0, labels) }
    try expectClose(value, [0, 2e4, log(2.0)], .ulps(4))
    try expectClose(gradient, [0, 0, 0, 1, -1, 0, 0.5, -0.5, 0], .ulps(4))

    let z = setting.tensor([1e4, -1e4, 1e4, -1e4, 0])
    let targets = setting.tensor([1, 0, 0, 1, 1])
    let (binary, slope) = valueWithGradient(at: z) { binaryCrossEntropy($0, targets) }
    try expectClose(binary, [(2e4 + log(2.0)) / 5], .ulps(4))
    try expectClose(slope, [0, 0, 0.2, -0.2, -0.1], .ulps(4))
  }

  @Test(
    "A label that is no class makes its loss and gradient NaN, and no other", arguments: Setting.all
  )
  func unknownLabels(setting: Setting) throws {
    let logits = setting.tensor([[1, 2], [1, 2], [1, 2], [2, 1]])
    let labels = Tensor([0, 2, -1, 0], shape: [4], dtype: .int32, on: setting.device)
    let (value, gradient) = valueWithGradient(at: logits) { crossEntropyPerExample($0, labels) }
    let known = [crossEntropy([1, 2], 0), crossEntropy([2, 1], 0)]
    try expectClose(value, [known[0], .nan, .nan, known[1]], .ulps(16))
    let nan = try gradient.array(of: Double.self).map(\.isNaN)
    #expect(nan == [false, false, true, true, true, true, false, false])
  }

  @Test(
    "A batch of no examples has no losses, and a gradient without elements", arguments: Setting.all)
  func noExamples(setting: Setting) throws {
    let logits = Tensor.zeros([0, 3], dtype: setting.dtype, on: setting.device)
    let labels = Tensor([Int32](), shape: [0], on: setting.device)
    let (value, gradient) = valueWithGradient(at: logits) { crossEntropyPerExample($0, labels) }
    try expectEqual(value, [0], [])
    try expectEqual(gradient, [0, 3], [])
    #expect(try Tensors.crossEntropy(logits, labels).item(of: Double.self).isNaN)
    #expect(try meanSquaredError(logits, logits).item(of: Double.self).isNaN)
  }

  @Test("Binary cross-entropy, and its gradient in logits and targets", arguments: Setting.all)
  func binary(setting: Setting) throws {
    var random = SeededGenerator(2)
    for shape in [[1], [17, 1], [3, 5]] as [Shape] {
      let z = HostArray(shape, random.array(shape, bound: 4).values.map { $0 == 0 ? 1 : $0 })
      let t = HostArray(shape, random.array(shape, bound: 1).values.map(\.magnitude))
      let n = Double(shape.count)
      let (value, gradients) = valueWithGradient(at: setting.tensor(z), setting.tensor(t)) {
        binaryCrossEntropy($0, $1)
      }
      #expect(value.shape == .scalar)
      let terms = zip(z.values, t.values).map { z, t in
        Swift.max(z, 0) - z * t + log1p(exp(-z.magnitude))
      }
      try expectClose(value, [terms.reduce(0, +) / n], .absolute(16 * setting.epsilon))
      try expectClose(
        gradients.0,
        HostArray(shape, zip(z.values, t.values).map { (1 / (1 + exp(-$0)) - $1) / n }),
        .absolute(16 * setting.epsilon))
      try expectClose(gradients.1, HostArray(shape, z.values.map { -$0 / n }), .ulps(2))
    }
  }

  @Test("Mean squared error, and its gradient in both", arguments: Setting.all)
  func squared(setting: Setting) throws {
    let x = setting.tensor([[1, 2], [3, 4]])
    let y = setting.tensor([[0, 4], [3, 1]])
    let (value, gradients) = valueWithGradient(at: x, y) { meanSquaredError($0, $1) }
    try expectEqual(value, [], [3.5])
    try expectEqual(gradients.0, [2, 2], [0.5, -1, 0, 1.5])
    try expectEqual(gradients.1, [2, 2], [-0.5, 1, 0, -1.5])
  }

  @Test("A loss is one launch forward and one back", arguments: TestDevices.all)
  func launches(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let logits = Tensor.zeros([5, 3], on: device)
    let targets = Tensor.ones([5, 3], on: device)
    let labels = Tensor([0, 1, 2, 0, 1], shape: [5], dtype: .int32, on: device)
    func count(_ loss: ([Tensor]) -> Tensor) -> (forward: Int, back: Int) {
      let start = device.statistics.launches
      let (value, pullback) = valueWithPullback(at: [logits], of: loss)
      let forward = device.statistics.launches - start
      let cotangent = Tensor.ones(value.shape, on: device)
      let middle = device.statistics.launches
      _ = pullback(cotangent)
      return (forward, device.statistics.launches - middle)
    }
    #expect(count { crossEntropyPerExample($0[0], labels) } == (1, 1))
    #expect(count { binaryCrossEntropy($0[0], targets) } == (1, 1))
    #expect(count { meanSquaredError($0[0], targets) } == (1, 1))
  }
}
