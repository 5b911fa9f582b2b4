import Compute
public import Tensors
public import Testing

/// An operation beside what PyTorch computed of it: values, and gradients under `grad_y`.
public struct Parity: Sendable {
  /// The case.
  public let golden: GoldenCase
  /// The tensors of the case that the operation is a function of, in order.
  public let inputs: [String]
  /// The operation.
  public let function: @Sendable ([Tensor]) -> Tensor

  /// Creates a comparison.
  public init(
    _ golden: GoldenCase, _ inputs: [String], function: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.golden = golden
    self.inputs = inputs
    self.function = function
  }

  /// The result and the gradients, computed in a setting from inputs rounded to `rounding`.
  private func compute(in setting: Setting, rounding: DType) throws -> [Tensor] {
    let coarse = Setting(.reference, rounding)
    func input(_ name: String) throws -> Tensor {
      setting.tensor(
        try golden.tensor(name, coarse).array(of: Double.self), golden.shape(name))
    }
    let (y, pullback) = valueWithPullback(at: try inputs.map(input), of: function)
    return [y] + pullback(try input("grad_y"))
  }

  /// Expects values and gradients to be those of PyTorch.
  ///
  /// In float64 they are held to the golden numbers, within `epsilons` units of float64's ε of each
  /// tensor's norm. In float32 the inputs are rounded, so the truth is the reference in float64 on
  /// the rounded inputs. The reference's own float32 is held to it within `epsilons` units of
  /// float32's ε; a device's by ‖device − truth‖ ≤ 4·‖reference32 − truth‖ + 8·ε·‖truth‖.
  public func check(
    in setting: Setting, epsilons: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let names = ["y"] + inputs.map { "grad_\($0)" }
    let actual = try compute(in: setting, rounding: setting.dtype)
    let truth: [[Double]]
    var tolerances = names.map { _ in Tolerance.norm(epsilons * setting.epsilon) }
    if setting.dtype == .float64 {
      truth = names.map { golden.values($0) }
    } else {
      truth = try compute(in: Setting(.reference, .float64), rounding: .float32).map {
        try $0.array(of: Double.self)
      }
      if setting.device != .reference {
        let yardstick = try compute(in: Setting(.reference, .float32), rounding: .float32)
        tolerances = try zip(yardstick, truth).map { tensor, truth in
          .yardstick(try tensor.array(of: Double.self), truth: truth, setting)
        }
      }
    }
    for (position, name) in names.enumerated() {
      #expect(
        actual[position].shape == golden.shape(name), "\(golden.name)/\(name)",
        sourceLocation: sourceLocation)
      try expectClose(
        actual[position], truth[position], tolerances[position], "\(golden.name)/\(name)",
        sourceLocation: sourceLocation)
    }
  }
}

extension Tolerance {
  /// As accurate as the plain program: ‖device − truth‖ ≤ 4·‖reference − truth‖ + 8·ε·‖truth‖.
  ///
  /// - Parameters:
  ///   - reference: What the reference computed in the setting's dtype.
  ///   - truth: What the reference computed in float64 from the same numbers.
  ///   - setting: Where the numbers to be judged come from.
  public static func yardstick(_ reference: [Double], truth: [Double], _ setting: Setting)
    -> Tolerance
  {
    let error = Closeness.norm(zip(reference, truth).map { $0 - $1 })
    let scale = Closeness.norm(truth)
    return .norm((4 * error + 8 * setting.epsilon * scale) / scale)
  }
}
