import Compute
import Tensors

/// The comparison of a device's values and gradients with the reference's, for one sample.
struct SampleParity {
  private let trial: SampleTrial
  private let device: Device

  init(_ trial: SampleTrial, device: Device) {
    self.trial = trial
    self.device = device
  }

  /// Compares the results of a dtype.
  ///
  /// The truth is the reference in Float64, on the same numbers.
  func check(_ operation: String, _ dtype: DType) -> CheckReport {
    var report = CheckReport(operation, .parity(dtype))
    report.sampleCount = 1
    do {
      let truth = try trial.results(.float64, on: .reference)
      let tolerance = try ParityTolerance(trial, truth: truth, dtype: dtype)
      let results: SampleResults
      do {
        results = try trial.results(dtype, on: device, cotangentLayout: cotangentLayout)
      } catch {
        report.findings.append(
          Finding(.execution, "\(trial.name): \(device.identifier) failed: \(error)"))
        return report
      }
      compare(results, truth, tolerance, &report)
    } catch {
      report.findings.append(Finding(.execution, "\(trial.name): the reference failed: \(error)"))
    }
    return report
  }

  /// A cotangent with gaps where an input does not lie row by row: a kernel reads each as it lies,
  /// and drivers may be slow to build one for each combination.
  private var cotangentLayout: SampleInput.Layout {
    trial.points.allSatisfy { $0.layout == .contiguous } ? .contiguous : .sliced
  }

  private func compare(
    _ results: SampleResults, _ truth: SampleResults, _ tolerance: ParityTolerance,
    _ report: inout CheckReport
  ) {
    for (number, (actual, expected)) in zip(results.tensors, truth.tensors).enumerated() {
      guard actual.shape == expected.shape, actual.values.count == expected.values.count else {
        report.findings.append(
          Finding(
            .parity,
            """
            \(trial.name): the \(expected.name) has shape \(actual.shape), on the reference \
            \(expected.shape)
            """))
        continue
      }
      guard !expected.values.isEmpty else { continue }
      var worst: Discrepancy?
      for discrepancy in tolerance.discrepancies(actual, expected, number)
      where discrepancy.units > worst?.units ?? -1 { worst = discrepancy }
      guard let worst else { continue }
      report.compare(worst, count: actual.values.count)
      guard !worst.isAccepted else { continue }
      report.findings.append(
        Finding(
          .parity,
          """
          \(worst.place): \(device.identifier) \(worst.actual), reference \(worst.expected); \
          off by \(worst.units.brief) times the tolerance \(worst.tolerance.brief)
          """, worst))
    }
  }
}
