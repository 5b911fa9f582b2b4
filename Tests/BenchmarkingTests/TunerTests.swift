import Benchmarking
import Compute
import Tensors
import TestSupport
import Testing

@Suite struct TunerTests {
  private static let tileRows = TunableParameter(
    name: "tileRows", value: 8, candidates: [4, 8, 12])

  private func tuner(
    budget: Duration = .seconds(60), open: @escaping ([String: Int]) throws -> Device
  ) -> Tuner {
    Tuner(budget: budget, candidateLimit: .seconds(60), open: open)
  }

  @Test("A candidate whose results are off is rejected, and its speed not looked at")
  func wrongResults() throws {
    let outcome = try tuner { values in
      WatchedBackend(
        tunableParameters: [Self.tileRows], spoilsProducts: values["tileRows"] == 12
      ).device
    }.run()
    let trial = try #require(outcome.trials.first { $0.value == 12 })
    guard case .wrong(let error) = trial.verdict else {
      Issue.record("12 rows came to \(trial.verdict)")
      return
    }
    #expect(error > 1)
    #expect(!trial.isBest)
    #expect(outcome.values["tileRows"] != 12)
    // The other candidate computes as the usual value does, so its results are right.
    let other = try #require(outcome.trials.first { $0.value == 4 })
    guard case .measured = other.verdict else {
      Issue.record("4 rows came to \(other.verdict)")
      return
    }
    #expect(outcome.trials.count == 2)
    #expect(!outcome.ranOut)
  }

  @Test("A candidate that cannot be launched is rejected with the reason")
  func failingCandidate() throws {
    let outcome = try tuner { values in
      let backend = WatchedBackend(tunableParameters: [Self.tileRows])
      if values["tileRows"] == 4 { backend.refuse { call, _ in call == .multiply } }
      return backend.device
    }.run()
    let trial = try #require(outcome.trials.first { $0.value == 4 })
    guard case .failed(let reason) = trial.verdict else {
      Issue.record("4 rows came to \(trial.verdict)")
      return
    }
    #expect(reason.contains("multiply"))
  }

  @Test("When the budget has ended no candidate is tried")
  func budget() throws {
    let outcome = try tuner(budget: .zero) { _ in
      WatchedBackend(tunableParameters: [Self.tileRows]).device
    }.run()
    #expect(outcome.trials.isEmpty)
    #expect(outcome.ranOut)
    #expect(outcome.values.isEmpty)
  }

  @Test("Only what is named is tuned")
  func only() throws {
    let outcome = try tuner { _ in
      WatchedBackend(tunableParameters: [Self.tileRows]).device
    }.run(only: ["lanes"])
    #expect(outcome.trials.isEmpty)
    #expect(!outcome.ranOut)
  }
}
