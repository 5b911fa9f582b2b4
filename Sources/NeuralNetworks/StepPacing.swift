import Compute
import Tensors

/// Keeps the host from running far ahead of the device.
///
/// The host waits for a fence when two more stand behind it. A fence stands after each step, or
/// after several where steps take less than a millisecond: a wait costs as much as a short step.
struct StepPacing {
  /// About the time that the device is given between two fences.
  private static let target = Duration.milliseconds(1)
  /// The most steps between two fences.
  private static let longestInterval = 8
  /// The fences that may stand behind one that was not waited for.
  private static let lead = 2

  private let device: Device
  private var fences: [any Fence] = []
  private var interval = 1
  private var stepsSinceFence = 0
  /// When the device had last been waited for.
  private var lastPassed: ContinuousClock.Instant?

  init(on device: Device) { self.device = device }

  /// Follows a step, and waits if it is due.
  mutating func advance() throws {
    stepsSinceFence += 1
    guard stepsSinceFence >= interval else { return }
    stepsSinceFence = 0
    fences.append(try device.fence())
    guard fences.count > Self.lead else { return }
    try fences.removeFirst().wait()
    let now = ContinuousClock.now
    if let lastPassed {
      let step = (now - lastPassed) / interval
      let steps = step > .zero ? Self.target / step : Double(Self.longestInterval)
      interval = max(1, min(Self.longestInterval, Int(steps)))
    }
    lastPassed = now
  }

  /// Forgets the fences, when all has been waited for.
  mutating func reset() {
    fences = []
    lastPassed = nil
  }
}
