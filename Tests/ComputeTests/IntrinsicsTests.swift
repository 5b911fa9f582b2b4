import Compute
import Testing

@Suite struct IntrinsicsTests {
  @Test(arguments: UnaryIntrinsic.allCases)
  func integersOfOneValue(function: UnaryIntrinsic) {
    let values = [Int64.min, -3, 0, 5, .max].map { function.evaluate($0) }
    switch function {
    case .negate: #expect(values == [.min, 3, 0, -5, -.max])
    case .magnitude: #expect(values == [.min, 3, 0, 5, .max])
    case .sign: #expect(values == [-1, -1, 0, 1, 1])
    case .isFinite: #expect(values == [1, 1, 1, 1, 1])
    case .exp, .expMinusOne, .log, .logOnePlus, .squareRoot, .reciprocalSquareRoot, .sin, .cos,
      .tanh, .sigmoid, .erf:
      #expect(values == [nil, nil, nil, nil, nil])
    }
  }

  @Test(arguments: BinaryIntrinsic.allCases)
  func integersOfTwoValues(function: BinaryIntrinsic) {
    let pairs: [(Int64, Int64)] = [(7, -2), (-2, 3), (4, 0), (5, 5), (.max, 1), (.min, -1)]
    let values: [Int64] = pairs.map { a, b in function.evaluate(a, b) }
    switch function {
    case .add: #expect(values == [5, 1, 4, 10, .min, .max])
    case .subtract: #expect(values == [9, -5, 4, 0, .max - 1, .min + 1])
    case .multiply: #expect(values == [-14, -6, 0, 25, .max, .min])
    case .divide: #expect(values == [-3, 0, 0, 1, .max, .min])
    case .power: #expect(values == [0, -8, 1, 3125, .max, 0])
    case .minimum: #expect(values == [-2, -2, 0, 5, 1, .min])
    case .maximum: #expect(values == [7, 3, 4, 5, .max, -1])
    case .less: #expect(values == [0, 1, 0, 0, 0, 1])
    case .lessOrEqual: #expect(values == [0, 1, 0, 1, 0, 1])
    case .equal: #expect(values == [0, 0, 0, 1, 0, 0])
    case .notEqual: #expect(values == [1, 1, 1, 0, 1, 1])
    }
  }

  @Test func specialValues() {
    #expect(BinaryIntrinsic.minimum.evaluate(Double.nan, 1).isNaN)
    #expect(BinaryIntrinsic.minimum.evaluate(1, Double.nan).isNaN)
    #expect(BinaryIntrinsic.maximum.evaluate(Double.nan, 1).isNaN)
    #expect(BinaryIntrinsic.maximum.evaluate(1, Double.nan).isNaN)
    #expect(UnaryIntrinsic.sign.evaluate(Double.nan).isNaN)
    #expect(UnaryIntrinsic.isFinite.evaluate(Double.nan) == 0)
    #expect(UnaryIntrinsic.isFinite.evaluate(-Double.infinity) == 0)
    #expect(UnaryIntrinsic.sigmoid.evaluate(-1e4) == 0)
    #expect(UnaryIntrinsic.sigmoid.evaluate(1e4) == 1)
  }

  @Test(
    arguments: [
      (-2, 3, -8), (-2, 2, 4), (-2, -3, -0.125), (0, 0, 1), (.nan, 0, 1), (1, .nan, 1),
      (0, 3, 0), (2, -1, 0.5), (-8, 1.0 / 3, .nan), (.infinity, -1, 0), (-1, .infinity, 1),
      (-0.5, -.infinity, .infinity), (-.infinity, 0.5, .infinity), (-.infinity, -3, -0.0),
      (-.infinity, 3, -.infinity), (-2, .nan, .nan), (-0.0, -1, -.infinity),
    ] as [(Double, Double, Double)])
  func power(x: Double, y: Double, expected: Double) {
    let power = BinaryIntrinsic.power.evaluate(x, y)
    #expect(
      (power == expected && power.sign == expected.sign) || (power.isNaN && expected.isNaN))
  }

  @Test func computeTypes() {
    #expect(ComputeType([DType.uint8, .int32]) == .int64)
    #expect(ComputeType([DType.int64, .bfloat16]) == .float32)
    #expect(ComputeType([DType.float64, .float32]) == .float64)
    #expect(ComputeType([DType]()) == .int64)
  }
}
