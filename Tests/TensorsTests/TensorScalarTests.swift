import Compute
import Tensors
import TestSupport
import Testing

@Suite struct TensorScalarTests {
  @Test("Integers truncate towards zero and stop at their bounds; NaN is 0")
  func integers() {
    #expect(Int32(nearest: 2.9) == 2)
    #expect(Int32(nearest: -2.9) == -2)
    #expect(Int32(nearest: 1e10) == .max)
    #expect(Int32(nearest: -1e10) == .min)
    #expect(UInt8(nearest: -0.5) == 0)
    #expect(UInt8(nearest: 255) == 255)
    #expect(UInt8(nearest: 256) == 255)
    #expect(UInt8(nearest: -1) == 0)
    #expect(Int64(nearest: 9.3e18) == .max)
    #expect(Int64(nearest: -9.3e18) == .min)
    #expect(Int(nearest: .nan) == 0)
    #expect(Int(nearest: .infinity) == .max)
    #expect(Int(nearest: -.infinity) == .min)
  }

  @Test("Floats round to nearest")
  func floats() {
    #expect(Float(nearest: 0.1) == 0.1 as Float)
    #expect(Float(nearest: 1e300) == .infinity)
    #expect(Double(nearest: 0.1) == 0.1)
    #expect(Float(0.1).doubleValue == Double(Float(0.1)))
    #expect(Int32(-7).doubleValue == -7)
  }

  @Test("Halves are read and written to nearest, ties to even")
  func halves() throws {
    // bfloat16 has 8 bits: the neighbours of 1 are 1 − 2⁻⁸ and 1 + 2⁻⁷.
    let step = 1.0 / 128
    let values = [
      1, 1 + step / 2, 1 + 3 * step / 2, 1 + 0.51 * step, -1 - 0.51 * step, .infinity, .nan,
    ]
    let expected = [1, 1, 1 + 2 * step, 1 + step, -1 - step, .infinity, .nan]
    let halves = Tensor(values, dtype: .bfloat16, on: .reference)
    try expectClose(halves.cast(to: .float64), expected)
    #expect(Closeness(try halves.array(of: Double.self), expected, .exact, dtype: .float64).holds)
    // Just above a tie, by less than float32 tells: rounding twice would give 1.
    let above = Tensor([1 + step / 2 + 0x1p-40], dtype: .bfloat16, on: .reference)
    #expect(try above.item(of: Double.self) == 1 + step)
    let half = Tensor([1 + 0x1p-11, 1 + 0x3p-11, 65_504, 1e6], dtype: .float16, on: .reference)
    #expect(try half.array(of: Double.self) == [1, 1 + 0x1p-9, 65_504, .infinity])
  }
}
