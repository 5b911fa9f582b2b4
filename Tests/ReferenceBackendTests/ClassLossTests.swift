import Compute
import Foundation
import ReferenceBackend
import Testing

@Suite struct ClassLossTests {
  private let crossEntropy = ClassLoss.crossEntropy(smoothing: 0)

  private func losses(_ logits: [Double], _ classes: Int, _ labels: [Int]) -> [Double] {
    labels.enumerated().map { row, label in
      guard (0..<classes).contains(label) else { return .nan }
      let x = logits[row * classes..<(row + 1) * classes]
      let largest = x.max() ?? 0
      let sum = x.reduce(0) { $0 + exp($1 - largest) }
      return largest + log(sum) - x[x.startIndex + label]
    }
  }

  @Test(
    arguments: [[1, 1], [3, 17], [33, 2], [65, 10], [0, 3], [3, 0]], [DType.float32, .float64])
  func theDefinition(size: [Int], dtype: DType) throws {
    let (rows, classes) = (size[0], size[1])
    let rig = Rig(seed: rows)
    let logits = (0..<rows * classes).map { _ in
      Double(Float.random(in: -8...8, using: &rig.generator))
    }
    let labels = (0..<rows).map { _ in Int.random(in: -1...classes, using: &rig.generator) }
    let cotangent = (0..<rows).map { _ in Double(Int.random(in: -3...3, using: &rig.generator)) }
    let logitsView = try rig.numbers(logits, dtype, [rows, classes])
    let labelsView = try rig.numbers(labels.map(Double.init), .int32)
    // Losses and cotangent with gaps between.
    let lossesView = try rig.zeros([2 * rows], dtype).with(shape: [rows], strides: [2])
    let statistics = try rig.zeros([2, rows], dtype)
    try rig.backend.classLoss(
      crossEntropy, scores: logitsView, targets: labelsView, weights: nil, into: lossesView,
      statistics: statistics)
    let tolerance = dtype == .float32 ? 2e-6 : 1e-14
    for (value, expected) in zip(try rig.numbers(lossesView), losses(logits, classes, labels)) {
      #expect(
        same(value, expected) || abs(value - expected) <= tolerance * (1 + abs(expected)))
    }

    let gradient = try rig.zeros([rows, classes], dtype)
    let spaced = try rig.numbers(cotangent.flatMap { [99, $0] } + [99], dtype)
      .with(shape: [rows], strides: [2], offset: 1)
    try rig.backend.classLossGradient(
      crossEntropy, cotangent: spaced, scores: logitsView, targets: labelsView, weights: nil,
      statistics: statistics, into: gradient, targetGradient: nil)
    let values = try rig.numbers(gradient)
    for row in 0..<rows {
      let x = logits[row * classes..<(row + 1) * classes]
      let sum = x.reduce(0) { $0 + exp($1) }
      for j in 0..<classes {
        let value = values[row * classes + j]
        guard (0..<classes).contains(labels[row]) else {
          #expect(value.isNaN)
          continue
        }
        let expected =
          (exp(x[x.startIndex + j]) / sum - (labels[row] == j ? 1 : 0)) * cotangent[row]
        #expect(abs(value - expected) <= 4 * tolerance)
      }
    }
  }

  @Test func logitsOfAnySize() throws {
    let rig = Rig()
    let logits = try rig.floats([1e4, -1e4, 0, -1e4, 1e4, 1e4], [3, 2])
    let labels = try rig.view([1, 0, 1] as [Int64], .int64)
    let (losses, statistics) = (try rig.zeros([3], .float32), try rig.zeros([2, 3], .float32))
    try rig.backend.classLoss(
      crossEntropy, scores: logits, targets: labels, weights: nil, into: losses,
      statistics: statistics)
    let values = try rig.numbers(losses)
    #expect(values[0] == 20_000 && values[1] == 0)
    #expect(abs(values[2] - 0.6931471805599453) < 1e-7)
    let gradient = try rig.zeros([3, 2], .float32)
    try rig.backend.classLossGradient(
      crossEntropy, cotangent: try rig.floats([1, 1, 1]), scores: logits, targets: labels,
      weights: nil, statistics: statistics, into: gradient, targetGradient: nil)
    let expected = [1, -1, 0, 0, 0.5, -0.5]
    // log 2 is lost beside 1e4 in float32, by half a unit in its last place.
    for (value, expected) in zip(try rig.numbers(gradient), expected) {
      #expect(abs(value - expected) < 1e-3)
    }
  }
}
