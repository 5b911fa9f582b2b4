import Compute
import Foundation
import OpenCLBackend
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct ClassLossTests {
  /// Forward, and the gradients from what forward wrote.
  private func check(
    _ setting: Setting, _ loss: ClassLoss, scores: HostView, targets: HostView,
    weights: HostView?, cotangent: HostView, _ label: String = ""
  ) throws {
    let rows = scores.shape[0]
    let hasTargetGradient = targets.dtype.isFloatingPoint
    let gradient = HostView(scores.shape, setting.dtype)
    let result = try Comparison(
      on: setting.target, [scores, targets, cotangent] + (weights.map { [$0] } ?? []),
      into: [
        HostView([rows], setting.dtype, .sliced), HostView([2, rows], setting.dtype), gradient,
      ] + (hasTargetGradient ? [gradient] : []), "\(loss) \(label)"
    ) { backend, inputs, outputs in
      let weights = inputs.count > 3 ? inputs[3] : nil
      try backend.classLoss(
        loss, scores: inputs[0], targets: inputs[1], weights: weights, into: outputs[0],
        statistics: outputs[1])
      try backend.classLossGradient(
        loss, cotangent: inputs[2], scores: inputs[0], targets: inputs[1], weights: weights,
        statistics: outputs[1], into: outputs[2],
        targetGradient: hasTargetGradient ? outputs[3] : nil)
    }
    result.expectCloseAsReference()
  }

  /// Rows and classes around the sizes of vectors and work-groups, and of what is few.
  private static let sizes = [
    (rows: 1, classes: 1), (0, 3), (5, 1), (16, 2), (33, 3), (31, 64), (17, 65), (3, 129), (2, 300),
  ]

  private static let byLabel: [(loss: ClassLoss, isWeighted: Bool)] = [
    (.crossEntropy(smoothing: 0), false), (.crossEntropy(smoothing: 0), true),
    (.crossEntropy(smoothing: 0.25), false),
    (.hinge(margin: 0.5), false), (.hinge(margin: 1), true),
  ]

  private static let byDistribution: [(loss: ClassLoss, isWeighted: Bool)] = [
    (.crossEntropy(smoothing: 0.25), true), (.divergence, false),
  ]

  private func labels(
    _ rows: Int, _ classes: Int, _ dtype: DType, _ generator: inout SeededGenerator
  ) -> HostView {
    let numbers = (0..<rows).map { _ in Double(Int.random(in: 0..<classes, using: &generator)) }
    return HostView(numbers, [rows], dtype, .reversed)
  }

  @Test(arguments: Setting.all + Setting.on(Target.gpu, .float32))
  func rowsAndClasses(setting: Setting) throws {
    var generator = SeededGenerator(41)
    // Each number of work-items is a kernel of its own.
    let isLarge = setting.target.backend.profile.groupSize > 64
    for (rows, classes) in isLarge ? [(2, 257), (3, 1000)] : Self.sizes {
      let scores = generator.reals([rows, classes], setting.dtype, in: -8...8)
      let weights = generator.reals([classes], setting.dtype, .reversed, in: 0.5...2)
      for (loss, isWeighted) in Self.byLabel {
        try check(
          setting, loss, scores: scores, targets: labels(rows, classes, .int32, &generator),
          weights: isWeighted ? weights : nil,
          cotangent: generator.reals([rows], setting.dtype, .repeated), "\(rows) × \(classes)")
      }
      let shares = generator.reals([rows, classes], setting.dtype, in: 0.25...1)
      for (loss, isWeighted) in Self.byDistribution {
        try check(
          setting, loss, scores: scores, targets: shares, weights: isWeighted ? weights : nil,
          cotangent: generator.reals([rows], setting.dtype), "\(rows) × \(classes)")
      }
    }
  }

  @Test(arguments: Target.own, [DType.int64, .uint8])
  func labelTypes(target: Target, labels: DType) throws {
    var generator = SeededGenerator(42)
    for classes in [10, 200] {
      try check(
        Setting(target: target, dtype: .float32), .crossEntropy(smoothing: 0.25),
        scores: generator.reals([7, classes], .float32, in: -8...8),
        targets: self.labels(7, classes, labels, &generator), weights: nil,
        cotangent: generator.reals([7], .float32))
    }
  }

  /// Scores of any size, and none; targets of 0.
  @Test(arguments: Setting.all)
  func extremeScores(setting: Setting) throws {
    let scores: [[Double]] = [
      [1e4, -1e4, 0], [-1e4, -1e4, -1e4], [0, 0, 1e4], [88, 89, 90], [-103, -104, -105],
      [-.infinity, 0, 0], [.nan, 0, 0], [0, 0, .nan], [1e30, -1e30, 0],
    ]
    var generator = SeededGenerator(43)
    let view = HostView(scores.flatMap { $0 }, [scores.count, 3], setting.dtype)
    let cotangent = generator.reals([scores.count], setting.dtype)
    for (loss, isWeighted) in Self.byLabel {
      for label in 0..<3 {
        try check(
          setting, loss, scores: view,
          targets: HostView(scores.map { _ in Double(label) }, [scores.count], .int32),
          weights: isWeighted ? HostView([1, 2, 0.5], [3], setting.dtype) : nil,
          cotangent: cotangent, "label \(label)")
      }
    }
    for target in [[0.25, 0, 0.75], [0, 1, 0]] {
      try check(
        setting, .divergence, scores: view,
        targets: HostView(scores.flatMap { _ in target }, [scores.count, 3], setting.dtype),
        weights: nil, cotangent: cotangent, "\(target)")
    }
    try check(
      setting, .hinge(margin: 1), scores: HostView([4, 0], setting.dtype),
      targets: HostView([0, 1, 2, 3], [4], .int32), weights: nil,
      cotangent: HostView([1, 1, 1, 1], [4], setting.dtype))
  }

  /// Scores that are alike, and that are infinite, also of a class that counts for nothing.
  @Test(arguments: Setting.all)
  func extremeLogits(setting: Setting) throws {
    let logits: [[Double]] = [
      [1e4, 1e4, 1e4], [-1e4, 1e4, 1e4 - 1], [.infinity, 0, 0], [-.infinity, 0, 0],
      [-.infinity, -.infinity, -.infinity],
    ]
    var generator = SeededGenerator(45)
    for weights in [nil, HostView([0, 2, 0.5], [3], setting.dtype)] {
      for label in 0..<3 {
        try check(
          setting, .crossEntropy(smoothing: 0),
          scores: HostView(logits.flatMap { $0 }, [logits.count, 3], setting.dtype),
          targets: HostView(logits.map { _ in Double(label) }, [logits.count], .int32),
          weights: weights, cotangent: generator.reals([logits.count], setting.dtype),
          "label \(label)")
      }
    }
  }

  /// Rows whose maximum so far changes from block to block, or is not there yet.
  @Test(arguments: Setting.all)
  func growingScores(setting: Setting) throws {
    let classes = 300
    let rows: [(Int) -> Double] = [
      { Double($0) }, { Double(-$0) }, { 100 * sin(Double($0)) },
      { $0 < 290 ? -.infinity : Double($0) }, { $0 < 5 ? 1 : -.infinity },
      { $0 == 200 ? .nan : 0 },
    ]
    let scores = rows.flatMap { row in (0..<classes).map(row) }
    var generator = SeededGenerator(46)
    try check(
      setting, .crossEntropy(smoothing: 0),
      scores: HostView(scores, [rows.count, classes], setting.dtype),
      targets: HostView([0, 299, 7, 299, 4, 1], [rows.count], .int32), weights: nil,
      cotangent: generator.reals([rows.count], setting.dtype))
  }

  /// A label that names no class makes its row NaN, and no other.
  @Test(arguments: Setting.on(Target.own, .float32))
  func unknownLabels(setting: Setting) throws {
    let labels: [Int64] = [0, -1, 3, 2, .min, .max, 1 << 32, 1 << 32 + 1, 1]
    var generator = SeededGenerator(44)
    for (loss, isWeighted) in Self.byLabel {
      try check(
        setting, loss, scores: generator.reals([labels.count, 3], setting.dtype),
        targets: HostView(
          bits: labels.map { UInt64(bitPattern: $0) }, [labels.count], .int64),
        weights: isWeighted ? HostView([1, 2, 0.5], [3], setting.dtype) : nil,
        cotangent: generator.reals([labels.count], setting.dtype))
    }
  }
}
