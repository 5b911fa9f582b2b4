public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// The loss of each row of scores.
  ///
  /// One launch. Traps when shapes or dtypes do not fit.
  public func classLoss(
    _ loss: ClassLoss, scores: View, targets: View, weights: View?, into losses: View,
    statistics: View
  ) throws {
    checkClassLoss(
      loss, scores: scores, targets: targets, weights: weights, rows: [losses],
      statistics: statistics)
    guard losses.count > 0 else { return }
    try submit(
      "class_loss", loss, scores: scores, targets: targets, weights: weights, losses: losses,
      statistics: statistics, arguments: [scores, targets, weights, losses, statistics],
      writing: [losses, statistics])
  }

  /// The gradient of each row's loss, times its cotangent.
  ///
  /// One launch. Traps when shapes or dtypes do not fit.
  public func classLossGradient(
    _ loss: ClassLoss, cotangent: View, scores: View, targets: View, weights: View?,
    statistics: View, into gradient: View, targetGradient: View?
  ) throws {
    let gradients = [gradient] + (targetGradient.map { [$0] } ?? [])
    checkClassLoss(
      loss, scores: scores, targets: targets, weights: weights, rows: [cotangent],
      statistics: statistics, gradients: gradients)
    guard gradient.count > 0 else { return }
    try submit(
      "class_loss_gradient", loss, scores: scores, targets: targets, weights: weights,
      statistics: statistics, gradient: gradient, targetGradient: targetGradient,
      cotangent: cotangent,
      arguments: [cotangent, scores, targets, weights, statistics, gradient, targetGradient],
      writing: gradients)
  }

  private func submit(
    _ function: String, _ loss: ClassLoss, scores: View, targets: View, weights: View?,
    losses: View? = nil, statistics: View, gradient: View? = nil, targetGradient: View? = nil,
    cotangent: View? = nil, arguments: [View?], writing outputs: [View]
  ) throws {
    let (rows, classes) = (scores.shape[0], scores.shape[1])
    let index = profile.indexType(
      arguments.compactMap(\.self), upTo: rows * profile.groupSize)
    let lanes = profile.lanes(elementBytes: scores.dtype.byteCount)
    let isRows = profile.groupSize == 1 && classes <= Self.fewClasses
    // A group of more work-items than classes would idle.
    let most = max(1, min(profile.groupSize, classes.nextPowerOfTwo))
    let (kernel, groupSize) = try prepare(groupSize: most) {
      ClassLossKernel(
        function: function, loss: loss.number, dtype: scores.dtype, targets: targets.dtype,
        hasWeights: weights != nil, hasTargetGradient: targetGradient != nil, index: index,
        lanes: lanes,
        traffic: isRows
          ? .cached
          : traffic(reading: [scores], writing: [gradient, targetGradient].compactMap(\.self)),
        isRows: isRows, groupSize: $0)
    }
    func place(_ view: View?) -> [Int] { view.map { [$0.offset, $0.strides[0]] } ?? [0, 0] }
    let layout =
      [rows, classes, scores.offset, gradient?.offset ?? 0, targetGradient?.offset ?? 0]
      + place(targets) + place(weights) + place(losses) + [statistics.offset] + place(cotangent)
    let numbers = loss.numbers(classes: classes).map {
      LaunchArgument.scalar($0, scores.dtype.computeType)
    }
    let launch = Launch(
      kernel: kernel,
      arguments: try arguments.map(LaunchArgument.view) + numbers + [
        index.argument(layout, as: "struct rows")
      ],
      items: WorkSize(isRows ? rows.dividedRoundingUp(by: lanes) : rows * groupSize),
      local: WorkSize(groupSize), work: 8 * scores.count)
    try submit([launch], writing: outputs)
  }

  /// Up to so many classes, vectors of rows are better than vectors of classes.
  private static let fewClasses = 64
}

extension ClassLoss {
  /// What the kernel calls the loss.
  fileprivate var number: Int {
    switch self {
    case .crossEntropy: 0
    case .divergence: 1
    case .hinge: 2
    }
  }

  /// The kernel's two numbers.
  fileprivate func numbers(classes: Int) -> [Double] {
    switch self {
    case .crossEntropy(let smoothing): [1 - smoothing, smoothing / Double(classes)]
    case .divergence: [1, 0]
    case .hinge(let margin): [margin, 1 / Double(classes)]
    }
  }
}

/// A kernel of losses of class scores.
private struct ClassLossKernel: KernelSpecification {
  let function: String
  let loss: Int
  let dtype: DType
  let targets: DType
  let hasWeights: Bool
  let hasTargetGradient: Bool
  let index: IndexType
  let lanes: Int
  let traffic: Traffic
  let isRows: Bool
  let groupSize: Int

  var file: String { "class_loss.cl" }
  var sharesWork: Bool { groupSize > 1 }

  var definitions: Definitions {
    var definitions = dtype.computeType.definitions(index)
    definitions.append([
      "LOSS": .integer(loss), "LANES": .integer(lanes), "GROUP_SIZE": .integer(groupSize),
    ])
    if isRows { definitions.define("ROWS") }
    definitions.append(traffic.definitions)
    if targets.isFloatingPoint {
      definitions.define("DISTRIBUTIONS", .flag)
      definitions.define("TYPE_TARGETS", .code("SCALAR"))
    } else {
      definitions.define("TYPE_TARGETS", .code(targets.integerName))
    }
    if hasWeights { definitions.define("WEIGHTS", .flag) }
    if hasTargetGradient { definitions.define("TARGET_GRADIENT", .flag) }
    return definitions
  }
}
