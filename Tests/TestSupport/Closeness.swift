public import Compute
public import Tensors
public import Testing

/// How far a computed number may be from the expected one.
public enum Tolerance: Sendable {
  /// Not at all; signs of zero aside.
  case exact
  /// By a number of units in the last place, as ε·|expected|, but at least the least normal
  /// magnitude, below which a device may flush to zero.
  case ulps(Double)
  /// By a distance.
  case absolute(Double)
  /// All errors together, in the Euclidean norm, by a share of the expected numbers' norm.
  case norm(Double)
  /// By a distance of its own for each element.
  case each([Double])
}

/// The comparison of computed numbers with expected ones.
public struct Closeness: Sendable, CustomStringConvertible {
  /// The largest error in units of its tolerance; infinite where no tolerance would do.
  public let worst: Double
  /// The element of the largest error.
  public let position: Int
  /// What was computed and expected there.
  public let description: String

  /// Whether every number is close enough.
  public var holds: Bool { worst <= 1 }

  /// Compares numbers that were computed in a dtype; NaN is close to NaN alone.
  public init(_ actual: [Double], _ expected: [Double], _ tolerance: Tolerance, dtype: DType) {
    guard actual.count == expected.count else {
      worst = .infinity
      position = 0
      description = "\(actual.count) numbers instead of \(expected.count)"
      return
    }
    var bound: (Int) -> Double
    switch tolerance {
    case .exact: bound = { _ in 0 }
    case .ulps(let count):
      bound = { max(count * dtype.epsilon * expected[$0].magnitude, dtype.leastNormal) }
    case .absolute(let distance): bound = { _ in distance }
    case .each(let distances): bound = { distances[$0] }
    case .norm(let share):
      // √n times the largest error would be too strict a bound, so the norm is taken itself.
      let scale = Closeness.norm(expected)
      let error = Closeness.norm(zip(actual, expected).map { $0 - $1 })
      let ratio = error == 0 ? 1 : error / (share * scale)
      bound = { index in
        let distance = (actual[index] - expected[index]).magnitude
        return distance == 0 ? 0 : distance / ratio
      }
    }
    var found = (worst: 0.0, position: 0)
    for index in actual.indices {
      let ratio = Closeness.ratio(actual[index], expected[index], bound(index))
      if ratio > found.worst { found = (ratio, index) }
    }
    (worst, position) = found
    description =
      actual.isEmpty
      ? "no numbers"
      : """
      element \(found.position) of \(actual.count) is \(actual[found.position]) instead of \
      \(expected[found.position]), \(found.worst) times the tolerance \(bound(found.position))
      """
  }

  private static func ratio(_ actual: Double, _ expected: Double, _ bound: Double) -> Double {
    if actual == expected || (actual.isNaN && expected.isNaN) { return 0 }
    let ratio = (actual - expected).magnitude / bound
    return ratio.isNaN ? .infinity : ratio
  }

  /// The Euclidean norm.
  static func norm(_ values: [Double]) -> Double {
    values.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }
}

/// Expects a tensor to hold numbers, within a tolerance.
public func expectClose(
  _ tensor: Tensor, _ expected: [Double], _ tolerance: Tolerance = .exact, _ label: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let closeness = Closeness(
    try tensor.array(of: Double.self), expected, tolerance, dtype: tensor.dtype)
  #expect(
    closeness.holds, "\(label) on \(tensor.device.identifier): \(closeness)",
    sourceLocation: sourceLocation)
}

/// Expects a tensor to have a shape and hold numbers, exactly.
public func expectEqual(
  _ tensor: Tensor, _ shape: Shape, _ expected: [Double],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  #expect(tensor.shape == shape, sourceLocation: sourceLocation)
  try expectClose(tensor, expected, .exact, sourceLocation: sourceLocation)
}

/// Expects one number to be close to another.
public func expectClose(
  _ actual: Double, _ expected: Double, _ tolerance: Tolerance, _ label: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let closeness = Closeness([actual], [expected], tolerance, dtype: .float64)
  #expect(closeness.holds, "\(label): \(closeness)", sourceLocation: sourceLocation)
}
