import Compute
public import Tensors

/// What an activation costs on a device, in nanoseconds an element.
public struct ActivationCost: Sendable, Hashable, Encodable {
  /// The device.
  public let device: String
  /// Of the function.
  public let forward: Double
  /// Of the gradient, from the cotangent.
  public let backward: Double

  /// The elements of a launch: enough that launching it does not count.
  private static let count = 1 << 20
  /// How often each is measured; the shortest time counts, which other work disturbs least.
  private static let repetitions = 7

  /// Measures an activation of float32 tensors of 2²⁰ elements.
  ///
  /// Building the kernels is not counted. Throws where the device fails.
  public init(of activation: Activation, on device: Device) throws {
    self.device = device.identifier
    let x = Tensor.normal([Self.count], key: RandomKey(seed: 0), on: device)
    try x.wait()
    forward = try Self.nanoseconds { activation(x) }
    // The pullback alone: the function was computed once, before.
    let (_, pullback) = valueWithPullback(at: [x]) { activation($0[0]) }
    backward = try Self.nanoseconds { pullback(x)[0] }
  }

  private static func nanoseconds(_ body: () -> Tensor) throws -> Double {
    try body().wait()
    var best = Duration.seconds(1_000_000)
    for _ in 0..<repetitions {
      let clock = ContinuousClock()
      let start = clock.now
      try body().wait()
      best = min(best, clock.now - start)
    }
    return best / .nanoseconds(1) / Double(count)
  }
}
