import Compute
import ReferenceBackend
import Testing

/// Conversions between what is stored and what is computed.
@Suite struct ElementsTests {
  private func convert<T: BitwiseCopyable, U: BitwiseCopyable>(
    _ values: [T], _ from: DType, to: DType, as type: U.Type
  ) throws -> [U] {
    let rig = Rig()
    let source = try rig.view(values, from)
    let target = try rig.zeros([values.count], to)
    try rig.backend.map([.input(0)], of: [.view(source)], into: [target])
    return try rig.elements(target.storage)
  }

  @Test func everyHalfIsReadExactly() throws {
    let bits = (0...UInt16.max).map { $0 }
    let values = try convert(bits, .float16, to: .float32, as: Float.self)
    for (bits, value) in zip(bits, values) {
      let expected = Float(Float16(bitPattern: bits))
      #expect(
        value.bitPattern == expected.bitPattern || (value.isNaN && expected.isNaN), "bits \(bits)")
    }
    let doubles = try convert(bits, .float16, to: .float64, as: Double.self)
    #expect(zip(values, doubles).allSatisfy { same(Double($0), $1) })
  }

  /// Halves themselves, the ties between neighbours, and what lies just beside the ties.
  @Test func halvesAreRoundedToNearestEven() throws {
    let finite = (0..<0x7c00 as Range<UInt16>).map { Double(Float16(bitPattern: $0)) }
    let ties = zip(finite, finite.dropFirst()).map { ($0 + $1) / 2 } + [65520]
    let magnitudes = finite + ties + ties.map(\.nextUp) + ties.map(\.nextDown) + [1e300, .infinity]
    let values = magnitudes + magnitudes.map { -$0 }
    let bits = try convert(values, .float64, to: .float16, as: UInt16.self)
    for (value, bits) in zip(values, bits) {
      #expect(bits == Float16(value).bitPattern, "\(value)")
    }
    let nan = try convert([Double.nan], .float64, to: .float16, as: UInt16.self)
    #expect(Float16(bitPattern: nan[0]).isNaN)
  }

  @Test func everyBFloat16IsReadExactly() throws {
    let bits = (0...UInt16.max).map { $0 }
    let values = try convert(bits, .bfloat16, to: .float32, as: Float.self)
    for (bits, value) in zip(bits, values) {
      let expected = Float(bitPattern: UInt32(bits) << 16)
      #expect(
        value.bitPattern == expected.bitPattern || (value.isNaN && expected.isNaN), "bits \(bits)")
    }
  }

  @Test func bfloat16sAreRoundedToNearestEven() throws {
    var generator = SeededGenerator(4)
    var values = (0..<100_000).map { _ in
      Float(bitPattern: UInt32.random(in: 0...(.max), using: &generator))
    }
    values += (0..<1000).map { Float(bitPattern: UInt32($0) << 16 | 0x8000) }
    values += [.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, -0.0]
    let bits = try convert(values, .float32, to: .bfloat16, as: UInt16.self)
    for (value, bits) in zip(values, bits) {
      // The usual trick in integers, which is independent of the one under test.
      let tie = (value.bitPattern >> 16) & 1
      let expected = UInt16((UInt64(value.bitPattern) + 0x7fff + UInt64(tie)) >> 16)
      let read = Float(bitPattern: UInt32(bits) << 16)
      #expect(bits == expected || (value.isNaN && read.isNaN), "\(value)")
    }
    // A double beside a tie is rounded once, not by way of a float that is the tie.
    let beside = [1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-8 - 0x1p-40]
    #expect(try convert(beside, .float64, to: .bfloat16, as: UInt16.self) == [0x3f81, 0x3f80])
  }

  @Test func numbersBecomeIntegersAsInC() throws {
    let values = [2.7, -2.7, -0.5, 300.9, -1, 1e10, -1e10, 1e30, -1e30, .infinity, .nan]
    #expect(
      try convert(values, .float64, to: .int32, as: Int32.self)
        == [2, -2, 0, 300, -1, .max, .min, .max, .min, .max, 0])
    #expect(
      try convert(values, .float64, to: .uint8, as: UInt8.self)
        == [2, 0, 0, 255, 0, 255, 0, 255, 0, 255, 0])
    #expect(
      try convert(values, .float64, to: .int64, as: Int64.self)
        == [2, -2, 0, 300, -1, 10_000_000_000, -10_000_000_000, .max, .min, .max, 0])
    let integers: [Int64] = [-1, 256, 1 << 32 + 7]
    #expect(try convert(integers, .int64, to: .uint8, as: UInt8.self) == [255, 0, 7])
    #expect(try convert(integers, .int64, to: .int32, as: Int32.self) == [-1, 256, 7])
    #expect(
      try convert([Int64(1) << 53 + 1], .int64, to: .float32, as: Float.self) == [0x1p53])
    #expect(try convert([Int32.min], .int32, to: .int64, as: Int64.self) == [Int64(Int32.min)])
  }
}
