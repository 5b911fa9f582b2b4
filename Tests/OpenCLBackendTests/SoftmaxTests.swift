import Compute
import OpenCLBackend
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct SoftmaxTests {
  /// Forward, and the gradient from what forward wrote.
  private func check(
    _ setting: Setting, logits: HostView, labels: HostView, cotangent: HostView,
    _ label: String = ""
  ) throws {
    let rows = logits.shape[0]
    let result = try Comparison(
      on: setting.target, [logits, labels, cotangent],
      into: [
        HostView([rows], setting.dtype, .sliced), HostView([rows], setting.dtype, .reversed),
        HostView(logits.shape, setting.dtype),
      ], label
    ) { backend, inputs, outputs in
      try backend.softmaxCrossEntropy(
        logits: inputs[0], labels: inputs[1], into: outputs[0], logSumExp: outputs[1])
      try backend.softmaxCrossEntropyGradient(
        cotangent: inputs[2], logits: inputs[0], labels: inputs[1], logSumExp: outputs[1],
        into: outputs[2])
    }
    result.expectCloseAsReference()
  }

  /// Rows and classes around the sizes of work-groups.
  private static let sizes = [
    (rows: 1, classes: 1), (0, 3), (5, 1), (3, 2), (7, 10), (33, 3), (2, 17), (65, 33), (3, 129),
  ]

  @Test(arguments: Setting.all + Setting.on(Target.gpu, .float32))
  func rowsAndClasses(setting: Setting) throws {
    // Each number of work-items is a kernel of its own.
    let isLarge = setting.target.backend.profile.groupSize > 64
    try check(setting, labels: .int32, isLarge ? [(2, 257), (3, 1000)] : Self.sizes)
  }

  @Test(arguments: Target.own, [DType.int64, .uint8])
  func labelTypes(target: Target, labels: DType) throws {
    try check(Setting(target: target, dtype: .float32), labels: labels, Self.sizes)
  }

  private func check(
    _ setting: Setting, labels: DType, _ sizes: [(rows: Int, classes: Int)]
  ) throws {
    var generator = SeededGenerator(31)
    for (rows, classes) in sizes {
      let numbers = (0..<rows).map { _ in Double(Int.random(in: 0..<classes, using: &generator)) }
      for cotangent in [Layout.contiguous, .repeated] {
        try check(
          setting, logits: generator.reals([rows, classes], setting.dtype, in: -8...8),
          labels: HostView(numbers, [rows], labels, .sliced),
          cotangent: generator.reals([rows], setting.dtype, cotangent), "\(rows) × \(classes)")
      }
    }
  }

  /// Logits of any size, and none.
  @Test(arguments: Setting.all)
  func extremeLogits(setting: Setting) throws {
    let logits: [[Double]] = [
      [1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4], [0, 0, 1e4], [-1e4, 1e4, 1e4 - 1],
      [88, 89, 90], [-103, -104, -105], [.infinity, 0, 0], [-.infinity, 0, 0],
      [-.infinity, -.infinity, -.infinity], [.nan, 0, 0], [0, 0, .nan], [1e30, -1e30, 0],
    ]
    var generator = SeededGenerator(32)
    for label in 0..<3 {
      try check(
        setting, logits: HostView(logits.flatMap { $0 }, [logits.count, 3], setting.dtype),
        labels: HostView(logits.map { _ in Double(label) }, [logits.count], .int32),
        cotangent: generator.reals([logits.count], setting.dtype), "label \(label)")
    }
    try check(
      setting, logits: HostView([4, 0], setting.dtype),
      labels: HostView([0, 1, 2, 3], [4], .int32),
      cotangent: HostView([1, 1, 1, 1], [4], setting.dtype))
  }

  /// A label that names no class makes its row NaN, and no other.
  @Test(arguments: Setting.on(Target.own, .float32))
  func unknownLabels(setting: Setting) throws {
    let labels: [Int64] = [0, -1, 3, 2, .min, .max, 1 << 32, 1 << 32 + 1, 1]
    var generator = SeededGenerator(33)
    try check(
      setting, logits: generator.reals([labels.count, 3], setting.dtype),
      labels: HostView(bits: labels.map { UInt64(bitPattern: $0) }, [labels.count], .int64),
      cotangent: generator.reals([labels.count], setting.dtype))
  }
}
