import Compute
import RealModule
package import Tensors

/// Finds how a device divides its work best, one parameter after the other.
///
/// A candidate is a device of its own with one parameter changed. Whether its results are right is
/// looked at before its speed: on odd shapes, beside the reference. Then it is measured in turn with
/// the best so far, and is taken when it is faster by more than what chance does.
public struct Tuner {
  /// Where tuning stands.
  public struct Progress: Sendable {
    /// The share of the budget, or of the candidates, that is used up, 0...1.
    public let share: Double
    /// The candidate that is looked at, such as `tileRows 12`.
    public let candidate: String
  }

  /// What became of a candidate.
  public enum Verdict: Sendable, Hashable, Codable {
    /// It takes this share of the time of the best so far.
    case measured(ratio: Double)
    /// Its results are off, by this many times what rounding explains.
    case wrong(error: Double)
    /// It could not be built, launched or measured in time.
    case failed(reason: String)
  }

  /// A candidate that was tried.
  public struct Trial: Sendable, Hashable, Codable {
    /// The parameter's name.
    public let parameter: String
    /// The value tried.
    public let value: Int
    /// What became of it.
    public let verdict: Verdict
    /// Whether it was taken.
    public let isBest: Bool
  }

  /// What tuning came to.
  public struct Outcome: Sendable {
    /// The values that differ from the usual ones.
    public let values: [String: Int]
    /// Everything that was tried, in order.
    public let trials: [Trial]
    /// Whether the budget ended before the candidates did.
    public let ranOut: Bool
  }

  /// A candidate must be faster by more than this to be taken.
  private static let leastGain = 0.03
  /// Rounds in which a candidate is measured in turn with the best so far.
  private static let rounds = 5

  private let open: (_ values: [String: Int]) throws -> Device
  private let budget: Duration
  private let candidateLimit: Duration

  /// Creates a tuner of the device of a name.
  ///
  /// - Parameters:
  ///   - name: As ``Device/init(named:)`` takes it.
  ///   - budget: When it ends, the best so far is kept.
  ///   - candidateLimit: A candidate that takes longer, from being built to being measured, is left.
  public init(
    device name: String, budget: Duration = .seconds(120),
    candidateLimit: Duration = .seconds(20)
  ) {
    self.init(budget: budget, candidateLimit: candidateLimit) { values in
      try Device(named: name, options: DeviceOptions(tuning: values))
    }
  }

  /// Creates a tuner of what a function opens with parameters set.
  package init(
    budget: Duration, candidateLimit: Duration,
    open: @escaping (_ values: [String: Int]) throws -> Device
  ) {
    self.open = open
    self.budget = budget
    self.candidateLimit = candidateLimit
  }

  /// Tries the candidates of all parameters, or of those named.
  ///
  /// Throws when the device cannot be opened as it usually is.
  public func run(
    only names: [String]? = nil, progress: (Progress) -> Void = { _ in }
  ) throws -> Outcome {
    let start = ContinuousClock.now
    let usual = try open([:])
    let parameters = usual.tunableParameters.filter { names?.contains($0.name) ?? true }
    let candidateCount = parameters.reduce(0) { $0 + $1.candidates.count - 1 }
    var best: [String: Int] = [:]
    var trials: [Trial] = []
    for parameter in parameters {
      let workload = Workload(parameter.name)
      var lead = try Contestant(open(best), workload)
      for value in parameter.candidates where value != parameter.value {
        let elapsed = ContinuousClock.now - start
        guard elapsed < budget else {
          return Outcome(values: best, trials: trials, ranOut: true)
        }
        progress(
          Progress(
            share: max(elapsed / budget, Double(trials.count) / Double(candidateCount)),
            candidate: "\(parameter.name) \(value)"))
        var values = best
        values[parameter.name] = value
        let (verdict, contestant) = judge(values, workload, beside: lead)
        var isBest = false
        if case .measured(let ratio) = verdict, ratio < 1 - Self.leastGain, let contestant {
          best = values
          lead = contestant
          isBest = true
        }
        trials.append(
          Trial(parameter: parameter.name, value: value, verdict: verdict, isBest: isBest))
      }
    }
    return Outcome(values: best, trials: trials, ranOut: false)
  }

  private func judge(
    _ values: [String: Int], _ workload: Workload, beside lead: Contestant
  ) -> (Verdict, Contestant?) {
    let deadline = ContinuousClock.now + candidateLimit
    do {
      let device = try open(values)
      let error = try workload.error(on: device)
      guard error <= 1 else { return (.wrong(error: error), nil) }
      let contestant = try Contestant(device, workload)
      var ratios: [Double] = []
      for _ in 0..<Self.rounds {
        guard ContinuousClock.now < deadline else {
          return (.failed(reason: "it took longer than \(candidateLimit)"), nil)
        }
        let (theirs, ours) = (try contestant.logSeconds(), try lead.logSeconds())
        ratios.append(theirs - ours)
      }
      return (.measured(ratio: Double.exp(ratios.sorted()[Self.rounds / 2])), contestant)
    } catch {
      return (.failed(reason: "\(error)"), nil)
    }
  }
}

/// What a parameter is judged by: cases to measure, and odd ones to check.
private struct Workload {
  let measured: [BenchmarkCase]
  private let checked: [BenchmarkCase]

  init(_ parameter: String) {
    switch parameter {
    case "panelWidth", "tileRows", "tileVectors", "tileItem", "tileDepth":
      measured = [
        .matmul(m: 512, k: 512, n: 512, isLeftTransposed: false, isRightTransposed: false),
        .matmul(m: 128, k: 784, n: 512, isLeftTransposed: false, isRightTransposed: true),
        .matmul(m: 784, k: 128, n: 512, isLeftTransposed: true, isRightTransposed: false),
      ]
      checked = [(false, false), (false, true), (true, false), (true, true)].map {
        .matmul(m: 67, k: 129, n: 131, isLeftTransposed: $0, isRightTransposed: $1)
      }
    case "elementGroup":
      measured = [
        .elementwise(function: "add", shape: [1024, 1024]),
        .elementwise(function: "tanh", shape: [64, 128]), .adam(count: 1 << 17),
      ]
      checked = [
        .elementwise(function: "add", shape: [33, 257]),
        .elementwise(function: "tanh", shape: [1, 1025]),
      ]
    case "streamedBytes":
      measured = [
        .elementwise(function: "relu", shape: [512, 1024]),
        .elementwise(function: "relu", shape: [2048, 2048]), .batchNorm(shape: [512, 2048]),
      ]
      checked = [
        .elementwise(function: "add", shape: [1023, 1025]), .batchNorm(shape: [129, 2049]),
      ]
    case "chainedWork":
      measured = [
        .train(widths: [2, 8, 8, 2], hasBatchNorm: false, batch: 256),
        .train(widths: [64, 128, 64, 10], hasBatchNorm: true, batch: 128),
      ]
      checked = [.train(widths: [7, 9, 3], hasBatchNorm: true, batch: 17)]
    default:
      measured = [
        .batchNorm(shape: [512, 512]), .batchNorm(shape: [32, 16, 28, 28]),
        .sum(overRows: true, shape: [512, 2048]), .sum(overRows: false, shape: [2048, 512]),
        .crossEntropy(shape: [512, 512]),
      ]
      checked = [
        .batchNorm(shape: [129, 33]), .batchNorm(shape: [5, 3, 7, 9]),
        .sum(overRows: true, shape: [33, 1025]), .sum(overRows: false, shape: [1025, 33]),
        .crossEntropy(shape: [33, 65]),
      ]
    }
  }

  /// The largest error of a checked case, in units of what rounding explains.
  ///
  /// Both results are rounded sums of at most 1025 terms; of terms without a common sign, √K·ε bounds
  /// their error relative to the norm but for a small factor, for which 16 stands.
  func error(on device: Device) throws -> Double {
    var largest = 0.0
    for item in checked {
      let (result, expected) = (
        try Self.values(item, on: device), try Self.values(item, on: .reference)
      )
      let bound = 16 * Double(1025).squareRoot() * Double(Float.ulpOfOne) * norm(expected)
      let error = norm(zip(result, expected).map { $0 - $1 })
      guard error.isFinite, result.count == expected.count else { return .infinity }
      largest = max(largest, error / max(bound, .leastNormalMagnitude))
    }
    return largest
  }

  private static func values(_ item: BenchmarkCase, on device: Device) throws -> [Double] {
    try Device.with(device) {
      let run = try item.prepared()
      var values: [Double] = []
      // A captured step is recorded twice before it is replayed.
      for _ in 0..<(item.isStep ? 6 : 1) { values = try run().array(of: Double.self) }
      return values
    }
  }

  private func norm(_ values: [Double]) -> Double {
    values.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }
}

/// A device with the functions that it is measured by, warm.
private struct Contestant {
  private static let stopwatch = Stopwatch(
    leastDuration: .milliseconds(20), warmUp: .milliseconds(50))

  private let runs: [() throws -> Tensor]

  init(_ device: Device, _ workload: Workload) throws {
    runs = try Device.with(device) { try workload.measured.map { try $0.prepared() } }
    for run in runs { try Self.stopwatch.warm(run) }
  }

  /// The mean logarithm of the times: what makes each case count alike.
  func logSeconds() throws -> Double {
    try runs.reduce(0) { $0 + Double.log(try Self.stopwatch.seconds($1)) } / Double(runs.count)
  }
}
