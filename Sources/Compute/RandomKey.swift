/// A name for a stream of random numbers: the same key gives the same numbers everywhere.
///
/// Keys are values and have no state. A key for each purpose is derived by name or number, so
/// that drawing for one purpose never changes another:
///
///     let key = RandomKey(seed: 7)
///     key["0.weight"]      // the initial values of one parameter
///     key["dropout"][42]   // step 42 of a layer
public struct RandomKey: Hashable, Sendable {
  /// The key of the Philox generator.
  public let key: SIMD2<UInt32>
  /// The upper half of the Philox counter.
  public let stream: SIMD2<UInt32>

  /// Creates the key of a seed.
  public init(seed: UInt64) {
    self.init(
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)),
      stream: .zero)
  }

  private init(key: SIMD2<UInt32>, stream: SIMD2<UInt32>) {
    self.key = key
    self.stream = stream
  }

  /// The key of a named purpose.
  public subscript(name: String) -> RandomKey {
    // FNV-1a spreads the name over 64 bits; Philox then makes the keys independent.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return derived(hash, domain: 0x6e61_6d65)
  }

  /// The key of a numbered purpose, such as a step.
  public subscript(number: Int) -> RandomKey {
    derived(UInt64(bitPattern: Int64(number)), domain: 0x6e75_6d62)
  }

  private func derived(_ value: UInt64, domain: UInt32) -> RandomKey {
    let words = Philox.block(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32),
        stream.x ^ domain, stream.y),
      key: key)
    return RandomKey(key: words.lowHalf, stream: words.highHalf)
  }

  /// Four random words: Philox4x32-10 of the counter (block low, block high, stream).
  public func block(_ index: UInt64) -> SIMD4<UInt32> {
    Philox.block(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32),
        stream.x, stream.y),
      key: key)
  }

  /// A permutation of 0..<count, each equally likely: Fisher–Yates on the host.
  ///
  /// Durstenfeld's form of it (Communications of the ACM 7(7), 1964, algorithm 235), with one
  /// 64-bit word for each exchange.
  public func permutation(_ count: Int) -> [Int] {
    var result = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      let words = block(UInt64(last))
      let random = UInt64(words.x) | UInt64(words.y) << 32
      // The high half of a 64×64-bit product is uniform on 0...last to within last / 2⁶⁴.
      let chosen = Int(random.multipliedFullWidth(by: UInt64(last) + 1).high)
      result.swapAt(last, chosen)
    }
    return result
  }
}
