import Compute
import Foundation
import Tensors

// What `SampleValues` promises: multiples of 2⁻¹⁰, so that float32 and float64 hold the same
// numbers, at least 2⁻⁴ away from kinks.

extension OperationSample {
  /// The sample's inputs, drawn from a key.
  func drawn(_ key: RandomKey) -> [HostInput] {
    inputs.enumerated().map { number, input in
      HostInput(
        name: "input \(number)", shape: input.shape, layout: input.layout,
        isDifferentiable: input.isDifferentiable,
        values: input.values.drawn(input.shape.count, key[number]))
    }
  }
}

extension SampleValues {
  /// The distance that is kept from kinks.
  private static let clearance = 0.0625
  /// The step of the arithmetic progressions: 2⁻³, above two difference steps (2⁻¹⁰·|x|) for
  /// every progression of less than some 500 terms; longer ones are left to shrinking steps.
  private static let gap = 0.125

  /// As many values as asked for; the same key gives the same.
  func drawn(_ count: Int, _ key: RandomKey) -> [Double] {
    switch self {
    case .normal: numbers(count, key) { $0 }
    case .positive: numbers(count, key) { pow(2, 4 * normalDistribution($0) - 2) }
    case .awayFromZero: awayFrom([0], count, key)
    case .awayFrom(let kinks): awayFrom(kinks, count, key)
    case .wide(let kinks): awayFrom(kinks, deviation: 4, count, key)
    case .distinct: progression(count, phase: 0, key)
    case .distinctPhase(let phase): progression(count, phase: phase, key)
    case .shifted(let mean, let deviation): numbers(count, key) { mean + deviation * $0 }
    case .labels(let classes): (0..<count).map { Double(Int(key.block(UInt64($0)).x) % classes) }
    }
  }

  /// Functions of normal numbers, rounded to multiples of 2⁻¹⁰.
  private func numbers(_ count: Int, _ key: RandomKey, _ function: (Double) -> Double) -> [Double] {
    (0..<count).map { onGrid(function(key.normal(UInt64($0)))) }
  }

  /// Normal numbers; one that falls near a kink is drawn again.
  private func awayFrom(
    _ kinks: [Double], deviation: Double = 1, _ count: Int, _ key: RandomKey
  ) -> [Double] {
    (0..<count).map { element in
      for attempt in 0..<256 {
        let value = onGrid(deviation * key[attempt].normal(UInt64(element)))
        if kinks.allSatisfy({ abs(value - $0) >= Self.clearance }) { return value }
      }
      fatalError("sample values: the kinks \(kinks) leave no room for normal numbers")
    }
  }

  private func progression(_ count: Int, phase: Double, _ key: RandomKey) -> [Double] {
    key.permutation(count).map { onGrid(Self.gap * (Double($0 - count / 2) + phase)) }
  }

  private func onGrid(_ value: Double) -> Double { (value * 1024).rounded() / 1024 }

  /// The normal distribution function: makes a normal number uniform.
  private func normalDistribution(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }
}

extension RandomKey {
  /// A normal number for each position, by the Box–Muller transform, in Float64 on the host.
  func normal(_ position: UInt64) -> Double {
    let words = block(position)
    let radius = (-2 * log((Double(words.x) + 1) * 0x1p-32)).squareRoot()
    return radius * cos(2 * .pi * Double(words.y) * 0x1p-32)
  }

  /// Numbers of magnitude ¼ to 1 of either sign, multiples of 2⁻¹⁰: none is zero, no two are alike
  /// but by chance, and their sums are exact.
  ///
  /// A gradient that ignores its cotangent, or an operation whose outputs add up to a constant,
  /// shows under weights like these and not under ones.
  func weights(_ count: Int) -> [Double] {
    (0..<count).map { position in
      let words = block(UInt64(position))
      let magnitude = Double(256 + words.x % 769) / 1024
      return words.y % 2 == 0 ? magnitude : -magnitude
    }
  }
}
