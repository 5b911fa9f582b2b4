public import Compute
import Foundation
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
