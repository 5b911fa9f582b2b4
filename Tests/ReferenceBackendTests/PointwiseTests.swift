import Compute
import ReferenceBackend
import Testing

@Suite struct PointwiseTests {
  private let x = Expression.input(0)
  private let y = Expression.input(1)

  private static let shapes: [Shape] = [
    [], [0], [1], [17], [3, 0], [3, 1], [33, 65], [2, 3, 5], [257], [1, 1, 300], [4, 3, 2, 3],
  ]

  /// Integer-valued arithmetic is exact in every type, over every layout, and stays in bounds.
  @Test(arguments: shapes, [DType.float32, .float64, .int32, .int64, .uint8])
  func arithmeticOverLayouts(shape: Shape, dtype: DType) throws {
    for seed in 0..<10 {
      let rig = Rig(seed: seed)
      let (a, aValues) = try rig.random(shape, dtype)
      let (b, bValues) = try rig.random(shape, dtype)
      let (output, _) = try rig.random(shape, dtype, broadcast: false, range: 99...99)
      let before = try rig.storageNumbers(output)
      try rig.backend.map(
        [x * y + x + .input(2)], of: [.view(a), .view(b), .scalar(3)], into: [output])
      var expected = before
      for (i, position) in positions(output).enumerated() {
        expected[position] = aValues[i] * bValues[i] + aValues[i] + 3
      }
      #expect(try rig.storageNumbers(output) == expected, "seed \(seed)")
    }
  }

  @Test(arguments: UnaryIntrinsic.allCases)
  func unaryIntrinsics(function: UnaryIntrinsic) throws {
    let rig = Rig()
    let points = (0..<300).map { Double($0) / 40 - 3.7 } + [.infinity, -.infinity, .nan, 0]
    let single = points.map { Float($0) }
    let doubles = try rig.doubles(points)
    try rig.backend.map([Expression(.unary(function, x))], of: [.view(doubles)], into: [doubles])
    #expect(zip(try rig.numbers(doubles), points).allSatisfy { same($0, function.evaluate($1)) })
    let floats = try rig.floats(single)
    try rig.backend.map([Expression(.unary(function, x))], of: [.view(floats)], into: [floats])
    #expect(
      zip(try rig.numbers(floats), single).allSatisfy { same($0, Double(function.evaluate($1))) })
  }

  @Test(arguments: BinaryIntrinsic.allCases)
  func binaryIntrinsics(function: BinaryIntrinsic) throws {
    let rig = Rig()
    let points: [Double] = [-2.5, -1, 0, 0.5, 1, 3, .infinity, -.infinity, .nan]
    let a = points.flatMap { [Double](repeating: $0, count: points.count) }
    let b = points.flatMap { _ in points }
    let output = try rig.zeros([a.count], .float64)
    try rig.backend.map(
      [Expression(.binary(function, x, y))],
      of: [.view(try rig.doubles(a)), .view(try rig.doubles(b))], into: [output])
    let values = try rig.numbers(output)
    for i in a.indices { #expect(same(values[i], function.evaluate(a[i], b[i]))) }

    let integers: [Int64] = [.min, -3, -1, 0, 1, 2, 5, .max]
    let left = try rig.view(integers.flatMap { [Int64](repeating: $0, count: 5) }, .int64)
    let right = try rig.view(integers.flatMap { _ in [-2, 0, 1, 3, 7] as [Int64] }, .int64)
    let result = try rig.zeros(left.shape, .int64)
    try rig.backend.map(
      [Expression(.binary(function, x, y))], of: [.view(left), .view(right)], into: [result])
    let expected = integers.flatMap { a in
      ([-2, 0, 1, 3, 7] as [Int64]).map { function.evaluate(a, $0) }
    }
    #expect(try rig.elements(result.storage, of: Int64.self) == expected)
  }

  @Test func inPlaceAndSeveralOutputs() throws {
    let rig = Rig()
    let values = (0..<600).map { Double($0) }
    let a = try rig.doubles(values, [20, 30])
    let b = try rig.doubles(values.reversed(), [20, 30])
    // Exchanged: each output is the other's operand.
    try rig.backend.map([y, x], of: [.view(a), .view(b)], into: [a, b])
    #expect(try rig.numbers(a) == values.reversed())
    #expect(try rig.numbers(b) == values)
    let turned = a.permuted([1, 0])
    try rig.backend.map([-x], of: [.view(turned)], into: [turned])
    #expect(try rig.numbers(a) == values.reversed().map { -$0 })
  }

  @Test func selectTakesOneBranch() throws {
    let rig = Rig()
    let a = try rig.doubles([-1, 0, 2, .nan])
    let output = try rig.zeros([4], .float64)
    try rig.backend.map([select(x .> 0, x.log, 7)], of: [.view(a)], into: [output])
    let values = try rig.numbers(output)
    #expect(values[0] == 7 && values[1] == 7 && values[2] == Double(0.6931471805599453))
    #expect(values[3] == 7)
    try rig.backend.map([select(x, 1, 0)], of: [.view(a)], into: [output])
    #expect(try rig.numbers(output) == [1, 0, 1, 1])
  }

  @Test func computedInTheWidestType() throws {
    let rig = Rig()
    let third = try rig.doubles([1.0 / 3])
    let one = try rig.floats([1])
    let single = try rig.zeros([1], .float32)
    try rig.backend.map([x + y], of: [.view(third), .view(one)], into: [single])
    #expect(try rig.numbers(single) == [Double(Float(4.0 / 3))])
    let integer = try rig.view([7] as [Int32], .int32)
    let double = try rig.zeros([1], .float64)
    try rig.backend.map([x / 2], of: [.view(integer)], into: [double])
    #expect(try rig.numbers(double) == [3.5])
    let long = try rig.view([Int64.max - 1], .int64)
    try rig.backend.map([x + 1], of: [.view(long)], into: [long])
    #expect(try rig.elements(long.storage, of: Int64.self) == [.max])
  }

  @Test func manyInstructionsAndBlocks() throws {
    let rig = Rig()
    let chain = (0..<200).reduce(x) { value, _ in (value * value + value).tanh }
    let values = (0..<1000).map { Double($0) / 500 - 1 }
    let view = try rig.doubles(values)
    try rig.backend.map([chain], of: [.view(view)], into: [view])
    let expected = values.map { value in
      (0..<200).reduce(value) { value, _ in
        UnaryIntrinsic.tanh.evaluate(value * value + value)
      }
    }
    #expect(try rig.numbers(view) == expected)
  }

  @Test func nothingToDo() throws {
    let rig = Rig()
    try rig.backend.map([], of: [], into: [])
    let empty = try rig.zeros([3, 0], .float32)
    try rig.backend.map([x], of: [.view(empty)], into: [empty])
    #expect(rig.backend.statistics.launches == 0)
  }

  @Test func aFailedOperandIsReportedAndNothingIsWritten() throws {
    let rig = Rig()
    let error = BackendError(.execution, "lost on the way")
    let failed = View(FailedStorage(byteCount: 4, error: error), dtype: .float32, shape: [1])
    let output = try rig.floats([5])
    let thrown = #expect(throws: BackendError.self) {
      try rig.backend.map([x], of: [.view(failed)], into: [output])
    }
    #expect(thrown?.message == "lost on the way")
    #expect(try rig.numbers(output) == [5])
    #expect(rig.backend.statistics.launches == 0)
  }
}
