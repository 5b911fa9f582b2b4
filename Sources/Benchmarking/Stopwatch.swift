public import Tensors

/// Times what is computed asynchronously: many times at once, until clocks are exact enough.
public struct Stopwatch: Sendable {
  /// Runs are repeated within one measurement until they have taken so long.
  public var leastDuration: Duration
  /// What is to be timed is run for so long before: kernels are built, steps captured, and what was
  /// captured compiled, first.
  public var warmUp: Duration

  /// Creates a stopwatch.
  public init(leastDuration: Duration = .milliseconds(100), warmUp: Duration = .seconds(2)) {
    self.leastDuration = leastDuration
    self.warmUp = warmUp
  }

  /// Runs, and waits each time, until warm: so often, unless that takes four times as long.
  public func warm(leastRuns: Int = 5, _ run: () throws -> Tensor) throws {
    let start = ContinuousClock.now
    var runs = 0
    while runs < 5 || ContinuousClock.now < start + warmUp
      || (runs < leastRuns && ContinuousClock.now < start + warmUp * 4)
    {
      try run().wait()
      runs += 1
    }
  }

  /// The seconds of one run, of many that are waited for together.
  public func seconds(_ run: () throws -> Tensor) throws -> Double {
    var repeats = 1
    while true {
      let duration = try ContinuousClock().measure {
        var last: Tensor?
        for _ in 0..<repeats { last = try run() }
        try last?.wait()
      }
      if duration >= leastDuration { return duration / .seconds(1) / Double(repeats) }
      let factor = leastDuration / max(duration, .microseconds(1))
      repeats = max(2 * repeats, Int(Double(repeats) * factor))
    }
  }
}
