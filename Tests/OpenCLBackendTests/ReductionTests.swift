import Compute
import OpenCLBackend
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct ReductionTests {
  private let x = Expression.input(0)
  private let y = Expression.input(1)

  /// Shapes and axes of rows, and of columns: few, many, several blocks of them, and long ones that are
  /// divided.
  private static let cases: [(shape: Shape, axes: [Int])] = {
    let sizes = [0, 1, 2, 3, 17, 31, 33, 64, 65, 127, 129, 257]
    let matrices: [Shape] = [
      [2, 257], [257, 2], [17, 33], [33, 17], [3, 129], [129, 3], [65, 64], [5, 0], [0, 5],
      [5, 2100], [523, 300],
    ]
    return sizes.map { (shape: [$0], axes: [0]) }
      + matrices.flatMap { [(shape: $0, axes: [0]), (shape: $0, axes: [1])] }
  }()

  private func checkSums(
    _ target: Target, _ layouts: [Layout], _ cases: [(shape: Shape, axes: [Int])]
  ) throws {
    var generator = SeededGenerator(11)
    for (shape, axes) in cases {
      let result = try Comparison(
        on: target,
        [
          generator.integers(shape, .float32, layouts[0]),
          generator.integers(shape, .float32, layouts[1]),
        ],
        into: [HostView(shape.keeping(reduced: axes), .float32, layouts[2])],
        "sum of \(layouts) \(shape) over \(axes)"
      ) { backend, inputs, outputs in
        try backend.reduce(
          .sum, of: x * y + .input(2), operands: inputs.map(Operand.view) + [.scalar(2)],
          axes: axes, scale: 0.5, into: outputs[0])
      }
      result.expectExact()
    }
  }

  /// Sums of an expression of integers are exact.
  @Test(arguments: Target.all)
  func integerSums(target: Target) throws {
    try checkSums(target, [.contiguous, .contiguous, .contiguous], Self.cases)
  }

  /// Any axes may be reduced, of any layouts.
  @Test(
    arguments: Target.lanes + Target.groups,
    [
      [.contiguous, .contiguous, .transposed], [.transposed, .transposed, .contiguous],
      [.sliced, .repeated, .sliced], [.reversed, .spread, .reversed],
    ] as [[Layout]])
  func layouts(target: Target, layouts: [Layout]) throws {
    let axes = [[1], [0, 2], [1, 2]]
    try checkSums(
      target, layouts,
      [([17, 33], [0]), ([17, 33], [1])] + axes.map { (shape: [4, 19, 5], axes: $0) })
  }

  /// No axes, and axes of one element.
  @Test(arguments: Target.own)
  func degenerateAxes(target: Target) throws {
    try checkSums(
      target, [.contiguous, .contiguous, .contiguous],
      [([], []), ([3], []), ([1, 1], [0]), ([1, 7], [0]), ([7, 1], [1])])
  }

  /// Extremes and their positions, with ties, along rows and columns.
  @Test(
    arguments: Setting.on(Target.lanes + Target.groups, .float32)
      + Setting.on(Target.lanes, .float64),
    [Reduction.maximum, .minimum, .argmax])
  func extremes(setting: Setting, reduction: Reduction) throws {
    // A position beside a value has another layout with another type.
    if setting.dtype == .float64 && reduction != .argmax { return }
    let isLanes = setting.target.backend.profile.groupSize == 1
    var generator = SeededGenerator(12)
    for (shape, axes) in Self.cases where shape != [1] {
      // Work-items of columns do not share their work.
      if reduction == .argmax && shape.count == 0 || !isLanes && axes != [shape.rank - 1] {
        continue
      }
      let output: DType = reduction == .argmax ? .int32 : setting.dtype
      let result = try Comparison(
        on: setting.target, [generator.integers(shape, setting.dtype)],
        into: [HostView(shape.keeping(reduced: axes), output)],
        "\(reduction) of \(shape) over \(axes)"
      ) { backend, inputs, outputs in
        try backend.reduce(
          reduction, of: x, operands: [.view(inputs[0])], axes: axes, scale: 1, into: outputs[0])
      }
      result.expectExact()
    }
  }

  /// The error of a sum of K numbers is within c·√K·ε·Σ|xᵢ|.
  @Test(arguments: Setting.own + Setting.on(Target.gpu, .float32))
  func roundingErrors(setting: Setting) throws {
    var generator = SeededGenerator(13)
    for (shape, axes) in [([3, 5000], [1]), ([5000, 3], [0]), ([70_000], [0])] as [(Shape, [Int])] {
      let input = generator.reals(shape, setting.dtype)
      let result = try Comparison(
        on: setting.target, [input], into: [HostView(shape.keeping(reduced: axes), setting.dtype)],
        "\(shape)"
      ) { backend, inputs, outputs in
        try backend.reduce(
          .sum, of: x, operands: [.view(inputs[0])], axes: axes, scale: 1, into: outputs[0])
      }
      let count = Double(shape[axes[0]])
      var sizes = [Double](repeating: 0, count: result.outputs[0].truth.count)
      for (element, value) in input.values.enumerated() {
        let output = axes == [0] ? element % sizes.count : element / shape[-1]
        sizes[output] += abs(value)
      }
      result.expectWithin([sizes.map { 2 * count.squareRoot() * setting.dtype.epsilon / 2 * $0 }])
    }
  }

  /// NaN wins wherever it stands; of equals, and of NaNs, the first.
  @Test(arguments: Target.all)
  func specialValues(target: Target) throws {
    var rows: [[Double]] = [0, 1, 15, 16, 17, 63, 64, 88, 89].map { position in
      var row = (0..<90).map { Double($0 % 7) }
      row[position] = .nan
      row[89] = position == 0 ? .nan : row[89]
      return row
    }
    rows.append([Double](repeating: -.infinity, count: 90))
    rows.append([Double](repeating: .infinity, count: 90))
    rows.append((0..<90).map { $0 == 40 ? .infinity : $0 == 70 ? -.infinity : 1 })
    let columns = (0..<90).map { position in rows.map { $0[position] } }
    for (values, axis) in [(rows, 1), (columns, 0)] {
      let shape: Shape = [values.count, values[0].count]
      let result = try Comparison(
        on: target, [HostView(values.flatMap { $0 }, shape, .float32)],
        into: [.float32, .float32, .float32, .int32].map {
          HostView(shape.keeping(reduced: [axis]), $0)
        }, "axis \(axis)"
      ) { backend, inputs, outputs in
        for (reduction, output) in zip(Reduction.allCases, outputs) {
          try backend.reduce(
            reduction, of: x, operands: [.view(inputs[0])], axes: [axis], scale: 1, into: output)
        }
      }
      result.expectExact()
    }
  }

  /// Storage types are read as they lie and written rounded once.
  @Test(
    arguments: Target.own,
    [
      (.uint8, .uint8), (.uint8, .float16), (.int32, .int64), (.int64, .int64),
      (.bfloat16, .bfloat16), (.float32, .uint8), (.int32, .float64),
    ] as [(DType, DType)])
  func types(target: Target, dtypes: (DType, DType)) throws {
    guard target.backend.supports(dtypes.1) else { return }
    var generator = SeededGenerator(14)
    let input = HostView(
      (0..<300).map { _ in Double(Int.random(in: 0...3, using: &generator)) }, [3, 100], dtypes.0)
    for reduction in dtypes.1 == .uint8 ? [Reduction.sum, .maximum] : [.sum] {
      let result = try Comparison(
        on: target, [input], into: [HostView([3, 1], dtypes.1)], "\(reduction) \(dtypes)"
      ) { backend, inputs, outputs in
        try backend.reduce(
          reduction, of: x, operands: [.view(inputs[0])], axes: [1], scale: 0.5, into: outputs[0])
      }
      result.expectReferenceBits()
    }
  }

  /// Integers of 64 bits do not pass through a floating-point type.
  @Test(arguments: Target.own)
  func longIntegers(target: Target) throws {
    let values: [Int64] = [.max - 5, 3, 1 << 53 + 1, -(1 << 53), .min, .min + 1, 7, -7]
    let input = HostView(bits: values.map { UInt64(bitPattern: $0) }, [4, 2], .int64)
    for reduction in Reduction.allCases {
      let result = try Comparison(
        on: target, [input], into: [HostView([4, 1], .int64), HostView([1, 2], .int64)],
        "\(reduction)"
      ) { backend, inputs, outputs in
        for (axis, output) in zip([1, 0], outputs) {
          try backend.reduce(
            reduction, of: x, operands: [.view(inputs[0])], axes: [axis], scale: 1, into: output)
        }
      }
      result.expectReferenceBits()
    }
  }
}
