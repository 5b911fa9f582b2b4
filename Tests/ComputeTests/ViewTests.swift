import Compute
import Testing

@Suite struct ViewTests {
  private let storage = Storage(byteCount: 4096)

  private func view(_ shape: Shape, strides: [Int]? = nil, offset: Int = 0) -> View {
    View(storage, dtype: .float32, shape: shape, strides: strides, offset: offset)
  }

  /// Where the elements lie, row-major, from the definition of a view.
  private func positions(_ view: View) -> [Int] {
    zip(view.shape.dimensions, view.strides).reduce([view.offset]) { positions, axis in
      positions.flatMap { position in (0..<axis.0).map { position + $0 * axis.1 } }
    }
  }

  @Test func contiguity() {
    #expect(view([2, 3]).isContiguous)
    #expect(view([2, 1, 3], strides: [3, 99, 1]).isContiguous)
    #expect(view([2, 0], strides: [7, 7]).isContiguous)
    #expect(view([]).isContiguous)
    #expect(!view([2, 3], strides: [1, 2]).isContiguous)
    #expect(!view([2, 3], strides: [6, 2]).isContiguous)
    #expect(!view([2, 3], strides: [0, 1]).isContiguous)
  }

  @Test func permuting() {
    let permuted = view([2, 3, 4], offset: 5).permuted([2, 0, 1])
    #expect(permuted.shape == [4, 2, 3])
    #expect(permuted.strides == [1, 12, 4])
    #expect(permuted.offset == 5)
  }

  @Test func broadcasting() throws {
    let row = try #require(view([3]).broadcast(to: [2, 3]))
    #expect(positions(row) == [0, 1, 2, 0, 1, 2])
    let column = try #require(view([2, 1], offset: 4).broadcast(to: [3, 2, 2]))
    #expect(positions(column) == [4, 4, 5, 5, 4, 4, 5, 5, 4, 4, 5, 5])
    #expect(view([2]).broadcast(to: [3]) == nil)
    #expect(view([2, 3]).broadcast(to: [3]) == nil)
    #expect(view([1]).broadcast(to: [0])?.count == 0)
  }

  @Test func whatOnlyACopyCanReshape() {
    #expect(view([2, 3]).permuted([1, 0]).reshaped(to: [6]) == nil)
    #expect(view([3], strides: [0]).broadcast(to: [2, 3])?.reshaped(to: [6])?.strides == [0])
    #expect(view([3]).broadcast(to: [2, 3])?.reshaped(to: [6]) == nil)
    #expect(view([2, 2], strides: [4, 1]).reshaped(to: [4]) == nil)
    #expect(view([2, 4], strides: [8, 1]).reshaped(to: [2, 2, 2])?.strides == [8, 2, 1])
  }

  /// A reshape succeeds exactly when strides exist that visit the same elements in the same order.
  @Test(arguments: 0..<400)
  func reshapingAgreesWithTheDefinition(seed: Int) {
    var generator = SeededGenerator(seed)
    let source =
      [[12], [2, 6], [3, 4], [2, 2, 3], [3, 1, 4], [6, 2, 1], [2, 3, 2]]
      .randomElement(using: &generator) ?? []
    let target = Shape(
      [[12], [4, 3], [1, 12], [6, 2], [2, 2, 3], [3, 2, 2], [2, 1, 6]]
        .randomElement(using: &generator) ?? [])
    let order = source.indices.shuffled(using: &generator)
    var strides = [Int](repeating: 0, count: source.count)
    var next = Int.random(in: 0...2, using: &generator)
    // Half of the layouts keep the order of the axes, so that many reshapes succeed.
    for axis in Bool.random(using: &generator) ? order : source.indices.reversed() {
      strides[axis] = next
      next *= source[axis] * (Int.random(in: 0..<4, using: &generator) == 0 ? 2 : 1)
    }
    let view = view(Shape(source), strides: strides, offset: 3)
    let expected = positions(view)

    var distance = target.count
    let derived = target.dimensions.map { length -> Int in
      distance /= length
      return length == 1 ? 0 : expected[distance] - expected[0]
    }
    let isPossible = positions(view.with(shape: target, strides: derived)) == expected
    let reshaped = view.reshaped(to: target)
    #expect(
      (reshaped != nil) == isPossible, "strides \(strides), \(source) as \(target), seed \(seed)")
    if let reshaped { #expect(positions(reshaped) == expected) }
  }
}
