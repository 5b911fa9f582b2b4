import Compute
import Tensors

/// How far a device's results may be from the reference's in Float64, derived from the operation.
///
/// With ε the distance from 1 to the next number of the device's dtype:
///
/// - `exact`: the reference's number rounded to the dtype, and no other.
/// - `pointwise`: the error that a running analysis finds, with OpenCL's ULP for each function;
///   see ``BoundedValue``.
/// - `sums`: 3·√K·ε·Σ|aᵢbᵢ| for sums of K products. It is the probabilistic bound λ√K·ε/2 with
///   λ = 6 of N. J. Higham, T. Mary, "A new approach to probabilistic rounding error analysis",
///   SIAM J. Sci. Comput. 41(5), 2019. Σ|aᵢbᵢ| is the operation itself, of magnitudes.
/// - `yardstick`: in the Euclidean norm, 4·‖reference32 − reference64‖ + 8·ε·‖reference64‖.
///
/// In Float64 the reference is not exact either: it may be off as far as the device, so that the
/// two together may be twice as far apart. The yardstick is then scaled by 2⁻²⁹, as ε is.
///
/// Below the least normal magnitude a device may flush to zero.
struct ParityTolerance {
  private enum Bound {
    /// For each element of each result.
    case elements([[Double]])
    /// For the norm of each result.
    case norms([Double])
  }

  private let sample: String
  private let dtype: DType
  private let isExact: Bool
  private let bound: Bound

  init(_ trial: SampleTrial, truth: SampleResults, dtype: DType) throws {
    sample = trial.name
    self.dtype = dtype
    // Bounds are worked out for Float32; those of Float64 are in proportion.
    let share = dtype == .float64 ? 2 * Double.ulpOfOne / Self.epsilon : 1
    let floor =
      dtype == .float64 ? Double.leastNormalMagnitude : Double(Float.leastNormalMagnitude)
    func scaled(_ bound: Double) -> Double { share * bound + floor }
    if case .exact = trial.sample.accuracy { isExact = true } else { isExact = false }
    bound =
      switch trial.sample.accuracy {
      case .exact:
        .elements(truth.tensors.map { .init(repeating: 0, count: $0.values.count) })
      case .pointwise(let expression, let derivatives, let scalars):
        .elements(
          Self.bounds(trial, expression, derivatives, scalars, truth).map { $0.map(scaled) })
      case .sums(let terms, let back):
        .elements(try Self.bounds(trial, terms: terms, back: back).map { $0.map(scaled) })
      case .yardstick:
        .norms(try Self.bounds(trial, truth).map(scaled))
      }
  }

  private static let epsilon = Double(Float.ulpOfOne)

  /// What a running analysis finds for each element.
  private static func bounds(
    _ trial: SampleTrial, _ value: Expression, _ derivatives: [Expression],
    _ scalars: [Double], _ truth: SampleResults
  ) -> [[Double]] {
    let cotangent = Expression.input(trial.points.count + scalars.count)
    let gradients = zip(trial.points, derivatives).filter(\.0.isDifferentiable).map(\.1)
    let expressions = [value] + gradients.map { $0 * cotangent }
    let analysis = ErrorAnalysis(expressions)
    let count = truth.tensors[0].values.count
    let weights = trial.cotangent(count)
    var bounds = expressions.map { _ in [Double]() }
    for position in 0..<count {
      let inputs =
        trial.points.map { BoundedValue(value: $0.values[position]) }
        + scalars.map { .rounded($0) } + [BoundedValue(value: weights[position])]
      for (number, error) in analysis.errors(at: inputs).enumerated() {
        bounds[number].append(error)
      }
    }
    return bounds
  }

  /// The probabilistic bound of sums of so many products, for each element.
  private static func bounds(_ trial: SampleTrial, terms: Int, back: Int) throws -> [[Double]] {
    try trial.results(.float64, on: .reference, magnitudes: true).tensors.enumerated().map {
      let factor = 3 * Double($0 == 0 ? terms : back).squareRoot() * epsilon
      return $1.values.map { factor * $0 }
    }
  }

  /// What the reference's error in Float32 allows, for each norm.
  private static func bounds(_ trial: SampleTrial, _ truth: SampleResults) throws -> [Double] {
    zip(try trial.results(.float32, on: .reference).tensors, truth.tensors).map {
      4 * zip($0.values, $1.values).map { $0 - $1 }.norm + 8 * epsilon * $1.values.norm
    }
  }

  /// The error of each element of a result beside its tolerance, or of all in the norm as one.
  func discrepancies(
    _ actual: SampleResults.Result, _ expected: SampleResults.Result, _ number: Int
  ) -> [Discrepancy] {
    func discrepancy(_ position: Int, _ error: Double, _ tolerance: Double) -> Discrepancy {
      Discrepancy(
        sample: sample, subject: expected.name, index: expected.shape.index(at: position),
        actual: actual.values[position], expected: expected.values[position], error: error,
        tolerance: tolerance)
    }
    let errors = zip(actual.values, expected.values).map { given, truth in
      abs(given - (isExact && dtype == .float32 ? Double(Float(truth)) : truth))
    }
    switch bound {
    case .elements(let tolerances):
      return errors.indices.map { discrepancy($0, errors[$0], tolerances[number][$0]) }
    case .norms(let tolerances):
      let worst = errors.indices.max { errors[$0].orInfinity < errors[$1].orInfinity } ?? 0
      return [discrepancy(worst, errors.norm, tolerances[number])]
    }
  }
}

extension [Double] {
  /// The Euclidean norm.
  fileprivate var norm: Double { reduce(0) { $0 + $1 * $1 }.squareRoot() }
}

extension Double {
  /// The number, or infinity for NaN, so that it is found as the worst.
  fileprivate var orInfinity: Double { isNaN ? .infinity : self }
}
