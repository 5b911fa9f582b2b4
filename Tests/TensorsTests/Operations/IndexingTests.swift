import Compute
import Tensors
import TestSupport
import Testing

@Suite struct IndexingTests {
  private static let cases: [(table: Shape, indices: Shape)] = [
    ([5, 7], [17]), ([9, 1], [3]), ([6, 2, 3], [2, 5]), ([4], [6]), ([4], []), ([4, 3], [0]),
    ([257, 3], [65]), ([3, 0], [2]), ([1, 1], [1]),
  ]

  @Test("Rows are gathered by number, and their gradients added up", arguments: Setting.all)
  func gather(setting: Setting) throws {
    var random = SeededGenerator(1)
    for (tableShape, indexShape) in Self.cases {
      let table = random.whole(tableShape)
      let numbers = random.integers(indexShape.count, in: 0...(tableShape[0] - 1))
      let shape = Shape(indexShape.dimensions + tableShape.dimensions.dropFirst())
      let numberArray = HostArray(indexShape, numbers)
      let expected = HostArray(shape) { index in
        let number = Int(numberArray[Array(index.prefix(indexShape.rank))])
        return table[[number] + index.dropFirst(indexShape.rank)]
      }
      let cotangent = random.whole(shape)
      let gradient = HostArray(tableShape) { own in
        HostArray.indices(of: shape).filter { index in
          Int(numberArray[Array(index.prefix(indexShape.rank))]) == own[0]
            && Array(index.dropFirst(indexShape.rank)) == Array(own.dropFirst())
        }.reduce(0) { $0 + cotangent[$1] }
      }
      for (layout, kind) in zip(SampleInput.Layout.allCases, [DType.int32, .int64, .int32]) {
        let indices = Tensor(numbers, shape: indexShape, dtype: kind, on: setting.device)
        let (value, pullback) = valueWithPullback(at: [setting.tensor(table, layout)]) {
          $0[0].gather(indices)
        }
        let label = "\(indexShape) of \(tableShape), \(layout)"
        try expectClose(value, expected, .exact, label)
        try expectClose(pullback(setting.tensor(cotangent))[0], gradient, .exact, label)
      }
    }
  }

  @Test("Indices may be any view of integers", arguments: Setting.all)
  func indexViews(setting: Setting) throws {
    let table = setting.range([4, 2])
    let indices = Tensor([0, 3, 1, 3, 2, 3], shape: [3, 2], dtype: .uint8, on: setting.device)
    try expectEqual(table.gather(indices[.all, 0]), [3, 2], [0, 1, 2, 3, 4, 5])
    try expectEqual(
      table.gather(indices.transposed()), [2, 3, 2], [0, 1, 2, 3, 4, 5, 6, 7, 6, 7, 6, 7])
    let (_, gradient) = valueWithGradient(at: table) { $0.gather(indices[.all, 1]).sum() }
    try expectEqual(gradient, [4, 2], [0, 0, 0, 0, 0, 0, 3, 3])
  }

  @Test(
    "A row that does not exist is NaN, or 0 among integers, and takes no gradient",
    arguments: Setting.all)
  func missingRows(setting: Setting) throws {
    let indices = Tensor([2, -1, 0], shape: [3], dtype: .int32, on: setting.device)
    let table = setting.tensor([[1, 2], [3, 4]])
    let (value, gradient) = valueWithGradient(at: table) { $0.gather(indices) }
    try expectEqual(value, [3, 2], [.nan, .nan, .nan, .nan, 1, 2])
    try expectEqual(gradient, [2, 2], [1, 1, 0, 0])
    let integers = Tensor([5, 6], shape: [2, 1], dtype: .int64, on: setting.device)
    try expectEqual(integers.gather(indices), [3, 1], [0, 0, 5])
    let empty = Tensor.zeros([0, 2], dtype: setting.dtype, on: setting.device)
    try expectEqual(empty.gather(indices), [3, 2], [Double](repeating: .nan, count: 6))
  }

  @Test("Integers are gathered exactly, of every dtype", arguments: TestDevices.all)
  func dtypes(device: Device) throws {
    let indices = Tensor([1, 0, 1], shape: [3], dtype: .int32, on: device)
    for dtype in DType.allCases where device.supports(dtype) {
      let table = Tensor([3, 100], dtype: dtype, on: device)
      let rows = table.gather(indices)
      #expect(rows.dtype == dtype)
      #expect(try rows.array(of: Double.self) == [100, 3, 100])
    }
  }

  @Test("One-hot rows have a one at the label, or nowhere", arguments: TestDevices.all)
  func oneHot(device: Device) throws {
    for kind in [DType.int32, .int64, .uint8] {
      let labels = Tensor([[2, 0], [1, 3]], dtype: kind, on: device)
      let rows = labels.oneHot(classes: 3)
      #expect(rows.dtype == .float32)
      try expectEqual(rows, [2, 2, 3], [0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0])
      #expect(labels.oneHot(classes: 3, dtype: .int32).dtype == .int32)
    }
    #expect(Tensor([1], dtype: .int32, on: device).oneHot(classes: 0).shape == [1, 0])
    // A byte does not go on counting where its numbers end.
    let many = Tensor([255], dtype: .uint8, on: device).oneHot(classes: 300)
    #expect(try many.sum().item(of: Int.self) == 1)
    #expect(try many.argmax(axis: 1).item(of: Int.self) == 255)
  }
}
