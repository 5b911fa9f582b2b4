import Compute
import Testing

@Suite struct PhiloxTests {
  /// The known-answer vectors of Random123 (kat_vectors, philox4x32 10).
  @Test(arguments: [
    (
      SIMD4<UInt32>(repeating: 0), SIMD2<UInt32>(repeating: 0),
      SIMD4<UInt32>(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
    ),
    (
      SIMD4(repeating: UInt32.max), SIMD2(repeating: UInt32.max),
      SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)
    ),
    (
      SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
      SIMD2(0xa409_3822, 0x299f_31d0),
      SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
    ),
  ])
  func knownAnswers(counter: SIMD4<UInt32>, key: SIMD2<UInt32>, expected: SIMD4<UInt32>) {
    #expect(Philox.block(counter: counter, key: key) == expected)
  }
}

/// The golden values come from an implementation in Python, written from the definitions.
@Suite struct RandomKeyTests {
  @Test func goldenKeys() {
    let named = RandomKey(seed: 7)["0.weight"]
    #expect(named.key == SIMD2(0x97fb_72e4, 0xb591_b59c))
    #expect(named.stream == SIMD2(0x4a23_8324, 0x8456_3f48))
    #expect(named.block(5) == SIMD4(0x1991_03e1, 0xcab9_bb8e, 0xfade_698b, 0x279e_6082))
    let numbered = RandomKey(seed: 7)["dropout"][42]
    #expect(numbered.key == SIMD2(0x0d97_5459, 0x2bb3_e511))
    #expect(numbered.block(1 << 33) == SIMD4(0xdc94_8675, 0x3ee7_f240, 0x3103_5187, 0x835e_4cbe))
    let negative = RandomKey(seed: 7)[-1]
    #expect(negative.stream == SIMD2(0xc870_49bf, 0x3e63_dfee))
  }

  @Test func goldenPermutation() {
    #expect(RandomKey(seed: 7).permutation(12) == [5, 6, 9, 1, 4, 2, 7, 3, 8, 0, 11, 10])
  }

  @Test(arguments: [0, 1, 2, 3, 17, 1000])
  func aPermutationHasEveryNumberOnce(count: Int) {
    let key = RandomKey(seed: 3)["shuffle"]
    #expect(key.permutation(count).sorted() == Array(0..<count))
    #expect(key.permutation(count) == key.permutation(count))
  }

  /// χ² over the 24 orders of four: 23 degrees of freedom, exceeded by chance once in 10⁵.
  @Test func permutationsAreEquallyLikely() {
    let trials = 24_000
    var counts: [[Int]: Int] = [:]
    for trial in 0..<trials { counts[RandomKey(seed: 5)[trial].permutation(4), default: 0] += 1 }
    let expected = Double(trials) / 24
    let statistic = counts.values.reduce(0) { sum, count in
      sum + (Double(count) - expected) * (Double(count) - expected) / expected
    }
    #expect(counts.count == 24)
    #expect(statistic < 65)
  }

  @Test func derivedKeysDiffer() {
    let root = RandomKey(seed: 11)
    let keys =
      [root, RandomKey(seed: 12), root["0"], root["a"]["b"], root["b"]["a"], root["ab"], root[""]]
      + (-50..<50).map { root[$0] } + (0..<50).map { root["a"][$0] }
    #expect(Set(keys).count == keys.count)
  }

  /// The correlation of n independent pairs is within 5/√n, but for one time in a million.
  @Test func derivedKeysAreIndependent() {
    let root = RandomKey(seed: 11)
    let keys = [root, root["a"], root["b"], root[0], root[1], root["a"][0]]
    let blocks = 4096
    let streams = keys.map { key in
      (0..<blocks).flatMap { index -> [Double] in
        let words = key.block(UInt64(index))
        return (0..<4).map { Double(words[$0]) * 0x1p-32 - 0.5 }
      }
    }
    let bound = 5 / Double(4 * blocks).squareRoot()
    for i in streams.indices {
      #expect(abs(streams[i].reduce(0, +)) / Double(4 * blocks) < bound * 0.3)
      for j in 0..<i {
        let product = zip(streams[i], streams[j]).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(product * 12) / Double(4 * blocks) < bound, "keys \(i) and \(j)")
      }
    }
  }
}
