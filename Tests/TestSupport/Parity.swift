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
  /// In float64 they are held to the golden numbers, to `relative` of each tensor's norm. In
  /// float32 the inputs are rounded, so the truth is the reference in float64 on the rounded
  /// inputs; against it, ‖device − truth‖ ≤ 4·‖reference32 − truth‖ + 8·ε·‖truth‖, and the
  /// reference's own float32 is held to `relative` with the ε of float32 in place of float64's.
  public func check(
    in setting: Setting, relative: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let names = ["y"] + inputs.map { "grad_\($0)" }
    let actual = try compute(in: setting, rounding: setting.dtype)
    let truth: [[Double]]
    var tolerances = names.map { _ in Tolerance.norm(relative) }
    if setting.dtype == .float64 {
      truth = names.map { golden.values($0) }
    } else {
      truth = try compute(in: Setting(.reference, .float64), rounding: .float32).map {
        try $0.array(of: Double.self)
      }
      let share = relative / DType.float64.epsilon * setting.epsilon
      if setting.device == .reference {
        tolerances = names.map { _ in .norm(share) }
      } else {
        let yardstick = try compute(in: Setting(.reference, .float32), rounding: .float32)
        tolerances = try zip(yardstick, truth).map { tensor, truth in
          let values = try tensor.array(of: Double.self)
          let error = Closeness.norm(zip(values, truth).map { $0 - $1 })
          let scale = Closeness.norm(truth)
          return .norm((4 * error + 8 * setting.epsilon * scale) / scale)
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
