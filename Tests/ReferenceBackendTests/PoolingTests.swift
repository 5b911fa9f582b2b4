import Compute
import ReferenceBackend
import Testing

@Suite struct PoolingTests {
  private let rig = Rig()

  private func pool(
    _ values: [Double], _ pooling: Pooling, rows: WindowAxis, columns: WindowAxis
  ) throws -> (y: [Double], taps: [Double], gradient: [Double]) {
    let planes = values.count / (rows.input * columns.input)
    let geometry = PoolingGeometry(planes: planes, rows: rows, columns: columns)
    let y = try rig.zeros(geometry.outputShape, .float64)
    let taps = try rig.zeros(geometry.outputShape, geometry.tapDType)
    let gradient = try rig.zeros(geometry.inputShape, .float64)
    let cotangent = try rig.doubles(
      (1...max(1, y.count)).map { Double($0) }, geometry.outputShape)
    try rig.backend.pool(
      try rig.doubles(values, geometry.inputShape), pooling, geometry: geometry, into: y,
      taps: taps)
    try rig.backend.poolGradient(
      cotangent, pooling, geometry: geometry, taps: taps, epilogue: nil, into: gradient)
    return (try rig.numbers(y), try rig.numbers(taps), try rig.numbers(gradient))
  }

  private let image: [Double] = [
    1, 5, 2, 7,
    5, 0, 7, 7,
    -3, -9, 4, 8,
  ]
  private let rows = WindowAxis(input: 3, output: 2, kernel: 2)
  private let columns = WindowAxis(input: 4, output: 2, kernel: 2, stride: 2)

  @Test func theFirstOfEqualsIsChosen() throws {
    let maximum = try pool(image, .maximum, rows: rows, columns: columns)
    #expect(maximum.y == [5, 7, 5, 8])
    #expect(maximum.taps == [1, 1, 0, 3])
    #expect(maximum.gradient == [0, 1, 0, 2, 3, 0, 0, 0, 0, 0, 0, 4])
    let minimum = try pool(image, .minimum, rows: rows, columns: columns)
    #expect(minimum.y == [0, 2, -9, 4])
    #expect(minimum.taps == [3, 0, 3, 2])
    #expect(minimum.gradient == [0, 0, 2, 0, 0, 1, 0, 0, 0, 3, 4, 0])
  }

  @Test func averagesAndTheirPadding() throws {
    let plain = try pool(image, .average, rows: rows, columns: columns)
    #expect(plain.y == [2.75, 5.75, -1.75, 6.5])
    #expect(
      plain.gradient == [0.25, 0.25, 0.5, 0.5, 1, 1, 1.5, 1.5, 0.75, 0.75, 1, 1])
    let padded = WindowAxis(input: 2, output: 2, kernel: 2, stride: 2, padding: 1)
    let counted = try pool([4, 8, 12, 16], .average, rows: padded, columns: padded)
    #expect(counted.y == [1, 2, 3, 4])
    #expect(counted.gradient == [0.25, 0.5, 0.75, 1])
    let left = try pool([4, 8, 12, 16], .averageWithoutPadding, rows: padded, columns: padded)
    #expect(left.y == [4, 8, 12, 16])
    #expect(left.gradient == [1, 2, 3, 4])
  }

  /// Padding is never chosen, however small the elements; NaN is.
  @Test func specialValues() throws {
    let padded = WindowAxis(input: 2, output: 2, kernel: 2, stride: 1, padding: 1)
    let row = WindowAxis(input: 1, output: 1, kernel: 1)
    let lowest = try pool(
      [-.infinity, -.infinity], .maximum, rows: row, columns: padded)
    #expect(lowest.y == [-.infinity, -.infinity])
    #expect(lowest.taps == [1, 0])
    let missing = try pool([.nan, 3], .maximum, rows: row, columns: padded)
    let areMissing = missing.y.map(\.isNaN)
    #expect(areMissing == [true, true])
    #expect(missing.gradient == [3, 0])
  }

  @Test func nothing() throws {
    let axis = WindowAxis(input: 4, output: 2, kernel: 2, stride: 2)
    let empty = try pool([], .maximum, rows: axis, columns: axis)
    #expect(empty.y.isEmpty && empty.gradient.isEmpty)
  }
}
