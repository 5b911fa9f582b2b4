import Compute
import ReferenceBackend
import Testing

@Suite struct ReductionTests {
  private let x = Expression.input(0)

  /// The elements that each output of a reduction combines, from the definition.
  private func groups(_ values: [Double], _ shape: Shape, _ axes: [Int]) -> [[Double]] {
    let kept = shape.keeping(reduced: axes)
    var groups = [[Double]](repeating: [], count: kept.count)
    for (i, value) in values.enumerated() {
      var group = 0
      for axis in 0..<shape.rank {
        let index = i / shape.contiguousStrides[axis] % shape[axis]
        if kept[axis] != 1 { group += index * kept.contiguousStrides[axis] }
      }
      groups[group].append(value)
    }
    return groups
  }

  private static let cases: [(Shape, [Int])] = [
    ([], []), ([1], [0]), ([17], [0]), ([33, 65], [0]), ([33, 65], [1]), ([33, 65], [0, 1]),
    ([33, 65], []), ([3, 5, 7], [0, 2]), ([3, 5, 7], [1]), ([3, 5, 7], [-1, 0]),
    ([2, 1, 300], [2]),
    ([300, 2], [0]), ([4, 0, 3], [0]), ([2, 3, 2, 3], [1, 3]), ([1000], [0]), ([512, 3], [1]),
  ]

  @Test(arguments: cases, [DType.float32, .float64, .int32, .int64])
  func integersAreExact(sample: (Shape, [Int]), dtype: DType) throws {
    let (shape, axes) = sample
    for seed in 0..<6 {
      let rig = Rig(seed: seed)
      let (view, values) = try rig.random(shape, dtype, range: 0...50)
      let groups = groups(values, shape, axes)
      for reduction in Reduction.allCases {
        let type: DType = reduction == .argmax ? .int64 : dtype
        let (output, _) = try rig.random(
          shape.keeping(reduced: axes), type, broadcast: false, range: 77...77)
        var expected = try rig.storageNumbers(output)
        try rig.backend.reduce(
          reduction, of: x, operands: [.view(view)], axes: axes, scale: 1, into: output)
        for (group, position) in zip(groups, positions(output)) {
          expected[position] =
            switch reduction {
            case .sum: group.reduce(0, +)
            case .maximum: group.max() ?? 0
            case .minimum: group.min() ?? 0
            case .argmax: group.firstIndex(of: group.max() ?? 0).map(Double.init) ?? 0
            }
        }
        #expect(try rig.storageNumbers(output) == expected, "\(reduction), seed \(seed)")
      }
    }
  }

  @Test func anExpressionOfSeveralOperandsIsReduced() throws {
    let rig = Rig()
    let (a, aValues) = try rig.random([9, 40], .float64)
    let (b, bValues) = try rig.random([9, 40], .float32)
    let output = try rig.zeros([9, 1], .float64)
    try rig.backend.reduce(
      .sum, of: x * .input(1) + .input(2), operands: [.view(a), .view(b), .scalar(2)], axes: [1],
      scale: 0.5, into: output)
    let products = zip(aValues, bValues).map { $0 * $1 + 2 }
    #expect(
      try rig.numbers(output) == groups(products, [9, 40], [1]).map { $0.reduce(0, +) * 0.5 })
  }

  @Test func aConstantIsReduced() throws {
    let rig = Rig()
    let (view, _) = try rig.random([700], .float32)
    let output = try rig.zeros([1], .float32)
    try rig.backend.reduce(
      .sum, of: 1, operands: [.view(view)], axes: [0], scale: 1, into: output)
    #expect(try rig.numbers(output) == [700])
  }

  @Test func theScaleOfIntegersIsNotTruncated() throws {
    let rig = Rig()
    let view = try rig.view([3, 4, 6] as [Int32], .int32)
    let output = try rig.zeros([1], .int32)
    try rig.backend.reduce(
      .sum, of: x, operands: [.view(view)], axes: [0], scale: 0.5, into: output)
    #expect(try rig.numbers(output) == [6])
  }

  @Test func emptyAxes() throws {
    let rig = Rig()
    let empty = try rig.zeros([3, 0], .float32)
    for (reduction, expected) in [
      (Reduction.sum, 0), (.maximum, -Double.infinity), (.minimum, .infinity),
    ] {
      let output = try rig.floats([9, 9, 9], [3, 1])
      try rig.backend.reduce(
        reduction, of: x, operands: [.view(empty)], axes: [1], scale: 1, into: output)
      #expect(try rig.numbers(output) == [expected, expected, expected])
    }
    let none = try rig.zeros([1, 0], .float32)
    try rig.backend.reduce(
      .sum, of: x, operands: [.view(empty)], axes: [0], scale: 1, into: none)
  }

  @Test(arguments: [0, 1, 255, 256, 299])
  func nanWins(position: Int) throws {
    let rig = Rig()
    var values = (0..<300).map { Float($0 % 7) }
    values[position] = .nan
    let view = try rig.floats(values)
    let output = try rig.zeros([1], .float32)
    for reduction in [Reduction.sum, .maximum, .minimum] {
      try rig.backend.reduce(
        reduction, of: x, operands: [.view(view)], axes: [0], scale: 1, into: output)
      #expect(try rig.numbers(output)[0].isNaN)
    }
    values[299] = .nan
    let index = try rig.zeros([1], .int32)
    try rig.backend.reduce(
      .argmax, of: x, operands: [.view(try rig.floats(values))], axes: [0], scale: 1, into: index)
    #expect(try rig.numbers(index) == [Double(position)])
  }

  @Test func argmaxOfTiesAndInfinities() throws {
    let rig = Rig()
    let view = try rig.floats([1, 3, 3, 2, -.infinity, -.infinity, .infinity, 1], [2, 4])
    let output = try rig.zeros([2, 1], .uint8)
    try rig.backend.reduce(
      .argmax, of: x, operands: [.view(view)], axes: [1], scale: 1, into: output)
    #expect(try rig.numbers(output) == [1, 2])
    let all = try rig.floats([-.infinity, -.infinity], [2])
    let first = try rig.zeros([1], .int64)
    try rig.backend.reduce(
      .argmax, of: x, operands: [.view(all)], axes: [0], scale: 1, into: first)
    #expect(try rig.numbers(first) == [0])
  }

  /// A running sum of a million tenths in float32 is wrong in the third digit.
  @Test func longSumsAreAccurate() throws {
    let rig = Rig()
    let count = 1 << 20
    let view = try rig.floats([0.1]).broadcast(to: [count])
    let output = try rig.zeros([1], .float32)
    try rig.backend.reduce(
      .sum, of: x, operands: [.view(try #require(view))], axes: [0], scale: 1, into: output)
    let exact = Double(Float(0.1)) * Double(count)
    // Each of the 20 levels of the tree rounds once.
    #expect(abs(try rig.numbers(output)[0] - exact) <= 20 * 0x1p-24 * exact)
  }

  @Test func longIntegersAreExact() throws {
    let rig = Rig()
    let view = try rig.view([Int64.max - 5, 3, 1 << 53 + 1, -(1 << 53)], .int64, [2, 2])
    let output = try rig.zeros([2, 1], .int64)
    try rig.backend.reduce(
      .sum, of: x, operands: [.view(view)], axes: [1], scale: 1, into: output)
    #expect(try rig.elements(output.storage, of: Int64.self) == [.max - 2, 1])
  }
}
