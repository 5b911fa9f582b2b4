import Compute
import Tensors
import TestSupport
import Testing

import func Foundation.cos
import func Foundation.log
import func Foundation.sin

@Suite struct RandomTests {
  private let key = RandomKey(seed: 7)["test"]

  @Test(
    "Uniform numbers are the words of the key's blocks, with the same bits on every device",
    arguments: Setting.all)
  func uniformBits(setting: Setting) throws {
    for count in [0, 1, 3, 17, 1025] {
      let values = try Tensor.uniform([count], key: key, dtype: setting.dtype, on: setting.device)
        .array(of: Double.self)
      let expected = (0..<count).map { position -> Double in
        if setting.dtype == .float32 {
          // Four elements to a block, 24 bits of each word.
          let word = key.block(UInt64(position / 4))[position % 4]
          return Double(word >> 8) / Double(1 << 24)
        }
        // Two to a block, 53 bits of each pair of words.
        let block = key.block(UInt64(position / 2))
        let low = UInt64(block[position % 2 * 2])
        let high = UInt64(block[position % 2 * 2 + 1])
        return Double((high << 32 | low) >> 11) / Double(UInt64(1) << 53)
      }
      #expect(values == expected)
    }
  }

  @Test("A range and a deviation are applied to the unit numbers", arguments: Setting.all)
  func ranges(setting: Setting) throws {
    let shape: Shape = [3, 65]
    func numbers(_ tensor: Tensor) throws -> [Double] {
      #expect(tensor.shape == shape)
      return try tensor.array()
    }
    let unit = try numbers(.uniform(shape, key: key, dtype: setting.dtype, on: setting.device))
    let wide = Tensor.uniform(shape, -3, 5, key: key, dtype: setting.dtype, on: setting.device)
    try expectClose(wide, unit.map { $0 * 8 - 3 }, .absolute(8 * setting.epsilon))
    let normal = try numbers(.normal(shape, key: key, dtype: setting.dtype, on: setting.device))
    let moved = Tensor.normal(
      shape, mean: 2, deviation: 0.5, key: key, dtype: setting.dtype, on: setting.device)
    try expectClose(moved, normal.map { $0 * 0.5 + 2 }, .absolute(8 * setting.epsilon))
    let unshifted = Tensor.normal(
      shape, deviation: 0.5, key: key, dtype: setting.dtype, on: setting.device)
    try expectClose(unshifted, normal.map { $0 * 0.5 }, .ulps(1))
  }

  @Test("Normal numbers agree between devices within rounding", arguments: Setting.all)
  func normals(setting: Setting) throws {
    let count = 1025
    let here = Tensor.normal([count], key: key, dtype: setting.dtype, on: setting.device)
    let reference = try Tensor.normal([count], key: key, dtype: setting.dtype, on: .reference)
      .array(of: Double.self)
    // A logarithm, a root and a sine, each with its ulps; |z| is below 6.
    try expectClose(here, reference, .absolute(64 * setting.epsilon))
  }

  @Test("Moments are those of the distributions", arguments: Setting.all)
  func moments(setting: Setting) throws {
    let n = 100_000.0
    let uniform = try Tensor.uniform(
      [Int(n)], -1, 1, key: key["uniform"], dtype: setting.dtype, on: setting.device
    ).array(of: Double.self)
    #expect(uniform.allSatisfy { $0 >= -1 && $0 < 1 })
    let normal = try Tensor.normal(
      [Int(n)], key: key["normal"], dtype: setting.dtype, on: setting.device
    ).array(of: Double.self)
    // Five standard errors of each moment: those of xᵏ are √((E x²ᵏ − (E xᵏ)²) / n).
    func expectMoment(_ values: [Double], _ power: Int, _ mean: Double, _ square: Double) {
      let powers = values.map { x in repeatElement(x, count: power).reduce(1, *) }
      let moment = powers.reduce(0, +) / n
      let error = ((square - mean * mean) / n).squareRoot()
      #expect((moment - mean).magnitude < 5 * error, "moment \(power) is \(moment), not \(mean)")
    }
    expectMoment(uniform, 1, 0, 1 / 3)
    expectMoment(uniform, 2, 1 / 3, 1 / 5)
    expectMoment(uniform, 3, 0, 1 / 7)
    expectMoment(uniform, 4, 1 / 5, 1 / 9)
    expectMoment(normal, 1, 0, 1)
    expectMoment(normal, 2, 1, 3)
    expectMoment(normal, 3, 0, 15)
    expectMoment(normal, 4, 3, 105)
    // Neighbours are independent.
    let products = zip(normal, normal.dropFirst()).map { $0 * $1 }
    #expect((products.reduce(0, +) / n).magnitude < 5 / n.squareRoot())
  }

  @Test("Keys name streams: other names, numbers and orders give other numbers")
  func derivation() throws {
    let root = RandomKey(seed: 7)
    let keys = [
      root, RandomKey(seed: 8), root["a"], root["b"], root["a"]["b"], root["b"]["a"], root[0],
      root[1], root[-1], root["0"], root["a"][0], root[0]["a"], root["ab"],
    ]
    #expect(Set(keys).count == keys.count)
    let numbers = try keys.map {
      try Tensor.uniform([4], key: $0, on: .reference).array(of: Float.self)
    }
    #expect(Set(numbers).count == keys.count)
    #expect(RandomKey(seed: 7)["a"][3] == root["a"][3])
  }

  @Test(
    "Dropout drops by key, the same elements on every device and in every dtype",
    arguments: Setting.all)
  func dropoutMask(setting: Setting) throws {
    let count = 4099
    let draws: [Double] = (0..<count).map { element in
      let bits = key.block(UInt64(element / 4))[element % 4] >> 8
      return Double(bits) / Double(1 << 24)
    }
    let x = setting.tensor((0..<count).map { Double($0 + 1) })
    for probability in [0.25, 0.5] {
      let (value, gradient) = valueWithGradient(at: x) {
        dropout($0, probability: probability, key: key)
      }
      let factors = draws.map { $0 < probability ? 0 : 1 / (1 - probability) }
      try expectClose(value, factors.enumerated().map { Double($0 + 1) * $1 }, .ulps(1))
      try expectClose(gradient, factors, .ulps(1))
    }
    try expectClose(dropout(x, probability: 0, key: key), try x.array())
    // A view of other strides drops by position, not by place in memory.
    let matrix = setting.range([5, 7]) + 1
    try expectClose(
      dropout(matrix.transposed(), probability: 0.5, key: key),
      try dropout(matrix.transposed().contiguous(), probability: 0.5, key: key).array())
  }
}
