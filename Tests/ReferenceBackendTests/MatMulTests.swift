import Compute
import ReferenceBackend
import Testing

@Suite struct MatMulTests {
  /// The product from its definition, of matrices in row-major order.
  private func product(
    _ a: [Double], _ b: [Double], batches: Int, _ m: Int, _ k: Int, _ n: Int
  ) -> [Double] {
    (0..<batches).flatMap { batch in
      (0..<m * n).map { element -> Double in
        let (i, j) = element.quotientAndRemainder(dividingBy: n)
        return (0..<k).reduce(0) { sum, p in
          sum + a[(batch * m + i) * k + p] * b[(batch * k + p) * n + j]
        }
      }
    }
  }

  private static let sizes = [
    [0, 3, 4], [3, 0, 4], [3, 4, 0], [1, 1, 1], [1, 17, 1], [3, 1, 5], [4, 8, 8], [5, 3, 9],
    [17, 33, 3], [33, 17, 65], [65, 33, 17], [64, 256, 128], [65, 257, 129], [130, 300, 261],
  ]

  /// Integers are exact over every layout of the operands.
  @Test(arguments: sizes, [DType.float32, .float64])
  func integersAreExact(size: [Int], dtype: DType) throws {
    let (m, k, n) = (size[0], size[1], size[2])
    for (seed, batch) in ([[], [], [], [1], [2, 3], [0]] as [[Int]]).enumerated() {
      if m > 100 && batch.count > 1 { continue }
      let rig = Rig(seed: seed)
      let (a, aValues) = try rig.random(Shape(batch + [m, k]), dtype, range: -4...4)
      let (b, bValues) = try rig.random(Shape(batch + [k, n]), dtype, range: -4...4)
      let shape = Shape(batch + [m, n])
      let output = View(
        try rig.numbers([Double](repeating: 99, count: shape.count + 2), dtype).storage,
        dtype: dtype, shape: shape, offset: 1)
      try rig.backend.multiply(a, b, bias: nil, activation: nil, into: output)
      let expected = product(aValues, bValues, batches: batch.reduce(1, *), m, k, n)
      #expect(try rig.storageNumbers(output) == [99] + expected + [99], "seed \(seed)")
    }
  }

  @Test(arguments: [[3, 5, 7], [66, 40, 130], [2, 0, 3]])
  func biasAndActivation(size: [Int]) throws {
    let (m, k, n) = (size[0], size[1], size[2])
    let rig = Rig(seed: 9)
    let (a, aValues) = try rig.random([2, m, k], .float32, range: -4...4)
    let (b, bValues) = try rig.random([2, k, n], .float32, range: -4...4)
    let row = (0..<n).map { Double($0 % 11 - 5) }
    let bias = try rig.numbers(row, .float32).with(shape: [2, m, n], strides: [0, 0, 1])
    let output = try rig.zeros([2, m, n], .float32)
    let plain = product(aValues, bValues, batches: 2, m, k, n)
    let x = Expression.input(0)

    try rig.backend.multiply(a, b, bias: bias, activation: nil, into: output)
    let biased = plain.enumerated().map { $1 + row[$0 % n] }
    #expect(try rig.numbers(output) == biased)
    try rig.backend.multiply(
      a, b, bias: bias, activation: select(x .> 0, x, x * 2), into: output)
    #expect(try rig.numbers(output) == biased.map { $0 > 0 ? $0 : 2 * $0 })
    try rig.backend.multiply(a, b, bias: nil, activation: x * x, into: output)
    #expect(try rig.numbers(output) == plain.map { $0 * $0 })
  }

  @Test(arguments: [[3, 5, 7], [2, 0, 3], [2, 3, 0]])
  func rowSums(size: [Int]) throws {
    let (m, k, n) = (size[0], size[1], size[2])
    let rig = Rig(seed: 10)
    let (a, aValues) = try rig.random([2, m, k], .float32, range: -4...4)
    let (b, bValues) = try rig.random([2, k, n], .float32, range: -4...4)
    let (output, sums) = (try rig.zeros([2, m, n], .float32), try rig.zeros([2, m], .float32))
    try rig.backend.multiply(a, b, epilogue: nil, into: output, rowSums: sums)
    #expect(try rig.numbers(output) == product(aValues, bValues, batches: 2, m, k, n))
    #expect(
      try rig.numbers(sums)
        == (0..<2 * m).map { aValues[$0 * k..<($0 + 1) * k].reduce(0, +) })
  }

  /// The error of a sum of K products is within c·√K·ε·Σ|aᵢbᵢ|.
  @Test(arguments: [1, 17, 257, 1000], [DType.float32, .float64])
  func roundingErrors(depth: Int, dtype: DType) throws {
    let rig = Rig(seed: depth)
    let (m, n) = (9, 21)
    func uniform(_ count: Int) -> [Double] {
      (0..<count).map { _ in Double(Float.random(in: -1...1, using: &rig.generator)) }
    }
    let (a, b) = (uniform(m * depth), uniform(depth * n))
    let output = try rig.zeros([m, n], dtype)
    try rig.backend.multiply(
      try rig.numbers(a, dtype, [m, depth]), try rig.numbers(b, dtype, [depth, n]), bias: nil,
      activation: nil, into: output)
    let exact = product(a, b, batches: 1, m, depth, n)
    let size = product(a.map(abs), b.map(abs), batches: 1, m, depth, n)
    let epsilon = dtype == .float32 ? 0x1p-24 : 0x1p-53
    for (value, (exact, size)) in zip(try rig.numbers(output), zip(exact, size)) {
      #expect(abs(value - exact) <= 2 * Double(depth).squareRoot() * epsilon * size)
    }
  }

  /// The padding of tiles must not meet infinities, nor one row another.
  @Test func whatIsNotFiniteStaysInItsRow() throws {
    let rig = Rig()
    var a = [Float](repeating: 1, count: 5 * 3)
    a[3] = .infinity
    a[4] = .nan
    let output = try rig.zeros([5, 9], .float32)
    try rig.backend.multiply(
      try rig.floats(a, [5, 3]), try rig.floats([Float](repeating: 2, count: 27), [3, 9]),
      bias: nil, activation: nil, into: output)
    let values = try rig.numbers(output)
    for i in values.indices { #expect(i / 9 == 1 ? values[i].isNaN : values[i] == 6) }
  }

  /// The same bits again, on several threads and among other launches.
  @Test func equalLaunchesGiveEqualBits() async throws {
    let rig = Rig()
    let backend = rig.backend
    let a = try rig.zeros([300, 280], .float32)
    let b = try rig.zeros([280, 310], .float32)
    try backend.random(.normal, key: RandomKey(seed: 1), into: a)
    try backend.random(.normal, key: RandomKey(seed: 2), into: b)
    let outputs = try (0..<6).map { _ in try rig.zeros([300, 310], .float32) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for output in outputs {
        group.addTask {
          try backend.multiply(a, b, bias: nil, activation: nil, into: output)
        }
      }
      try await group.waitForAll()
    }
    let first = try rig.elements(outputs[0].storage, of: UInt32.self)
    for output in outputs { #expect(try rig.elements(output.storage, of: UInt32.self) == first) }
  }
}
