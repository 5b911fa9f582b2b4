public import Compute

/// Where an operation's samples take their shapes from: a seed.
public struct SampleSource: Sendable {
  /// Lengths that no tile divides, and those of a tile's last element and the first beyond it.
  public static let oddLengths = [1, 3, 17, 33, 65, 127, 257]

  let key: RandomKey
  private var draws = 0

  /// Shapes of elementwise operations: each of the odd lengths, axes of one and of no element.
  public let shapes: [Shape]

  /// Creates the source of an operation's shapes; equal seeds give equal shapes.
  ///
  /// Each operation has its own, so that it meets the same shapes whether it is checked alone or
  /// with others.
  public init(seed: UInt64, operation: String) {
    key = RandomKey(seed: seed)["samples"][operation]
    let odd = key["shapes"].permutation(Self.oddLengths.count).map { Self.oddLengths[$0] }
    shapes = [
      [], [0], [2, 0, 3], [odd[0]], [1, odd[1]], [odd[2], 1], [3, odd[3]], [odd[4], 2],
      [2, 3, odd[5]], [odd[6], 1, 2],
    ]
  }

  /// The odd lengths in another order at each call.
  public mutating func shuffledLengths() -> [Int] {
    draws += 1
    return key[draws].permutation(Self.oddLengths.count).map { Self.oddLengths[$0] }
  }

  /// A number from a range, another at each call.
  public mutating func size(in range: ClosedRange<Int>) -> Int {
    draws += 1
    let word = key[draws].block(0).x
    return range.lowerBound + Int(word) % range.count
  }

  /// Inputs of one shape: row-major of each of ``shapes``, and matrices that lie otherwise.
  func elementwise(_ values: SampleValues...) -> [[SampleInput]] {
    // Both matrices take the same kernel, since drivers may be slow to build one.
    let matrices: [(shape: Shape, layouts: [SampleInput.Layout])] = [
      ([3, 17], [.transposed, .sliced]), ([17, 3], [.sliced, .transposed]),
    ]
    return shapes.map { shape in values.map { SampleInput(shape, $0) } }
      + matrices.map { matrix in
        values.enumerated().map { number, values in
          SampleInput(matrix.shape, values, layout: matrix.layouts[number % 2])
        }
      }
  }
}
