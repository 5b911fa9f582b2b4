import Compute
import ReferenceBackend
import Testing

@Suite struct IndexingTests {
  @Test(arguments: [DType.float32, .float64, .int32, .int64, .uint8])
  func gathering(dtype: DType) throws {
    let rig = Rig()
    let table = try rig.numbers((0..<15).map(Double.init), dtype, [5, 3])
    let indices = try rig.view([4, 99, 0, 99, 4, 99, 5, 99, -1, 99] as [Int32], .int32)
      .with(shape: [5], strides: [2])
    let output = try rig.zeros([5, 3], dtype)
    try rig.backend.gather(table, indices: indices, into: output)
    let missing = dtype.isFloatingPoint ? Double.nan : 0
    let expected = [12, 13, 14, 0, 1, 2, 12, 13, 14] + [Double](repeating: missing, count: 6)
    #expect(zip(try rig.numbers(output), expected).allSatisfy(same))
  }

  @Test func gatheringNarrowFloatsAndNothing() throws {
    let rig = Rig()
    let table = try rig.view([0x3f80, 0x4000] as [UInt16], .bfloat16, [2, 1])
    let output = try rig.zeros([3, 1], .bfloat16)
    try rig.backend.gather(
      table, indices: try rig.view([1, 0, 2] as [UInt8], .uint8), into: output)
    let bits = try rig.elements(output.storage, of: UInt16.self)
    #expect(bits[0] == 0x4000 && bits[1] == 0x3f80)
    #expect(Float(bitPattern: UInt32(bits[2]) << 16).isNaN)

    let none = try rig.zeros([0, 2], .float32)
    let two = try rig.zeros([2, 2], .float32)
    try rig.backend.gather(none, indices: try rig.view([0, 1] as [Int64], .int64), into: two)
    #expect(try rig.numbers(two).allSatisfy(\.isNaN))
    try rig.backend.gather(two, indices: try rig.view([Int64](), .int64), into: none)
  }

  @Test(arguments: [DType.float32, .float64])
  func scattering(dtype: DType) throws {
    let rig = Rig()
    let (count, rows, width) = (65, 9, 17)
    let values = (0..<count * width).map { Double($0 % 23) }
    let indices = (0..<count).map { _ in Int64.random(in: -1...9, using: &rig.generator) }
    let output = try rig.numbers([Double](repeating: 5, count: rows * width), dtype, [rows, width])
    try rig.backend.scatterAdd(
      try rig.numbers(values, dtype, [count, width]), indices: try rig.view(indices, .int64),
      into: output)
    var expected = [Double](repeating: 0, count: rows * width)
    for (i, row) in indices.enumerated() where (0..<9).contains(row) {
      for j in 0..<width { expected[Int(row) * width + j] += values[i * width + j] }
    }
    #expect(try rig.numbers(output) == expected)
  }

  @Test func scatteringNothingWritesZeros() throws {
    let rig = Rig()
    let output = try rig.floats([1, 2, 3, 4], [2, 2])
    try rig.backend.scatterAdd(
      try rig.zeros([0, 2], .float32), indices: try rig.view([Int32](), .int32), into: output)
    #expect(try rig.numbers(output) == [0, 0, 0, 0])
  }
}
