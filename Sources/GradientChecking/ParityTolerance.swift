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
    let epsilon = Double(Float.ulpOfOne)
    let share = dtype == .float64 ? 2 * Double.ulpOfOne / epsilon : 1
    let floor =
      dtype == .float64 ? Double.leastNormalMagnitude : Double(Float.leastNormalMagnitude)
    switch trial.sample.accuracy {
    case .exact:
      isExact = true
      bound = .elements(truth.tensors.map { .init(repeating: 0, count: $0.values.count) })
    case .pointwise(let expression, let derivatives):
      isExact = false
      let count = truth.tensors[0].values.count
      let cotangent = trial.points.count
      let operands = trial.points.map(\.values) + [trial.cotangent(count)]
      let expressions =
        [expression]
        + zip(trial.points, derivatives).filter(\.0.isDifferentiable).map {
          $0.1 * .input(cotangent)
        }
      let analysis = ErrorAnalysis(expressions)
      var bounds = expressions.map { _ in [Double]() }
      for position in 0..<count {
        let errors = analysis.errors(at: operands.map { $0[position] })
        for (number, error) in errors.enumerated() {
          bounds[number].append(share * error + floor)
        }
      }
      bound = .elements(bounds)
    case .sums(let terms):
      isExact = false
      let factor = 3 * Double(terms).squareRoot() * epsilon * share
      let magnitudes = try trial.results(.float64, on: .reference, magnitudes: true)
      bound = .elements(magnitudes.tensors.map { $0.values.map { factor * $0 + floor } })
    case .yardstick:
      isExact = false
      let measured = try trial.results(.float32, on: .reference)
      bound = .norms(
        zip(measured.tensors, truth.tensors).map { measured, truth in
          let error = zip(measured.values, truth.values).map { $0 - $1 }.norm
          return share * (4 * error + 8 * epsilon * truth.values.norm) + floor
        })
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
