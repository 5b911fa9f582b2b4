import Compute
import Foundation
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// A training that was interrupted goes on as if it had not been.
@Suite struct TrainingCheckpointTests {
  private static let makes: [(name: String, make: @Sendable (Module) -> Optimizer)] = [
    ("SGD", { SGD($0, learningRate: 0.1, momentum: 0.9, isNesterov: true) }),
    ("RMSProp", { RMSProp($0, momentum: 0.5, isCentered: true) }),
    ("AMSGrad", { AdamW($0, learningRate: 0.02, isAMSGrad: true) }),
    (
      "NAdam",
      {
        NAdam(
          $0, learningRate: 0.02, regularization: .init(l1: 1e-3, maxNorm: 1, clipNorm: 0.5),
          groups: [ParameterGroup("*.bias", learningRateFactor: 2)])
      }
    ),
  ]

  /// A network with all that a resumed training could forget: statistics, and dropout's draws.
  private func model(_ setting: Setting) throws -> Sequential {
    try Sequential(input: [3], seed: 1, on: setting.device, dtype: setting.dtype) {
      Linear(8)
      BatchNorm()
      ReLU()
      Dropout(0.25)
      Linear(2)
    }
  }

  private func examples(_ setting: Setting) -> Examples {
    var random = SeededGenerator(5)
    return Examples(
      inputs: setting.tensor(random.values(39), [13, 3]),
      targets: Tensor(
        random.integers(13, in: 0...1).map { Int32($0) }, shape: [13], on: setting.device))
  }

  private struct Interruption: Error {}

  @Test(
    "It goes on with the same bits, whatever the optimiser and the schedule", arguments: Setting.all
  )
  func resuming(setting: Setting) throws {
    let examples = examples(setting)
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors")
    defer { try? FileManager.default.removeItem(at: file) }
    let schedules: [Schedule] = [
      .cosine.warmingUp(for: 1), .reduceOnPlateau(factor: 0.5, patience: 0, threshold: 0.2),
      .oneCycle(), .step(every: 1, factor: 0.5),
    ]
    for ((name, make), schedule) in zip(Self.makes, schedules) {
      let plan = TrainingPlan(epochs: 5, batchSize: 4, seed: 2, schedule: schedule)
      func train(
        _ model: Sequential, _ optimizer: Optimizer, resuming checkpoint: TrainingCheckpoint? = nil,
        until last: Int = .max
      ) throws -> [EpochReport] {
        var history = checkpoint?.history ?? []
        do {
          try NeuralNetworks.train(
            model, with: optimizer, loss: .crossEntropy, on: examples, validation: examples,
            plan: plan, resuming: checkpoint,
            observe: { report in
              history.append(report)
              guard report.epoch < last else { throw Interruption() }
            })
        } catch is Interruption {}
        return history
      }
      let whole = try model(setting)
      let wholeOptimizer = make(whole)
      let expected = try train(whole, wholeOptimizer)
      #expect(expected.count == 5)
      #expect(Set(expected.map(\.learningRate)).count > 1, "\(name)")

      let first = try model(setting)
      let firstOptimizer = make(first)
      let begun = try train(first, firstOptimizer, until: 2)
      #expect(begun.count == 2)
      try TrainingCheckpoint(first, firstOptimizer, history: begun).write(to: file)

      let second = try model(setting)
      let secondOptimizer = make(second)
      let reports = try train(
        second, secondOptimizer, resuming: TrainingCheckpoint(contentsOf: file))
      #expect(reports == expected, "\(name) in \(setting)")
      #expect(try second.savedState() == whole.savedState(), "\(name) in \(setting)")
      #expect(
        try secondOptimizer.savedState() == wholeOptimizer.savedState(), "\(name) in \(setting)")
      #expect(try secondOptimizer.stepCount() == 15)
    }
  }

  @Test("An optimiser's state is named by parameter, and another's is refused, changing nothing")
  func optimizerState() throws {
    let setting = Setting(.reference, .float32)
    let model = try model(setting)
    let optimizer = Adam(model)
    let saved = try optimizer.savedState()
    #expect(
      saved.arrays.map(\.name) == model.parameters.keys.flatMap {
        ["\($0).exp_avg", "\($0).exp_avg_sq"]
      } + ["step"])
    let other = SGD(model, learningRate: 0.25, momentum: 0.5)
    let error = #expect(throws: CheckpointError.self) { try other.load(saved, from: "a file") }
    let text = error?.description ?? ""
    #expect(
      text.hasPrefix(
        "a file does not hold this optimiser's values; 6 missing: 0.weight.momentum_buffer [8, 3], "
      ))
    #expect(text.contains("12 unexpected: 0.weight.exp_avg [8, 3]"))
  }

  @Test("A checkpoint of another model or another file is refused")
  func refusals() throws {
    let setting = Setting(.reference, .float32)
    let model = try model(setting)
    let optimizer = SGD(model, learningRate: 0.1)
    let checkpoint = try TrainingCheckpoint(model, optimizer, history: [])
    let other = Sequential([Linear(4)])
    _ = try other.build(input: [3])
    other.initialize(seed: 1, on: .reference)
    let error = #expect(throws: CheckpointError.self) {
      try checkpoint.restore(other, SGD(other, learningRate: 0.1))
    }
    #expect(
      error?.description.contains("does not hold this model's values; ") == true)

    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors")
    defer { try? FileManager.default.removeItem(at: file) }
    try model.save(to: file)
    let notOne = #expect(throws: TrainingCheckpointError.self) {
      try TrainingCheckpoint(contentsOf: file)
    }
    #expect(notOne?.source == file.relativePath)
  }
}
