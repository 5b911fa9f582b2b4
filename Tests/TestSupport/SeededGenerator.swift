public import Compute
public import Foundation
public import Tensors

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): random test data that a printed seed names.
///
/// Each test has its own seed, so its data is the same in every run. `APUS_TEST_SEED` is added to
/// every seed, to try other data.
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  /// Creates the generator of a seed and prints it with the test's name.
  public init(_ seed: UInt64, _ test: String = #function) {
    let shift = ProcessInfo.processInfo.environment["APUS_TEST_SEED"].flatMap(UInt64.init) ?? 0
    state = seed &+ shift
    print("\(test): seed \(state)")
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Numbers on [−bound, bound] that are multiples of 2⁻¹⁰, so that float32 and float64 hold the
  /// same.
  public mutating func values(_ count: Int, bound: Int = 2) -> [Double] {
    (0..<count).map { _ in Double(Int.random(in: (-bound << 10)...(bound << 10), using: &self)) }
      .map { $0 / 1024 }
  }

  /// Whole numbers from a range.
  public mutating func integers(_ count: Int, in range: ClosedRange<Int>) -> [Double] {
    (0..<count).map { _ in Double(Int.random(in: range, using: &self)) }
  }

  /// A tensor of ``values(_:bound:)``.
  public mutating func tensor(_ shape: Shape, _ setting: Setting, bound: Int = 2) -> Tensor {
    setting.tensor(values(shape.count, bound: bound), shape)
  }
}

extension SeededGenerator {
  /// A file that is damaged in one to four places: bytes replaced, left out, put in, written twice,
  /// or cut off at the end.
  ///
  /// Half of the new bytes come from an alphabet, for damage that looks as if it were meant.
  public mutating func damaged(_ file: Data, alphabet: String) -> Data {
    let letters = Array(alphabet.utf8)
    var bytes = [UInt8](file)
    func place() -> Int {
      // Headers stand at the ends of files, where damage says most.
      let reach = Bool.random(using: &self) ? min(64, bytes.count) : bytes.count
      let offset = Int.random(in: 0..<max(reach, 1), using: &self)
      return min(Bool.random(using: &self) ? offset : bytes.count - 1 - offset, bytes.count - 1)
    }
    for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty {
      let byte =
        Bool.random(using: &self)
        ? UInt8.random(in: .min ... .max, using: &self)
        : letters.randomElement(using: &self) ?? 0
      let position = place()
      switch Int.random(in: 0..<8, using: &self) {
      case 0: bytes.remove(at: position)
      case 1: bytes.insert(byte, at: position)
      case 2:
        let end = min(position + Int.random(in: 1...16, using: &self), bytes.count)
        bytes.insert(contentsOf: bytes[position..<end], at: position)
      case 3 where Int.random(in: 0..<8, using: &self) == 0: bytes.removeSubrange(position...)
      default: bytes[position] = byte
      }
    }
    return Data(bytes)
  }
}
