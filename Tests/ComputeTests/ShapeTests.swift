import Compute
import Testing

@Suite struct ShapeTests {
  @Test func countAndStrides() {
    #expect(Shape.scalar.count == 1)
    #expect(Shape.scalar.contiguousStrides == [])
    #expect(Shape([2, 3, 4]).count == 24)
    #expect(Shape([2, 3, 4]).contiguousStrides == [12, 4, 1])
    #expect(Shape([2, 0, 4]).count == 0)
    #expect(Shape([2, 3])[-1] == 3)
    #expect(Shape([2, 3]).description == "[2, 3]")
  }

  @Test(
    arguments: [
      ([], [3], [3]), ([2, 1], [3], [2, 3]), ([2, 3], [2, 3], [2, 3]),
      ([5, 1, 4], [1, 3, 1], [5, 3, 4]),
      ([0], [1], [0]), ([1, 3], [0, 1], [0, 3]), ([2], [3], nil), ([2, 0], [2, 2], nil),
      ([4, 2], [2, 4], nil),
    ] as [([Int], [Int], [Int]?)])
  func broadcasting(left: [Int], right: [Int], expected: [Int]?) {
    #expect(Shape(left).broadcast(with: Shape(right)) == expected.map(Shape.init))
    #expect(Shape(right).broadcast(with: Shape(left)) == expected.map(Shape.init))
  }

  @Test func reducedAxes() {
    let shape: Shape = [2, 3, 4]
    #expect(shape.keeping(reduced: [1, -1]) == [2, 1, 1])
    #expect(shape.dropping(axes: [1, -1]) == [2])
    #expect(shape.dropping(axes: []) == shape)
    #expect(shape.keeping(reduced: [0, 1, 2]).count == 1)
  }

  @Test func aMissingAxisTrapsWithAMessage() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = Shape([2, 3])[2]
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("axis 2 is out of range for shape [2, 3], which has 2 axes"))
  }
}
