import Compute
import Tensors
import TestSupport
import Testing

@Suite struct ShapeTests {
  /// A way to look at a tensor, and where each element then comes from.
  private struct Look: Sendable {
    let name: String
    let source: Shape
    let view: @Sendable (Tensor) -> Tensor
    let shape: Shape
    /// The index in the source of an index in the view.
    let origin: @Sendable ([Int]) -> [Int]

    init(
      _ name: String, _ source: Shape, _ shape: Shape,
      _ view: @escaping @Sendable (Tensor) -> Tensor,
      origin: @escaping @Sendable ([Int]) -> [Int]
    ) {
      (self.name, self.source, self.shape) = (name, source, shape)
      (self.view, self.origin) = (view, origin)
    }

    /// A look at the same elements, row-major, in another shape.
    static func reshape(
      _ name: String, _ source: Shape, _ shape: Shape,
      _ view: @escaping @Sendable (Tensor) -> Tensor
    ) -> Look {
      Look(name, source, shape, view) { index in
        let position = zip(index, shape.contiguousStrides).reduce(0) { $0 + $1.0 * $1.1 }
        return zip(source.dimensions, source.contiguousStrides).map { position / $1 % $0 }
      }
    }
  }

  private static let looks: [Look] = [
    .reshape("reshaped", [4, 6], [2, 3, 4]) { $0.reshaped(to: Shape([2, 3, 4])) },
    .reshape("reshaped -1", [4, 6], [3, 8]) { $0.reshaped(to: [3, -1]) },
    .reshape("reshaped to itself", [4, 6], [4, 6]) { $0.reshaped(to: [4, 6]) },
    .reshape("reshaped of none", [0, 3], [3, 0, 2]) { $0.reshaped(to: [3, 0, 2]) },
    .reshape("reshaped scalar", [], [1, 1]) { $0.reshaped(to: [1, 1]) },
    .reshape("to a scalar", [1, 1], []) { $0.reshaped(to: Shape.scalar) },
    .reshape("expanded first", [5, 3], [1, 5, 3]) { $0.expandingShape(at: 0) },
    .reshape("expanded last", [5, 3], [5, 3, 1]) { $0.expandingShape(at: -1) },
    .reshape("expanded inside", [5, 3], [5, 1, 3]) { $0.expandingShape(at: -2) },
    .reshape("squeezed", [1, 5, 1, 3], [5, 3]) { $0.squeezed() },
    Look("transposed", [3, 5], [5, 3], { $0.transposed() }) { [$0[1], $0[0]] },
    Look("transposed batch", [2, 3, 5], [2, 5, 3], { $0.transposed() }) { [$0[0], $0[2], $0[1]] },
    Look("transposed none", [0, 5], [5, 0], { $0.transposed() }) { [$0[1], $0[0]] },
    // Its permutation is not its own inverse.
    Look("permuted", [2, 3, 5], [5, 2, 3], { $0.permuted([2, 0, 1]) }) { [$0[1], $0[2], $0[0]] },
    Look("permuted by -1", [2, 3, 5], [5, 2, 3], { $0.permuted([-1, 0, -2]) }) {
      [$0[1], $0[2], $0[0]]
    },
    Look("sliced", [3, 7], [3, 4], { $0.slice(axis: 1, 2..<6) }) { [$0[0], $0[1] + 2] },
    Look("sliced by 3", [3, 11], [3, 3], { $0.slice(axis: -1, 1..<10, by: 3) }) {
      [$0[0], 3 * $0[1] + 1]
    },
    Look("sliced rows by 2", [5, 3], [3, 3], { $0.slice(axis: 0, 0..<5, by: 2) }) {
      [2 * $0[0], $0[1]]
    },
    Look("sliced of none", [3, 7], [3, 0], { $0.slice(axis: 1, 7..<7) }) { $0 },
    Look("broadcast rows", [3], [2, 4, 3], { $0.broadcast(to: [2, 4, 3]) }) { [$0[2]] },
    Look("broadcast columns", [3, 1], [2, 3, 4], { $0.broadcast(to: [2, 3, 4]) }) { [$0[1], 0] },
    Look("broadcast scalar", [], [5], { $0.broadcast(to: [5]) }) { _ in [] },
    Look("broadcast to none", [1, 3], [0, 3], { $0.broadcast(to: [0, 3]) }) { [0, $0[1]] },
    Look("an index", [4, 3], [3], { $0[2] }) { [2, $0[0]] },
    Look("an index from the end", [4, 3], [3], { $0[-1] }) { [3, $0[0]] },
    Look("two indices", [4, 3], [], { $0[1, -2] }) { _ in [1, 1] },
    Look("a column", [4, 3], [4], { $0[.all, 1] }) { [$0[0], 1] },
    Look("a range", [5, 4], [2, 4], { $0[1..<3] }) { [$0[0] + 1, $0[1]] },
    Look("a closed range", [5, 4], [3, 4], { $0[1...3, .all] }) { [$0[0] + 1, $0[1]] },
    Look("from", [5, 4], [2, 4], { $0[3...] }) { [$0[0] + 3, $0[1]] },
    Look("up to", [5, 4], [5, 2], { $0[.all, ..<2] }) { $0 },
    Look("through", [5, 4], [5, 3], { $0[.all, ...2] }) { $0 },
    Look("an empty range", [5, 4], [0, 4], { $0[2..<2] }) { $0 },
    Look("from the end on", [5, 4], [0, 4], { $0[5...] }) { $0 },
    Look("all", [5, 4], [5, 4], { $0[.all, .all] }) { $0 },
    Look(
      "a chain", [4, 6], [2, 3],
      { $0.transposed()[1..<4].transposed().slice(axis: 0, 0..<4, by: 2) }
    ) { [2 * $0[0], $0[1] + 1] },
  ]

  @Test("A view shows the right elements", arguments: Setting.all)
  func elements(setting: Setting) throws {
    for look in Self.looks {
      let source = HostArray(look.source, (0..<look.source.count).map(Double.init))
      for layout in SampleInput.Layout.allCases {
        // Some shapes cannot look at a layout without a copy; the elements are the same.
        try expectClose(
          look.view(setting.tensor(source, layout)),
          HostArray(look.shape) { source[look.origin($0)] }, .exact, "\(look.name), \(layout)")
      }
    }
  }

  @Test("A view is made without a launch, a copy or memory", arguments: TestDevices.all)
  func constantTime(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    for look in Self.looks {
      let source = Tensor.zeros(look.source, on: device)
      let before = device.statistics
      let view = look.view(source)
      #expect(device.statistics == before, "\(look.name)")
      #expect(view.shape == look.shape, "\(look.name)")
    }
  }

  @Test("A view's gradient goes where its elements come from", arguments: Setting.all)
  func gradients(setting: Setting) throws {
    var random = SeededGenerator(1)
    for look in Self.looks {
      let cotangent = random.whole(look.shape)
      var expected = [Double](repeating: 0, count: look.source.count)
      for index in HostArray.indices(of: look.shape) {
        let origin = look.origin(index)
        let position = zip(origin, look.source.contiguousStrides).reduce(0) { $0 + $1.0 * $1.1 }
        expected[position] += cotangent[index]
      }
      let (_, pullback) = valueWithPullback(at: [setting.range(look.source)]) { look.view($0[0]) }
      try expectClose(
        pullback(setting.tensor(cotangent))[0], HostArray(look.source, expected), .exact, look.name)
    }
  }

  @Test("Only a shape that no view can have copies, once", arguments: Setting.all)
  func reshapingATranspose(setting: Setting) throws {
    let device = try Device.unshared(setting.device.identifier)
    let here = Setting(device, setting.dtype)
    let x = here.range([3, 4])
    let before = device.statistics.launches
    let y = x.transposed().reshaped(to: [2, 6])
    #expect(device.statistics.launches == before + 1)
    try expectEqual(y, [2, 6], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    // Axes that are split, or merged with each other in order, need none.
    _ = here.range([3, 4]).transposed().reshaped(to: [2, 2, 3])
    _ = here.range([2, 3, 4]).permuted([2, 0, 1]).reshaped(to: [4, 6])
    #expect(device.statistics.launches == before + 1)
  }

  @Test("Contiguous copies only what is not", arguments: Setting.all)
  func contiguous(setting: Setting) throws {
    let x = setting.range([2, 3])
    let y = x.transposed()
    #expect(x.isContiguous)
    #expect(!y.isContiguous)
    #expect(y.contiguous().isContiguous)
    #expect(x[1..<2].isContiguous)
    #expect(!x[.all, 1...].isContiguous)
    try expectEqual(y.contiguous(), [3, 2], [0, 3, 1, 4, 2, 5])
    let (_, gradient) = valueWithGradient(at: x) { ($0.transposed().contiguous() * y).sum() }
    try expectEqual(gradient, [2, 3], [0, 1, 2, 3, 4, 5])
  }

  @Test("Tensors are joined along any axis, and their gradient is divided", arguments: Setting.all)
  func concatenation(setting: Setting) throws {
    var random = SeededGenerator(2)
    let cases: [(axis: Int, shapes: [Shape])] = [
      (0, [[2, 3], [1, 3], [4, 3]]), (1, [[2, 3], [2, 1]]), (-1, [[2, 3], [2, 0], [2, 5]]),
      (-2, [[2, 3, 2], [2, 1, 2]]), (0, [[0], [0]]), (0, [[7]]),
    ]
    for (axis, shapes) in cases {
      let parts = shapes.map { random.whole($0) }
      let position = axis < 0 ? axis + shapes[0].rank : axis
      var dimensions = shapes[0].dimensions
      dimensions[position] = shapes.reduce(0) { $0 + $1[axis] }
      let whole = HostArray(Shape(dimensions)) { index in
        var index = index
        var part = 0
        while index[position] >= shapes[part][axis] {
          index[position] -= shapes[part][axis]
          part += 1
        }
        return parts[part][index]
      }
      let layouts = SampleInput.Layout.allCases
      let tensors = parts.enumerated().map { setting.tensor($1, layouts[$0 % layouts.count]) }
      let (joined, pullback) = valueWithPullback(at: tensors) { concatenate($0, axis: axis) }
      try expectClose(joined, whole)
      for (gradient, part) in zip(pullback(setting.tensor(whole)), parts) {
        try expectClose(gradient, part)
      }
    }
  }
}
