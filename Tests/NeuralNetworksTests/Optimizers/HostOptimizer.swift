import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// A module of two parameters, trained beside plain loops over numbers on the host.
final class TwoParameters: Module {
  @Parameter(shape: [3], initializer: .zeros) var first: Tensor
  @Parameter(shape: [2, 2], initializer: .zeros) var second: Tensor

  /// The parameters' numbers, one after the other.
  func numbers() throws -> [Double] { try first.array() + second.array() }
}

/// Follows an optimiser step by step with a rule for one number in Float64.
///
/// - Parameters:
///   - rule: The new value of a number from its old one, its gradient, the step from 1 and the
///     number's own states.
func expectTrajectory(
  _ setting: Setting, steps: Int = 20, seed: UInt64 = 1, _ label: String,
  _ make: (Module) -> Optimizer,
  rule: (_ p: Double, _ g: Double, _ step: Int, _ states: inout [Double]) -> Double
) throws {
  var random = SeededGenerator(seed)
  let start = random.values(7)
  let module = TwoParameters()
  module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
  module.$first.assign(setting.tensor(Array(start[..<3])))
  module.$second.assign(setting.tensor(Array(start[3...]), [2, 2]))
  let optimizer = make(module)
  var expected = start
  var states = [[Double]](repeating: [0, 0], count: 7)
  for step in 1...steps {
    let slopes = random.values(7)
    let (slope1, slope2) = (
      setting.tensor(Array(slopes[..<3])), setting.tensor(Array(slopes[3...]), [2, 2])
    )
    // The gradient is slope + 0.25·p.
    let (_, gradients) = valueWithGradient(of: module) {
      let (p, q) = (module.first, module.second)
      return (p * slope1 + 0.125 * p * p).sum() + (q * slope2 + 0.125 * q * q).sum()
    }
    optimizer.update(gradients)
    for i in 0..<7 {
      expected[i] = rule(expected[i], slopes[i] + 0.25 * expected[i], step, &states[i])
    }
    let closeness = Closeness(
      try module.numbers(), expected, .norm(32 * Double(step) * setting.epsilon),
      dtype: setting.dtype)
    #expect(closeness.holds, "\(label), step \(step) in \(setting): \(closeness)")
  }
  #expect(try optimizer.stepCount() == steps)
  #expect(optimizer.failure == nil)
}
