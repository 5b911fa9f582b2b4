import Compute
public import Tensors

/// The check of every operation: its gradient, its conventions at kinks, and a device's results.
///
///     let suite = GradientCheckSuite(device: try Device(named: "opencl"), seed: 7)
///     let report = suite.run { print($0.completed, "of", $0.total, $0.report.operation) }
///     print(report)
///     precondition(report.passed)
///
/// Each operation is tried on samples of many shapes and layouts, which the seed determines:
///
/// - **gradient**: the analytic gradient against finite differences, on the reference in Float64;
///   see ``checkGradients(at:name:mode:seed:of:)-([Tensor],_,_,_,_)``.
/// - **convention**: the gradient at kinks against what is documented, exactly; on the reference
///   and the device.
/// - **float64** and **float32**: the device's values and gradients in that dtype against the
///   reference's in Float64; see ``SampleAccuracy`` for how near they must be. Not run where the
///   device is the reference, or cannot compute in that dtype.
public struct GradientCheckSuite: Sendable {
  /// The device whose results are compared with the reference's.
  public let device: Device
  /// What determines shapes, values and cotangents.
  public let seed: UInt64
  /// How thoroughly gradients are compared with finite differences.
  public let mode: GradientCheckMode

  private let operations: [any OperationFamily]
  private let conventions: [KinkConvention]
  private let deviceStride: Int

  /// Creates the check of all operations of the given families.
  ///
  /// - Parameters:
  ///   - device: The device whose results are compared with the reference's.
  ///   - families: All of them, or `OperationFamilies.named(_:)`, or one's own.
  ///   - conventions: What is documented of these operations at kinks.
  ///   - seed: Of shapes, values and cotangents.
  ///   - mode: How thoroughly gradients are compared with finite differences.
  ///   - deviceStride: Of an operation's samples, every how many-th is computed on the device. Each
  ///     has kernels of its own, and building them takes most of the time of a first run.
  public init(
    device: Device = .current, families: [any OperationFamily.Type] = OperationFamilies.all,
    conventions: [KinkConvention] = KinkConvention.all, seed: UInt64 = 0,
    mode: GradientCheckMode = .automatic(), deviceStride: Int = 1
  ) {
    require(
      deviceStride >= 1, "GradientCheckSuite: the device's stride is \(deviceStride), not 1 or more"
    )
    self.device = device
    self.deviceStride = deviceStride
    self.seed = seed
    self.mode = mode
    self.conventions = conventions
    func all<Family: OperationFamily>(of family: Family.Type) -> [any OperationFamily] {
      Array(Family.allCases)
    }
    operations = families.flatMap { all(of: $0) }
  }

  /// How far a run has come.
  public struct Progress: Sendable {
    /// What the operation that was just checked came to.
    public let report: OperationReport
    /// The number of operations checked.
    public let completed: Int
    /// The number of operations to check.
    public let total: Int
  }

  /// Checks all operations, one after another.
  ///
  /// - Parameter progress: Called after each operation.
  /// - Returns: The report; failures of the device are among its findings.
  public func run(progress: (Progress) -> Void = { _ in }) -> SuiteReport {
    var reports: [OperationReport] = []
    for operation in operations {
      let report = check(operation)
      reports.append(report)
      progress(Progress(report: report, completed: reports.count, total: operations.count))
    }
    return SuiteReport(
      device: device.identifier, deviceName: device.name, seed: seed, mode: "\(mode)",
      operations: reports)
  }

  private func check(_ operation: any OperationFamily) -> OperationReport {
    let name = operation.qualifiedName
    let key = RandomKey(seed: seed)["gradient check suite"][name]
    var source = SampleSource(seed: seed, operation: name)
    var gradient = CheckReport(name, .gradient)
    var parities = [DType.float64, .float32].map { dtype in
      (dtype: dtype, report: CheckReport(name, .parity(dtype), reasonNotRun: obstacle(to: dtype)))
    }
    for (number, sample) in operation.samples(&source).enumerated() {
      let trial = SampleTrial(sample, number: number, key: key[number])
      gradient.merge(trial.checkGradient(name, mode))
      guard number.isMultiple(of: deviceStride) else { continue }
      let parity = SampleParity(trial, device: device)
      for index in parities.indices where parities[index].report.reasonNotRun == nil {
        parities[index].report.merge(parity.check(name, parities[index].dtype))
      }
    }
    var checks = [gradient]
    if let conventions = checkConventions(operation) { checks.append(conventions) }
    return OperationReport(
      family: type(of: operation).name, operation: name, checks: checks + parities.map(\.report))
  }

  /// Why the device cannot be compared with the reference in a dtype; nil when it can.
  private func obstacle(to dtype: DType) -> String? {
    if device == .reference { return "\(device.identifier) is the reference itself" }
    return device.supports(dtype) ? nil : "\(device.identifier) has no \(dtype)"
  }

  /// Checks the documented gradients at kinks; nil for an operation without any.
  private func checkConventions(_ operation: any OperationFamily) -> CheckReport? {
    let conventions = conventions.filter { $0.isOf(operation) }
    guard !conventions.isEmpty else { return nil }
    var report = CheckReport(operation.qualifiedName, .convention)
    for convention in conventions {
      report.merge(convention.check(.float64, on: .reference))
      report.merge(convention.check(.float32, on: device))
      if obstacle(to: .float64) == nil { report.merge(convention.check(.float64, on: device)) }
    }
    return report
  }
}

extension CheckReport.Comparison {
  /// The comparison of a device's results in a dtype with the reference's.
  static func parity(_ dtype: DType) -> CheckReport.Comparison {
    dtype == .float64 ? .float64 : .float32
  }
}

/// A sample with its numbers drawn.
struct SampleTrial {
  let sample: OperationSample
  let points: [HostInput]
  let key: RandomKey
  /// The sample for reports: its number, label, and the shapes and layouts of its inputs.
  let name: String

  init(_ sample: OperationSample, number: Int, key: RandomKey) {
    self.sample = sample
    self.key = key
    points = sample.drawn(key["inputs"])
    let label = sample.label.isEmpty ? "" : " '\(sample.label)'"
    name = "sample \(number)\(label) " + points.map(\.summary).joined(separator: ", ")
  }

  /// Compares the gradient with finite differences, on the reference in Float64.
  func checkGradient(_ operation: String, _ mode: GradientCheckMode) -> CheckReport {
    do {
      return try GradientCheck(
        points: points, device: .reference, mode: mode, key: key["gradient check"],
        function: sample.function
      ).run(operation, sample: name)
    } catch {
      var report = CheckReport(operation, .gradient)
      report.sampleCount = 1
      report.findings = [Finding(.execution, "\(name): the reference failed: \(error)")]
      return report
    }
  }
}
