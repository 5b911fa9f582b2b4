import Compute
import ReferenceBackend
import Testing

/// The golden values come from an implementation in Python, written from the definitions.
@Suite struct RandomTests {
  private let key = RandomKey(seed: 7)["0.weight"]

  private func draw(
    _ distribution: RandomDistribution, _ dtype: DType, _ count: Int, key: RandomKey? = nil
  ) throws -> [Double] {
    let rig = Rig()
    let view = try rig.zeros([count], dtype)
    try rig.backend.random(distribution, key: key ?? self.key, into: view)
    return try rig.numbers(view)
  }

  @Test func goldenUniforms() throws {
    #expect(
      try draw(.uniform, .float32, 5) == [
        0.6090590953826904, 0.30193984508514404, 0.024749338626861572, 0.14537584781646729,
        0.6735812425613403,
      ])
    #expect(
      try draw(.uniform, .float64, 3) == [
        0.3019398906289271, 0.14537590160610836, 0.2528890514917628,
      ])
  }

  @Test func goldenNormals() throws {
    let single = [
      -0.31924915313720703, 0.943270742893219, 1.661971926689148, 2.153080940246582,
      -0.016136273741722107, 0.8888378739356995,
    ]
    for (value, expected) in zip(try draw(.normal, .float32, 6), single) {
      #expect(abs(value - expected) <= 0x1p-24 * abs(expected))
    }
    let double = [
      0.9456419322380121, 1.2250779461463077, -1.6273152899082177, -0.3185181053137194,
    ]
    for (value, expected) in zip(try draw(.normal, .float64, 4), double) {
      #expect(abs(value - expected) <= 1e-15 * abs(expected))
    }
  }

  /// An element depends on its position alone, not on how many there are.
  @Test(arguments: RandomDistribution.allCases, [DType.float32, .float64])
  func prefixesAgree(distribution: RandomDistribution, dtype: DType) throws {
    let long = try draw(distribution, dtype, 33)
    for count in [0, 1, 2, 3, 17] {
      #expect(try draw(distribution, dtype, count) == Array(long.prefix(count)))
    }
    #expect(try draw(distribution, dtype, 33, key: key[1]) != long)
  }

  /// Moments within five standard errors; uniforms in their interval.
  @Test(arguments: [DType.float32, .float64])
  func moments(dtype: DType) throws {
    let count = 100_000
    func moment(_ values: [Double], _ power: Int) -> Double {
      values.reduce(0) { sum, x in sum + (0..<power).reduce(1) { p, _ in p * x } } / Double(count)
    }
    let error = 5 / Double(count).squareRoot()
    let uniform = try draw(.uniform, dtype, count)
    #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
    #expect(abs(moment(uniform, 1) - 0.5) < 0.29 * error)
    #expect(abs(moment(uniform, 2) - 1.0 / 3) < 0.3 * error)
    let normal = try draw(.normal, dtype, count)
    #expect(abs(moment(normal, 1)) < error)
    #expect(abs(moment(normal, 2) - 1) < 1.5 * error)
    #expect(abs(moment(normal, 3)) < 4 * error)
    #expect(abs(moment(normal, 4) - 3) < 10 * error)
  }

  @Test func onlyTheViewIsFilled() throws {
    let rig = Rig()
    let whole = try rig.floats([9, 9, 9, 9, 9])
    try rig.backend.random(
      .uniform, key: key, into: whole.with(shape: [3], strides: [1], offset: 1))
    let values = try rig.numbers(whole)
    #expect(values[0] == 9 && values[4] == 9 && values[1] == 0.6090590953826904)
  }
}
