import Compute
import Tensors
import TestSupport
import Testing

@Suite struct ReductionTests {
  private struct Case: Sendable, CustomStringConvertible {
    let shape: Shape
    let axes: [Int]?
    let keeps: Bool
    var description: String { "\(shape) over \(axes.map { "\($0)" } ?? "all")" }

    init(_ shape: Shape, _ axes: [Int]? = nil, keeps: Bool = false) {
      (self.shape, self.axes, self.keeps) = (shape, axes, keeps)
    }

    var reducedAxes: [Int] {
      (axes ?? Array(0..<shape.rank)).map { $0 < 0 ? $0 + shape.rank : $0 }
    }
    var keptShape: Shape {
      Shape(shape.dimensions.enumerated().map { reducedAxes.contains($0) ? 1 : $1 })
    }
    var resultShape: Shape {
      keeps
        ? keptShape
        : Shape(shape.dimensions.enumerated().filter { !reducedAxes.contains($0.0) }.map(\.1))
    }
    /// The elements that are reduced into each result, row-major.
    func groups(_ array: HostArray) -> [[Double]] {
      HostArray.indices(of: keptShape).map { kept in
        HostArray.indices(of: shape).filter { index in
          zip(index, kept).enumerated().allSatisfy { reducedAxes.contains($0) || $1.0 == $1.1 }
        }.map { array[$0] }
      }
    }
    /// The array whose element at each index is a function of its group's number.
    func spread(_ value: (_ group: Int, _ index: [Int]) -> Double) -> HostArray {
      HostArray(shape) { index in
        let kept = index.enumerated().map { reducedAxes.contains($0) ? 0 : $1 }
        return value(zip(kept, keptShape.contiguousStrides).reduce(0) { $0 + $1.0 * $1.1 }, index)
      }
    }
  }

  private static let cases: [Case] = [
    Case([]), Case([], keeps: true), Case([1]), Case([257]), Case([257], [-1], keeps: true),
    Case([3, 17], [0]), Case([3, 17], [1], keeps: true), Case([3, 17], [-1]), Case([3, 17], [-2]),
    Case([3, 17]), Case([17, 1], [1]), Case([65, 3], [0]), Case([129, 2], [0], keeps: true),
    Case([2, 5, 7], [0, 2]), Case([2, 5, 7], [1], keeps: true),
    Case([2, 5, 7], [2, 0], keeps: true),
    Case([2, 5, 7], [-3, -2]), Case([2, 3, 4, 5], [1, 3]),
    Case([2, 3, 4, 5], [0, 2], keeps: true),
    Case([3, 5], []), Case([33, 33], [0, 1]),
  ]
  /// Some of each kind, for what is a kernel of its own for each.
  private static let fewCases: [Case] = [
    Case([]), Case([257], [-1], keeps: true), Case([3, 17], [0]), Case([3, 17], [-1]),
    Case([2, 5, 7], [0, 2]), Case([2, 5, 7], [1], keeps: true), Case([3, 5], []),
  ]
  private static let emptyCases: [Case] = [
    Case([0]), Case([0, 3], [0]), Case([3, 0], [0]), Case([3, 0], [1], keeps: true), Case([0, 0]),
    Case([2, 0, 3], [1]),
  ]

  private func forEach(
    _ cases: [Case], _ setting: Setting, _ seed: UInt64,
    _ body: (Case, HostArray, SampleInput.Layout) throws -> Void
  ) rethrows {
    var random = SeededGenerator(seed)
    let layouts = SampleInput.Layout.allCases
    for (number, item) in setting.chosen(cases).enumerated() {
      try body(item, random.whole(item.shape), layouts[number % layouts.count])
    }
  }

  @Test("Sums are exact on whole numbers", arguments: Setting.all)
  func sums(setting: Setting) throws {
    try forEach(Self.cases + Self.emptyCases, setting, 1) { item, array, layout in
      let sums = item.groups(array).map { $0.reduce(0, +) }
      try expectClose(
        setting.tensor(array, layout).sum(axes: item.axes, keepsDimensions: item.keeps),
        HostArray(item.resultShape, sums), .exact, "\(item) \(layout)")
    }
  }

  @Test("Means are the sums divided; without elements they are NaN", arguments: Setting.all)
  func means(setting: Setting) throws {
    try forEach(Self.fewCases + Self.emptyCases, setting, 2) { item, array, layout in
      let x = setting.tensor(array, layout)
      let means = item.groups(array).map { $0.reduce(0, +) / Double($0.count) }
      // The exact sum, a rounded factor and a rounded product.
      try expectClose(
        x.mean(axes: item.axes, keepsDimensions: item.keeps), HostArray(item.resultShape, means),
        .ulps(2), "\(item) \(layout)")
    }
  }

  @Test(
    "Variances are those of two passes, biased or not, whatever the mean", arguments: Setting.all)
  func variances(setting: Setting) throws {
    try forEach(Self.fewCases, setting, 3) { item, array, layout in
      let array = HostArray(array.shape, array.values.map { $0 + 1000 })
      let x = setting.tensor(array, layout)
      for correction in [0.0, 1.0] {
        let variances = item.groups(array).map { group in
          let mean = group.reduce(0, +) / Double(group.count)
          let squares = group.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
          return squares / (Double(group.count) - correction)
        }
        // The mean is within an ulp of 1000, which moves a variance of σ² by σ·1000·ε at most and
        // its square; some roundings come on top. σ² is at most 81.
        try expectClose(
          x.variance(axes: item.axes, correction: correction, keepsDimensions: item.keeps),
          HostArray(item.resultShape, variances), .absolute(20_000 * setting.epsilon),
          "\(item) \(layout)")
      }
    }
  }

  @Test("Extremes and their positions", arguments: Setting.all)
  func extremes(setting: Setting) throws {
    try forEach(Self.fewCases, setting, 4) { item, array, layout in
      let x = setting.tensor(array, layout)
      let groups = item.groups(array)
      try expectClose(
        x.max(axes: item.axes, keepsDimensions: item.keeps),
        HostArray(item.resultShape, groups.map { $0.max() ?? .nan }), .exact, "\(item) \(layout)")
      try expectClose(
        x.min(axes: item.axes, keepsDimensions: item.keeps),
        HostArray(item.resultShape, groups.map { $0.min() ?? .nan }), .exact, "\(item) \(layout)")
      if item.reducedAxes.count == 1, let axis = item.axes?[0] {
        // Whole numbers of a small range tie; the first of equals counts.
        let positions = groups.map { group in
          Double(group.firstIndex { $0 == group.max() } ?? 0)
        }
        let argmax = x.argmax(axis: axis, keepsDimensions: item.keeps)
        #expect(argmax.dtype == .int32)
        try expectClose(
          argmax, HostArray(item.resultShape, positions), .exact, "\(item) \(layout)")
      }
    }
  }

  @Test("NaN is the extreme of what holds one", arguments: Setting.all)
  func extremesOfNaN(setting: Setting) throws {
    let x = setting.tensor([[1, .nan, 3], [4, 5, 6], [.nan, 9, .nan]])
    try expectEqual(x.max(axes: [1]), [3], [.nan, 6, .nan])
    try expectEqual(x.min(axes: [1]), [3], [.nan, 4, .nan])
    try expectEqual(x.argmax(axis: 1), [3], [1, 2, 0])
    try expectEqual(x.sum(axes: [0]), [3], [.nan, .nan, .nan])
    let infinite = setting.tensor([-.infinity, -.infinity])
    try expectEqual(infinite.max(), [], [-.infinity])
    try expectEqual(infinite.argmax(axis: 0), [], [0])
  }

  @Test("The gradient of a sum is spread, of a mean shared", arguments: Setting.all)
  func gradients(setting: Setting) throws {
    var random = SeededGenerator(5)
    for item in setting.chosen(Self.fewCases + Self.emptyCases) {
      let x = setting.tensor(random.whole(item.shape))
      let cotangent = random.whole(item.resultShape)
      let (_, sum) = valueWithPullback(at: [x]) {
        $0[0].sum(axes: item.axes, keepsDimensions: item.keeps)
      }
      try expectClose(
        sum(setting.tensor(cotangent))[0], item.spread { group, _ in cotangent.values[group] },
        .exact, "\(item)")
      let (_, mean) = valueWithPullback(at: [x]) {
        $0[0].mean(axes: item.axes, keepsDimensions: item.keeps)
      }
      let count = Double(item.reducedAxes.reduce(1) { $0 * item.shape[$1] })
      try expectClose(
        mean(setting.tensor(cotangent))[0],
        item.spread { group, _ in cotangent.values[group] / count }, .ulps(2), "\(item)")
    }
  }

  @Test("The gradient of a variance is 2(x − mean)/(n − c)", arguments: Setting.all)
  func varianceGradient(setting: Setting) throws {
    var random = SeededGenerator(6)
    for item in setting.chosen(Self.fewCases) {
      let array = random.whole(item.shape)
      let cotangent = random.whole(item.resultShape)
      let means = item.groups(array).map { $0.reduce(0, +) / Double($0.count) }
      let count = Double(item.reducedAxes.reduce(1) { $0 * item.shape[$1] })
      guard count > 1 else { continue }
      let (_, pullback) = valueWithPullback(at: [setting.tensor(array)]) {
        $0[0].variance(axes: item.axes, correction: 1, keepsDimensions: item.keeps)
      }
      let expected = item.spread { group, index in
        2 * (array[index] - means[group]) / (count - 1) * cotangent.values[group]
      }
      // The mean is off by at most an ulp of 9, and the factors are at most 18.
      try expectClose(
        pullback(setting.tensor(cotangent))[0], expected, .absolute(500 * setting.epsilon),
        "\(item)")
    }
  }

  @Test("Elements that tie for an extreme share its gradient", arguments: Setting.all)
  func ties(setting: Setting) throws {
    var random = SeededGenerator(7)
    for item in setting.chosen(Self.fewCases) {
      let array = random.whole(item.shape, 0...3)
      let cotangent = random.whole(item.resultShape)
      let groups = item.groups(array)
      for isMaximum in [true, false] {
        let expected = item.spread { group, index in
          let extreme = isMaximum ? groups[group].max() : groups[group].min()
          guard array[index] == extreme else { return 0 }
          return cotangent.values[group] / Double(groups[group].count { $0 == extreme })
        }
        let (_, pullback) = valueWithPullback(at: [setting.tensor(array)]) {
          isMaximum
            ? $0[0].max(axes: item.axes, keepsDimensions: item.keeps)
            : $0[0].min(axes: item.axes, keepsDimensions: item.keeps)
        }
        try expectClose(
          pullback(setting.tensor(cotangent))[0], expected, .ulps(1), "\(item) \(isMaximum)")
      }
    }
  }

  @Test("An expression is reduced in one launch, with its gradient", arguments: TestDevices.all)
  func expressions(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let here = Setting(device, .float32)
    let x = here.tensor([[1, 2, 3], [4, 5, 6]])
    let y = here.tensor([1, -1, 2])
    func launches(_ body: () -> Tensor) -> (Tensor, Int) {
      let before = device.statistics.launches
      return (body(), device.statistics.launches - before)
    }
    let (total, totalLaunches) = launches { sum(x, y, axes: [1]) { $0 * $1 + 1 } }
    #expect(totalLaunches == 1)
    try expectEqual(total, [2], [8, 14])
    let (average, averageLaunches) = launches { mean(x, y) { $0 * $1 } }
    #expect(averageLaunches == 1)
    try expectClose(average, [16.0 / 6], .ulps(2))
    let (squares, squareLaunches) = launches {
      sum(x, axes: [0], keepsDimensions: true) { $0 * $0 }
    }
    #expect(squareLaunches == 1)
    try expectEqual(squares, [1, 3], [17, 29, 45])
    let (largest, largestLaunches) = launches { maximum(x, axes: [1]) { 4 - $0 } }
    #expect(largestLaunches == 1)
    try expectEqual(largest, [2], [3, 0])

    let (_, pullback) = valueWithPullback(at: [x, y]) { sum($0[0], $0[1], axes: [1]) { $0 * $1 } }
    let gradients = pullback(here.tensor([1, 10]))
    try expectEqual(gradients[0], [2, 3], [1, -1, 2, 10, -10, 20])
    try expectEqual(gradients[1], [3], [41, 52, 63])
    let (_, gradient) = valueWithGradient(at: x) { maximum($0, axes: [1]) { ($0 - 3) * ($0 - 3) } }
    try expectEqual(gradient, [2, 3], [-4, 0, 0, 0, 0, 6])
  }

  @Test("Integers are summed and compared as integers", arguments: TestDevices.all)
  func integers(device: Device) throws {
    // A float would lose the last digits.
    let x = Tensor([16_777_217, 16_777_219, -5], shape: [3], dtype: .int64, on: device)
    #expect(try x.sum().item(of: Int.self) == 33_554_431)
    #expect(try x.max().item(of: Int.self) == 16_777_219)
    #expect(try x.min().item(of: Int.self) == -5)
    #expect(try x.argmax(axis: 0).item(of: Int.self) == 1)
  }
}
