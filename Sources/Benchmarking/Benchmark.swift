public import Compute
public import Tensors

/// What a case came to on a device.
public struct BenchmarkResult: Sendable, Codable {
  /// The case's line.
  public let name: String
  /// The median of the time of one run.
  public let seconds: Double
  /// The shortest and the longest of the rounds.
  public let fastest: Double, slowest: Double
  /// Floating-point operations a second, where they are counted.
  public let operationsPerSecond: Double?
  /// Bytes a second, where they are counted.
  public let bytesPerSecond: Double?
  /// The share of what the device can do at most, of operations or else of bytes.
  public let shareOfCeiling: Double?
  /// Of a training step: the share of its time in which the device runs kernels, by the device's
  /// clock.
  public let shareOnDevice: Double?
  /// What the kernels of several runs took, the longest first, where they were looked at.
  public let kernels: [KernelTime]?
  /// The time of those runs, in seconds.
  public let profiledSeconds: Double?
}

/// Measures cases on a device, each beside what the device can do at most at that moment.
public struct Benchmark: Sendable {
  private let device: Device
  private let rounds: Int
  private let isProfiling: Bool
  private let stopwatch: Stopwatch

  /// Creates a benchmark; `rounds` measurements are made of each case, and one more with the device
  /// noting what each kernel takes of training steps, or of all where `isProfiling`.
  public init(
    device: Device, rounds: Int = 5, isProfiling: Bool = false, stopwatch: Stopwatch = Stopwatch()
  ) {
    self.device = device
    self.rounds = max(rounds, 1)
    self.isProfiling = isProfiling
    self.stopwatch = stopwatch
  }

  /// Measures a case.
  ///
  /// `ceilings` are those that the result is held to. Throws what goes wrong on the device.
  public func measure(
    _ benchmarkCase: BenchmarkCase, under ceilings: DeviceCeilings?
  ) throws -> BenchmarkResult {
    let times = try sortedTimes(of: benchmarkCase)
    let seconds = median(of: times)
    let operations = benchmarkCase.operationCount.map { $0 / seconds }
    let bytes = benchmarkCase.byteCount.map { $0 / seconds }
    let share = ceilings.flatMap { ceilings in
      operations.map { $0 / ceilings.operationsPerSecond }
        ?? bytes.map { $0 / ceilings.bytesPerSecond }
    }
    let profile = isProfiling || benchmarkCase.isStep ? try profile(of: benchmarkCase) : nil
    return BenchmarkResult(
      name: benchmarkCase.description, seconds: seconds, fastest: times[0],
      slowest: times[rounds - 1], operationsPerSecond: operations, bytesPerSecond: bytes,
      shareOfCeiling: share,
      shareOnDevice: benchmarkCase.isStep
        ? profile.map { $0.kernels.reduce(0) { $0 + $1.seconds } / $0.seconds } : nil,
      kernels: isProfiling ? profile?.kernels : nil,
      profiledSeconds: isProfiling ? profile?.seconds : nil)
  }

  /// The median of the time of a case.
  func medianSeconds(of benchmarkCase: BenchmarkCase) throws -> Double {
    median(of: try sortedTimes(of: benchmarkCase))
  }

  private func sortedTimes(of benchmarkCase: BenchmarkCase) throws -> [Double] {
    try Device.with(device) {
      let run = try benchmarkCase.prepared()
      try stopwatch.warm(leastRuns: benchmarkCase.leastWarmRuns, run)
      return try (0..<rounds).map { _ in try stopwatch.seconds(run) }.sorted()
    }
  }

  private func median(of times: [Double]) -> Double {
    (times[(times.count - 1) / 2] + times[times.count / 2]) / 2
  }

  /// What the kernels of several runs take, and how long these are; nil where the device has no
  /// clock.
  private func profile(
    of benchmarkCase: BenchmarkCase
  ) throws -> (kernels: [KernelTime], seconds: Double)? {
    let device = try Device(
      named: device.identifier,
      options: DeviceOptions(isProfiling: true, matMulPrecision: device.matMulPrecision))
    return try Device.with(device) {
      let run = try benchmarkCase.prepared()
      try stopwatch.warm(leastRuns: benchmarkCase.leastWarmRuns, run)
      try device.wait()
      let before = device.statistics.kernelTimes
      let elapsed = try ContinuousClock().measure {
        let count = max(1, Int(0.3 / max(try stopwatch.seconds(run), 1e-6)))
        for _ in 0..<count { _ = try run() }
        try device.wait()
      }
      let times = device.statistics.kernelTimes.subtracting(before)
      return times.isEmpty ? nil : (times, elapsed / .seconds(1))
    }
  }
}

extension BenchmarkCase {
  /// The runs before a case is as fast as it becomes: a step's small launches are compiled into one
  /// kernel at its 512th replay.
  public var leastWarmRuns: Int { isStep ? 520 : 5 }

  /// Whether it is a training step.
  public var isStep: Bool {
    switch self {
    case .train, .convolutionalNetwork: true
    default: false
    }
  }
}
