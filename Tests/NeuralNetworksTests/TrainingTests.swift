import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

import func Foundation.log

@Suite struct TrainingTests {
  private func model(_ setting: Setting, outputs: Int = 3) throws -> Sequential {
    try Sequential(input: [4], seed: 2, on: setting.device, dtype: setting.dtype) {
      Linear(8)
      BatchNorm()
      ReLU()
      Linear(outputs)
    }
  }

  private func examples(_ count: Int, _ setting: Setting, seed: UInt64 = 1) -> Examples {
    var random = SeededGenerator(seed)
    return Examples(
      inputs: random.tensor([count, 4], setting),
      targets: Tensor(
        random.integers(count, in: 0...2), shape: [count], dtype: .int32, on: setting.device))
  }

  // MARK: Plans and examples

  @Test("The batches of an epoch: the last may be short, but not a single example")
  func batches() {
    func sizes(_ count: Int, _ size: Int) -> [Int] {
      let batches = TrainingPlan(epochs: 1, batchSize: size).batches(of: count)
      var next = 0
      for batch in batches {
        #expect(batch.lowerBound == next)
        next = batch.upperBound
      }
      #expect(next == count)
      return batches.map(\.count)
    }
    #expect(sizes(12, 4) == [4, 4, 4])
    #expect(sizes(14, 4) == [4, 4, 4, 2])
    #expect(sizes(13, 4) == [4, 4, 5])
    #expect(sizes(3, 4) == [3])
    #expect(sizes(1, 4) == [1])
    #expect(sizes(5, 4) == [5])
    #expect(sizes(3, 1) == [1, 1, 1])
    #expect(sizes(3, 0) == [1, 1, 1])
    #expect(sizes(0, 4) == [])
  }

  @Test("Examples are gathered by number, and sliced without a launch", arguments: TestDevices.all)
  func selection(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let setting = Setting(device, .float32)
    let examples = Examples(
      inputs: setting.range([4, 2]), targets: Tensor([5, 6, 7, 8], dtype: .int64, on: device))
    #expect(examples.count == 4)
    let before = device.statistics.launches
    let slice = examples.slice(1..<3)
    #expect(device.statistics.launches == before)
    try expectEqual(slice.inputs, [2, 2], [2, 3, 4, 5])
    try expectEqual(slice.targets, [2], [6, 7])
    let gathered = examples.gather(Tensor([3, 0, 3], dtype: .int32, on: device))
    try expectEqual(gathered.inputs, [3, 2], [6, 7, 0, 1, 6, 7])
    #expect(try gathered.targets.array(of: Int.self) == [8, 5, 8])
    #expect(gathered.targets.dtype == .int64)
  }

  // MARK: The loop

  @Test("An epoch is its steps in order, shuffled by seed and epoch or not", arguments: Setting.all)
  func epochs(setting: Setting) throws {
    let examples = examples(13, setting)
    for shuffles in [false, true] {
      let plan = TrainingPlan(epochs: 3, batchSize: 4, shuffles: shuffles, seed: 6)
      let trained = try model(setting)
      var reports: [EpochReport] = []
      var progress: [[Int]] = []
      try NeuralNetworks.train(
        trained, with: Adam(trained), loss: .crossEntropy, on: examples, plan: plan,
        observe: { reports.append($0) },
        progress: { progress.append([$0.epoch, $0.step, $0.stepsPerEpoch]) })

      let byHand = try model(setting)
      let step = TrainingStep<Examples>(byHand, Adam(byHand)) {
        crossEntropy(byHand($0.inputs), $0.targets)
      }
      var expectedProgress: [[Int]] = []
      for epoch in 1...3 {
        let order =
          shuffles ? RandomKey(seed: 6)["order"][epoch].permutation(13) : Array(0..<13)
        var total = 0.0
        for (number, range) in [0..<4, 4..<8, 8..<13].enumerated() {
          let rows = Tensor(
            order[range].map { Int32($0) }, shape: [range.count], on: setting.device)
          total += try step(examples.gather(rows)).item(of: Double.self) * Double(range.count) / 13
          expectedProgress.append([epoch, number + 1, 3])
        }
        let report = reports[epoch - 1]
        #expect(report.epoch == epoch)
        #expect(report.steps == 3 * epoch)
        #expect(report.validationLoss == nil)
        #expect(report.validationAccuracy == nil)
        expectClose(report.trainingLoss, total, .norm(16 * setting.epsilon), "epoch \(epoch)")
      }
      try step.finish()
      #expect(progress == expectedProgress)
      #expect(try trained.savedState() == byHand.savedState())
      #expect(trained.mode == .evaluation)
    }
  }

  @Test("The same plan gives the same bits, and another seed others", arguments: Setting.all)
  func reproducible(setting: Setting) throws {
    let examples = examples(13, setting)
    func run(_ seed: UInt64, shuffles: Bool = true) throws -> Safetensors {
      let model = try model(setting)
      try NeuralNetworks.train(
        model, with: SGD(model, learningRate: 0.1), loss: .crossEntropy, on: examples,
        plan: .init(epochs: 2, batchSize: 4, shuffles: shuffles, seed: seed))
      return try model.savedState()
    }
    let first = try run(1)
    #expect(try run(1) == first)
    #expect(try run(2) != first)
    #expect(try run(1, shuffles: false) == run(2, shuffles: false))
  }

  @Test("Validation is looked at after each epoch, and changes nothing", arguments: Setting.all)
  func validation(setting: Setting) throws {
    let (examples, held) = (examples(12, setting), examples(7, setting, seed: 2))
    let plan = TrainingPlan(epochs: 2, batchSize: 5, seed: 1)
    func train(_ validation: Examples?, _ observe: (Sequential, EpochReport) throws -> Void) throws
      -> Safetensors
    {
      let model = try model(setting)
      try NeuralNetworks.train(
        model, with: Adam(model), loss: .crossEntropy, on: examples, validation: validation,
        plan: plan, observe: { try observe(model, $0) })
      return try model.savedState()
    }
    let plain = try train(nil) { _, _ in }
    let validated = try train(held) { model, report in
      let scores = try evaluate(model, loss: .crossEntropy, on: held)
      expectClose(
        report.validationLoss ?? .nan, scores.loss, .norm(8 * setting.epsilon), "validation loss")
      #expect(report.validationAccuracy == scores.accuracy)
    }
    #expect(validated == plain)
  }

  @Test("A training of no epochs does nothing", arguments: Setting.all)
  func noEpochs(setting: Setting) throws {
    let model = try model(setting)
    let before = try model.savedState()
    try NeuralNetworks.train(
      model, with: Adam(model), loss: .crossEntropy, on: examples(5, setting),
      plan: .init(epochs: 0, batchSize: 2), observe: { _ in Issue.record("an epoch was made") },
      progress: { _ in Issue.record("a step was made") })
    #expect(try model.savedState() == before)
    #expect(model.mode == .evaluation)
  }

  @Test("What the observer throws stops the training", arguments: Setting.all)
  func stopping(setting: Setting) throws {
    struct Enough: Error {}
    let model = try model(setting)
    var epochs = 0
    #expect(throws: Enough.self) {
      try NeuralNetworks.train(
        model, with: Adam(model), loss: .crossEntropy, on: examples(5, setting),
        plan: .init(epochs: 10, batchSize: 2),
        observe: { report in
          epochs += 1
          if report.epoch == 2 { throw Enough() }
        })
    }
    #expect(epochs == 2)
    #expect(model.mode == .evaluation)
  }

  @Test("A learning rate that is too high is stopped with advice", arguments: Setting.all)
  func divergence(setting: Setting) throws {
    let model = try Sequential(input: [4], seed: 1, on: setting.device, dtype: setting.dtype) {
      Linear(4)
      Activation.square
      Linear(1)
    }
    var random = SeededGenerator(1)
    let examples = Examples(
      inputs: random.tensor([8, 4], setting), targets: random.tensor([8, 1], setting))
    let optimizer = SGD(model, learningRate: 100)
    let error = #expect(throws: TrainingError.self) {
      try NeuralNetworks.train(
        model, with: optimizer, loss: .meanSquaredError, on: examples,
        plan: .init(epochs: 100, batchSize: 4))
    }
    #expect(error?.description.contains("try a learning rate below 100.0") == true)
    // The parameters are those of the last finite step.
    for (path, parameter) in model.parameters {
      #expect(try parameter.value.array(of: Double.self).allSatisfy { $0.isFinite }, "\(path)")
    }
    guard case .nonFiniteLoss(_, let step, _)? = error else { return }
    #expect(try optimizer.stepCount() == step - 1)
    #expect(model.mode == .evaluation)
  }

  // MARK: Evaluating

  @Test("Predictions are those of evaluation, whatever the batches", arguments: Setting.all)
  func predictions(setting: Setting) throws {
    let model = try model(setting)
    let examples = examples(7, setting)
    _ = model(examples.inputs)
    model.mode = .evaluation
    let expected = try model(examples.inputs).array(of: Double.self)
    model.mode = .training
    let before = try model.savedState()
    for batchSize in [1, 3, 7, 100, 0] {
      let output = predict(model, examples.inputs, batchSize: batchSize)
      #expect(output.shape == [7, 3])
      // Products of other shapes may be added up in another order.
      try expectClose(output, expected, .norm(8 * setting.epsilon), "\(batchSize)")
    }
    #expect(model.mode == .training)
    #expect(try model.savedState() == before)
    #expect(predict(model, examples.inputs[0..<0]).shape == [0, 3])
  }

  /// A network that gives its input.
  private func identity(_ setting: Setting) -> Sequential {
    let model = Sequential([ActivationLayer(.identity)])
    model.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    return model
  }

  @Test("Losses and accuracies of known outputs", arguments: Setting.all)
  func scores(setting: Setting) throws {
    let model = identity(setting)
    let logits = setting.tensor([[2, 0, 0], [0, 3, 0], [1, 0, 0]])
    let classes = Examples(
      inputs: logits, targets: Tensor([0, 1, 2], dtype: .int64, on: setting.device))
    let crossEntropy = try evaluate(model, loss: .crossEntropy, on: classes)
    #expect(crossEntropy.accuracy == 2.0 / 3)
    expectClose(
      crossEntropy.loss,
      (log(7.38905609893065 + 2) - 2 + log(20.085536923187668 + 2) - 3 + log(2.718281828459045 + 2))
        / 3,
      .norm(16 * setting.epsilon), "cross-entropy")

    let binary = Examples(
      inputs: setting.tensor([[0.5], [-1], [2], [0]]),
      targets: Tensor([1, 0, 0, 0], dtype: .int32, on: setting.device))
    let scores = try evaluate(model, loss: .binaryCrossEntropy, on: binary)
    // A logit of 0 predicts 0.
    #expect(scores.accuracy == 0.75)

    let squared = Examples(
      inputs: setting.tensor([[1, 0], [0.5, 0.75]]),
      targets: Tensor([0, 0], dtype: .uint8, on: setting.device))
    let squaredScores = try evaluate(model, loss: .meanSquaredError, on: squared)
    #expect(squaredScores.accuracy == 0.5)
    #expect(squaredScores.loss == (0.25 + 0.5625) / 4)
    let values = Examples(
      inputs: setting.tensor([[1, 0], [2, 4]]), targets: setting.tensor([[1, 2], [2, 0]]))
    let valueScores = try evaluate(model, loss: .meanSquaredError, on: values)
    #expect(valueScores.accuracy == nil)
    #expect(valueScores.loss == 5)

    let plain = Loss("mean") { output, _ in output.mean() }
    let plainScores = try evaluate(model, loss: plain, on: classes)
    #expect(plainScores.accuracy == nil)
    expectClose(plainScores.loss, 2.0 / 3, .norm(4 * setting.epsilon), "mean")
  }

  @Test("A small problem is learned, on every device alike", arguments: Setting.all)
  func learning(setting: Setting) throws {
    // Which of three corners a point is near.
    var random = SeededGenerator(3)
    let corners = [[2.0, 0], [-2, 2], [-2, -2]]
    let labels = (0..<60).map { $0 % 3 }
    let points = labels.flatMap { label in
      corners[label].map { $0 + random.values(1, bound: 1)[0] }
    }
    let examples = Examples(
      inputs: setting.tensor(points, [60, 2]),
      targets: Tensor(labels.map { Int32($0) }, shape: [60], on: setting.device))
    let model = try Sequential(input: [2], seed: 1, on: setting.device, dtype: setting.dtype) {
      Linear(8)
      BatchNorm()
      ReLU()
      Linear(3)
    }
    var losses: [Double] = []
    try NeuralNetworks.train(
      model, with: Adam(model, learningRate: 0.05), loss: .crossEntropy, on: examples,
      plan: .init(epochs: 10, batchSize: 16)
    ) { losses.append($0.trainingLoss) }
    #expect(losses[9] < losses[0] / 4)
    #expect(try evaluate(model, loss: .crossEntropy, on: examples).accuracy == 1)
  }
}
