/// The counter-based generator Philox4x32-10.
///
/// Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy
/// as 1, 2, 3", SC '11.
public enum Philox {
  /// Encrypts a counter of 128 bits under a key of 64: four random words.
  public static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var c = counter
    var k = key
    for round in 0..<10 {
      if round > 0 { k = k &+ SIMD2(0x9E37_79B9, 0xBB67_AE85) }
      let low = c.x.multipliedFullWidth(by: 0xD251_1F53)
      let high = c.z.multipliedFullWidth(by: 0xCD9E_8D57)
      c = SIMD4(high.high ^ c.y ^ k.x, high.low, low.high ^ c.w ^ k.y, low.low)
    }
    return c
  }
}
