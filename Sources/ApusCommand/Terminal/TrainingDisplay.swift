import Foundation
import NeuralNetworks

/// Shows how a training comes along: a table of epochs, and below it on a terminal a bar.
final class TrainingDisplay {
  private let plan: TrainingPlan
  private let hasHeldOut: Bool
  private let write: (String) throws -> Void
  private let bar: ProgressBar?
  private var lastLine: ContinuousClock.Instant?

  /// Of long trainings a line stands for several epochs, unless an epoch takes its time.
  private static let mostLines = 20
  private static let patience = Duration.seconds(5)

  /// Creates a display that writes its lines with `write`, and a bar if asked to and on a terminal.
  init(
    _ plan: TrainingPlan, hasHeldOut: Bool, drawsBar: Bool,
    write: @escaping (String) throws -> Void
  ) {
    self.plan = plan
    self.hasHeldOut = hasHeldOut
    self.write = write
    bar = drawsBar ? ProgressBar() : nil
  }

  /// Writes the headings.
  func begin() throws {
    guard plan.epochs > 0 else { return }
    try write(
      line(
        ["epoch", "training loss"] + (hasHeldOut ? ["held-out loss", "held-out accuracy"] : [])
          + (showsLearningRate ? ["learning rate"] : [])))
  }

  /// Moves the bar.
  func show(_ progress: TrainingProgress) {
    let steps = (progress.epoch - 1) * progress.stepsPerEpoch + progress.step
    bar?.draw(
      Double(steps) / Double(plan.epochs * progress.stepsPerEpoch),
      label: "epoch \(progress.epoch) of \(plan.epochs)")
  }

  /// Writes the line of an epoch, if it is one of those that get one.
  func show(_ report: EpochReport) throws {
    let interval = (plan.epochs + Self.mostLines - 1) / Self.mostLines
    let now = ContinuousClock.now
    let isLate = lastLine.map { now - $0 > Self.patience } ?? true
    guard report.epoch.isMultiple(of: interval) || report.epoch == plan.epochs || isLate else {
      return
    }
    lastLine = now
    bar?.clear()
    try write(
      line(
        ["\(report.epoch)", lossText(report.trainingLoss)]
          + [
            report.validationLoss.map(lossText), report.validationAccuracy.map(percentage),
            showsLearningRate ? lossText(report.learningRate) : nil,
          ].compactMap { $0 }))
  }

  /// Takes the bar away.
  func end() { bar?.clear() }

  /// Whether the learning rate changes, so that it is shown.
  private var showsLearningRate: Bool { !plan.schedule.isConstant }

  private func line(_ cells: [String]) -> String {
    let widths = [5, 15] + (hasHeldOut ? [15, 19] : []) + [15]
    return zip(cells, widths).map { cell, width in
      String(repeating: " ", count: max(width - cell.count, 0)) + cell
    }.joined()
  }
}
