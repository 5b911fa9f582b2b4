public import Compute
import RealModule

extension ReferenceBackend {
  /// Fills a contiguous view with numbers that depend on key, draw and position alone.
  ///
  /// Traps unless the view is contiguous and float32 or float64, and the draw one int64.
  public func random(
    _ distribution: RandomDistribution, key: RandomKey, draw: View?, into output: View
  ) throws {
    checkRandom(draw: draw, output: output)
    if output.count == 0 { return }
    try launch("random \(distribution)", [output] + (draw.map { [$0] } ?? [])) {
      let number = draw.map { (elements(of: $0) as [Int64])[0] } ?? 0
      withRealType(of: [output.dtype], for: "random") {
        fill(output, with: distribution, key: key, draw: number, as: $0)
      }
    }
  }
}

private func fill<S: RealScalar>(
  _ output: View, with distribution: RandomDistribution, key: RandomKey, draw: Int64,
  as type: S.Type
) {
  let isSingle = S.significandBitCount == Float.significandBitCount
  let perBlock = isSingle ? 4 : 2
  var values: [S] = []
  values.reserveCapacity(output.count)
  for block in 0..<(output.count + perBlock - 1) / perBlock {
    let words = key.block(UInt64(bitPattern: draw) << 32 &+ UInt64(block))
    var numbers = isSingle ? fractions24(words) : fractions53(words)
    if distribution == .normal {
      for pair in stride(from: 0, to: perBlock, by: 2) {
        (numbers[pair], numbers[pair + 1]) = boxMuller(
          numbers[pair], numbers[pair + 1], step: isSingle ? 0x1p-24 : 0x1p-53)
      }
    }
    for i in 0..<min(perBlock, output.count - values.count) { values.append(S(numbers[i])) }
  }
  store(values, to: output)
}

/// Four uniforms on [0, 1) of 24 bits each.
private func fractions24(_ words: SIMD4<UInt32>) -> SIMD4<Double> {
  SIMD4<Double>(words &>> 8) * 0x1p-24
}

/// Two uniforms on [0, 1) of 53 bits each, in the first places; each from two words, the lower
/// half first.
private func fractions53(_ words: SIMD4<UInt32>) -> SIMD4<Double> {
  func fraction(_ low: UInt32, _ high: UInt32) -> Double {
    Double((UInt64(low) | UInt64(high) << 32) >> 11) * 0x1p-53
  }
  return SIMD4(fraction(words.x, words.y), fraction(words.z, words.w), 0, 0)
}

/// Two independent normal numbers from two uniforms on [0, 1) that are multiples of `step`.
///
/// The first is moved to (0, 1], so that its logarithm is finite. Source: G. E. P. Box,
/// M. E. Muller, "A note on the generation of random normal deviates", 1958.
private func boxMuller(_ first: Double, _ second: Double, step: Double) -> (Double, Double) {
  let radius = Double.sqrt(-2 * Double.log(first + step))
  let angle = 2 * Double.pi * second
  return (radius * Double.cos(angle), radius * Double.sin(angle))
}
