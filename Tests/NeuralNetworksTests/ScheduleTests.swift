import NeuralNetworks
import TestSupport
import Testing

@Suite struct ScheduleTests {
  private static let count = 60

  /// Holds the rates of 60 steps to PyTorch's, from 0.5.
  private func check(
    _ name: String, _ schedule: Schedule, totalSteps: Int = count, reports: [Double] = []
  ) {
    let expected = Golden.training.values("schedule_\(name)")
    #expect(expected.count == Self.count)
    for (step, rate) in expected.enumerated() {
      let factor = schedule.factor(
        step: step, totalSteps: totalSteps, reports: Array(reports.prefix(step)))
      // PyTorch goes from each rate to the next, and gathers a rounding or two in every step.
      expectClose(0.5 * factor, rate, .absolute(64 * 0.5 * 0x1p-52), "\(name), step \(step)")
    }
  }

  @Test("Schedules have PyTorch's learning rates")
  func parity() {
    check("step_7_0.5", .step(every: 7, factor: 0.5, unit: .steps))
    check("exponential_0.9", .exponential(factor: 0.9, unit: .steps))
    check("cosine_60", .cosine)
    check("cosine_60", .cosine(over: 60, unit: .steps), totalSteps: 999)
    check("cosine_59_0.05", .cosine(to: 0.1, over: 59, unit: .steps))
    check(
      "warm_up_cosine_10_60",
      .cosine(to: 0.01, over: 60, unit: .steps).warmingUp(for: 10, from: 0.1))
    check("linear_0.25_1_20", .linear(from: 0.25, to: 1, over: 20, unit: .steps))
    check("linear_0.25_1_20", .constant(unit: .steps).warmingUp(for: 20, from: 0.25))
    check("linear_1_0.1_40", .linear(from: 1, to: 0.1, over: 40, unit: .steps))
    check("one_cycle", .oneCycle(over: 61, unit: .steps))
    check("one_cycle", .oneCycle(), totalSteps: 61)
    check(
      "one_cycle_settings",
      .oneCycle(over: 61, riseShare: 0.45, startDivisor: 10, finalDivisor: 100, unit: .steps))
    let metrics = Golden.training.values("plateau_metrics")
    check("plateau", .reduceOnPlateau(), reports: metrics)
    check(
      "plateau_settings",
      .reduceOnPlateau(factor: 0.5, patience: 3, threshold: 0.02, cooldown: 2, minimum: 0.1),
      reports: metrics)
  }

  @Test("Lengths of epochs are so many times the steps of one")
  func epochs() {
    let pairs: [(Schedule, Schedule)] = [
      (.step(every: 2), .step(every: 20, unit: .steps)),
      (.cosine(over: 3), .cosine(over: 30, unit: .steps)),
      (.linear(over: 5), .linear(over: 50, unit: .steps)),
      (.oneCycle(over: 4), .oneCycle(over: 40, unit: .steps)),
      (
        .step(every: 1.5).warmingUp(for: 0.5),
        .step(every: 15, unit: .steps).warmingUp(for: 5)
      ),
    ]
    for (inEpochs, inSteps) in pairs {
      for step in 0..<Self.count {
        #expect(
          inEpochs.factor(step: step, stepsPerEpoch: 10, totalSteps: 60)
            == inSteps.factor(step: step, stepsPerEpoch: 10, totalSteps: 60))
      }
    }
    // Between epochs an exponential goes on smoothly.
    let exponential = Schedule.exponential(factor: 0.25)
    #expect(exponential.factor(step: 5, stepsPerEpoch: 10, totalSteps: 60) == 0.5)
    #expect(exponential.factor(step: 20, stepsPerEpoch: 10, totalSteps: 60) == 0.0625)
  }

  @Test("Beyond its end a schedule stays, and none is ever negative or NaN")
  func ends() {
    let schedules: [Schedule] = [
      .constant, .step(every: 1), .exponential(factor: 0.5), .linear(), .cosine, .oneCycle(),
      .cosine(over: 0.5), .cosine.warmingUp(for: 100), .oneCycle(over: 0.1),
      .constant.warmingUp(for: 3),
    ]
    for schedule in schedules {
      for total in [0, 1, 2, 7] {
        for step in 0..<20 {
          let factor = schedule.factor(step: step, stepsPerEpoch: 2, totalSteps: total)
          #expect(factor >= 0 && factor <= 1, "\(schedule) \(step) of \(total)")
        }
      }
    }
    #expect(Schedule.cosine(to: 0.25, over: 2).factor(step: 9, totalSteps: 9) == 0.25)
    #expect(Schedule.linear(to: 0.5, over: 2).factor(step: 9, totalSteps: 9) == 0.5)
    #expect(Schedule.constant.isConstant && !Schedule.constant.warmingUp(for: 1).isConstant)
  }
}
