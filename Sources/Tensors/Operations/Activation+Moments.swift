import Compute

import func Foundation.exp

extension Activation {
  /// The mean of a function of the output, for inputs that are normal with mean 0 and variance 1.
  ///
  /// The integral of g(f(z))·φ(z) over −36...36, beyond which φ is less than 10⁻²⁸², by the
  /// Gauss–Legendre rule with five points on pieces of at most ¹⁄₃₂ between the places where the
  /// formula may turn: for a smooth f its error is that of rounding, some 10⁻¹⁵ of the largest
  /// terms. Infinite where what is summed does not vanish towards the ends, as of exp(x²), or
  /// doubles as the pieces are halved, as of 1/x².
  package func normalMean(of transform: (Double) -> Double) -> Double {
    let function = expression.function
    return Self.normalIntegral(between: switchPoints) { transform(function($0)) }
  }

  /// The mean of a function of an input that is normal with mean 0 and variance 1.
  ///
  /// - Parameters:
  ///   - points: Where the function is not smooth, in order.
  ///   - function: The function.
  package static func normalIntegral(
    between points: [Double], of function: (Double) -> Double
  ) -> Double {
    let reach = 36.0
    func parts(perUnit pieces: Double) -> [Double] {
      let grid = stride(from: -reach * pieces, through: reach * pieces, by: 1).map { $0 / pieces }
      let bounds = Set(grid + points.filter { abs($0) < reach }).sorted()
      return zip(bounds, bounds.dropFirst()).map { left, right in
        let (middle, half) = ((left + right) / 2, (right - left) / 2)
        return gaussLegendre.reduce(0) { sum, term in
          let z = middle + half * term.node
          return sum + half * term.weight * function(z) * normalDensity(z)
        }
      }
    }
    let all = parts(perUnit: 32)
    // What is summed, without its sign; a pole gives more the nearer the points come to it.
    let sizes = [all, parts(perUnit: 64), parts(perUnit: 128)].map { $0.reduce(0) { $0 + abs($1) } }
    let ends = max(abs(all[0]), abs(all[all.count - 1]))
    let isEndless =
      ends > 1e-9 * sizes[0] || (sizes[1] > 1.5 * sizes[0] && sizes[2] > 1.5 * sizes[1])
    return isEndless ? .infinity : all.reduce(0, +)
  }

  /// Where the formula may turn, within the reach of a normal input.
  package var switchPoints: [Double] { expression.switchPoints(in: -32...32) }

  /// e^(−z²/2) / √(2π).
  private static func normalDensity(_ z: Double) -> Double {
    exp(-z * z / 2) * 0.3989422804014327
  }

  /// Nodes and weights on −1...1.
  private static let gaussLegendre: [(node: Double, weight: Double)] = {
    // The roots of P₅ and 2/((1 − t²)P₅′(t)²), in closed form.
    let inner = (5 - 2 * (10.0 / 7).squareRoot()).squareRoot() / 3
    let outer = (5 + 2 * (10.0 / 7).squareRoot()).squareRoot() / 3
    let innerWeight = (322 + 13 * 70.0.squareRoot()) / 900
    let outerWeight = (322 - 13 * 70.0.squareRoot()) / 900
    return [
      (-outer, outerWeight), (-inner, innerWeight), (0, 128.0 / 225), (inner, innerWeight),
      (outer, outerWeight),
    ]
  }()
}
