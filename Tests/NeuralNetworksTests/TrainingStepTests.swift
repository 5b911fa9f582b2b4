import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct TrainingStepTests {
  /// One number x, and a loss of x·batch: the gradient is the batch.
  private final class Point: Module {
    @Parameter(shape: [], initializer: .zeros) var position: Tensor
  }

  private func point(_ setting: Setting) -> Point {
    let point = Point()
    point.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    return point
  }

  private func step(_ point: Point, _ optimizer: Optimizer) -> TrainingStep<Tensor> {
    TrainingStep(point, optimizer) { batch in point.position * batch }
  }

  @Test("A step gives its loss from before the update", arguments: Setting.all)
  func losses(setting: Setting) throws {
    let point = point(setting)
    let step = step(point, SGD(point, learningRate: 1))
    func batch(_ value: Double) -> Tensor { setting.tensor([value], []) }
    #expect(try step(batch(2)).item(of: Double.self) == 0)
    #expect(try step(batch(3)).item(of: Double.self) == -6)
    #expect(try step(batch(-1)).item(of: Double.self) == 5)
    try expectEqual(point.position, [], [-4])
    #expect(try step.finish() == [0, -6, 5])
    #expect(try step.finish() == [])
    try step(batch(1))
    #expect(try step.finish() == [-4])
  }

  @Test("Each loss is given out once, in order, however many there are", arguments: Setting.all)
  func ring(setting: Setting) throws {
    let point = point(setting)
    let step = step(point, SGD(point, learningRate: 1))
    let one = setting.tensor([1], [])
    for _ in 0..<16 { try step(one) }
    #expect(try step.finish() == (0..<16).map { -Double($0) })
    #expect(try step.finish() == [])
    // More than the device keeps.
    for _ in 0..<71 { try step(one) }
    #expect(try step.finish() == (16..<87).map { -Double($0) })
  }

  @Test(
    "A loss that is not finite stops at its step, keeps the parameters and says which",
    arguments: Setting.all)
  func notFinite(setting: Setting) throws {
    for bad in [Double.nan, .infinity] {
      for badStep in [1, 5, 32, 33, 40] {
        let point = point(setting)
        let optimizer = SGD(point, learningRate: 0.5, momentum: 0.5)
        let step = step(point, optimizer)
        var positions = [0.0]
        var calls = 0
        let error = #expect(throws: TrainingError.self) {
          for number in 1...80 {
            if number <= badStep { positions.append(try point.position.item()) }
            calls += 1
            // 0 · ∞ is not finite either.
            try step(setting.tensor([number == badStep ? bad : 1], []))
          }
        }
        // Losses are looked at every 32 steps.
        #expect(calls == (badStep + 31) / 32 * 32)
        let last = try point.position.item(of: Double.self)
        #expect(last == positions.last)
        #expect(try optimizer.stepCount() == badStep - 1)
        let text = try #require(error).description
        #expect(text.hasPrefix("the loss of step \(badStep) is "))
        #expect(
          text.contains("the parameters of step \(badStep - 1); try a learning rate below 0.5"))
        #expect(!text.contains("\n"))
      }
    }
  }

  @Test(
    "After a loss that is not finite, steps throw until the updates are resumed",
    arguments: Setting.all)
  func resuming(setting: Setting) throws {
    let point = point(setting)
    let optimizer = SGD(point, learningRate: 1)
    let step = step(point, optimizer)
    let one = setting.tensor([1], [])
    try step(one)
    try step(one)
    try step(setting.tensor([.nan], []))
    try step(one)
    #expect(throws: TrainingError.self) { try step.finish() }
    #expect(throws: TrainingError.self) { try step(one) }
    #expect(throws: TrainingError.self) { try self.step(point, optimizer)(one) }
    #expect(try step.finish() == [])
    try expectEqual(point.position, [], [-2])
    optimizer.resume()
    optimizer.learningRate = 0.5
    try step(one)
    try expectEqual(point.position, [], [-2.5])
    #expect(try optimizer.stepCount() == 3)
    // Steps are numbered by the updates.
    try step(setting.tensor([.nan], []))
    let error = #expect(throws: TrainingError.self) { try step.finish() }
    #expect(error?.description.hasPrefix("the loss of step 4 is nan") == true)
    #expect(error?.description.contains("below 0.5") == true)
  }

  @Test("The host is at most two fences ahead, and a fence stands after at most eight steps")
  func leadOfShortSteps() throws {
    let watched = WatchedBackend()
    let setting = Setting(watched.device, .float32)
    let point = point(setting)
    let step = step(point, SGD(point, learningRate: 1))
    let one = setting.tensor([1], [])
    var stepsSinceFence = 0
    for _ in 1...200 {
      watched.forget()
      try step(one)
      stepsSinceFence = watched.count(.fence) > 0 ? 0 : stepsSinceFence + 1
      #expect(stepsSinceFence < 8)
      // The third fence is the first that one is waited for at.
      #expect(watched.count(.fence) <= 1)
      #expect(watched.count(.fenceWait) <= watched.count(.fence))
    }
  }

  @Test("The host is at most two steps ahead where a step takes a millisecond")
  func lead() throws {
    let watched = WatchedBackend()
    let setting = Setting(watched.device, .float32)
    let point = point(setting)
    let step = TrainingStep<Tensor>(point, SGD(point, learningRate: 1)) { batch in
      let end = ContinuousClock.now + .milliseconds(1)
      while ContinuousClock.now < end {}
      return point.position * batch
    }
    let one = setting.tensor([1], [])
    for number in 1...10 {
      watched.forget()
      try step(one)
      #expect(watched.count(.fence) == 1)
      #expect(watched.count(.fenceWait) == (number <= 2 ? 0 : 1))
      // It waits for the step two before, once the new one is launched.
      #expect(watched.waitedFences == (number <= 2 ? [] : [number - 3]))
      #expect(watched.count(.read) == 0)
      #expect(watched.count(.wait) == 0)
    }
    watched.forget()
    try step.finish()
    #expect(watched.count(.read) == 1)
    watched.forget()
    for _ in 0..<2 { try step(one) }
    #expect(watched.count(.fenceWait) == 0)
  }

  @Test(
    "A step that could not be launched updates nothing, and the next does",
    arguments: [
      WatchedBackend.Call.map, .reduce, .multiply, .normalize, .normalizeGradient,
      .classLoss, .classLossGradient,
    ])
  func refusedSteps(call: WatchedBackend.Call) throws {
    let watched = WatchedBackend()
    let setting = Setting(watched.device, .float64)
    let model = try Sequential(input: [2], seed: 1, on: setting.device, dtype: setting.dtype) {
      Linear(3)
      BatchNorm()
      Linear(2)
    }
    let optimizer = Adam(model, learningRate: 0.1)
    let step = TrainingStep<Examples>(model, optimizer) {
      crossEntropy(model($0.inputs), $0.targets)
    }
    let batch = Examples(
      inputs: setting.range([4, 2]),
      targets: Tensor([0, 1, 1, 0], dtype: .int32, on: setting.device))
    try step(batch)
    // Whichever launch of the kind it is.
    watched.forget()
    try step(batch)
    let total = watched.count(call)
    #expect(total > 0)
    for number in 0..<total {
      let before = try parameters(model)
      watched.refuse { asked, count in asked == call && count == number }
      let isBookkeeping: Bool
      do {
        try step(batch)
        isBookkeeping = true
      } catch let error as WatchedBackend.Refusal {
        #expect(error.call == call)
        isBookkeeping = false
      }
      watched.refuseNothing()
      // Only running estimates may go without a step's knowing.
      if isBookkeeping {
        #expect(call == .map)
      } else {
        #expect(try parameters(model) == before)
      }
    }
    let before = try parameters(model)
    try step(batch)
    try step.finish()
    #expect(try parameters(model) != before)
  }

  private func parameters(_ model: Module) throws -> [[Double]] {
    try model.parameters.map { try $0.value.value.array() }
  }

  @Test("Out of memory leaves the model as it was, and a smaller batch goes on")
  func outOfMemory() throws {
    let device = Device.unsharedReference(byteLimit: 40_000)
    let setting = Setting(device, .float64)
    let model = try Sequential(input: [8], seed: 1, on: device, dtype: .float64) {
      Linear(16)
      ReLU()
      Linear(2)
    }
    let optimizer = Adam(model)
    let step = TrainingStep<Tensor>(model, optimizer) { model($0).mean() }
    let small = setting.range([4, 8])
    try step(small)
    let before = try model.savedState()
    let large = small.broadcast(to: [200, 4, 8])
    let error = #expect(throws: BackendError.self) { try step(large) }
    #expect(error?.kind == .outOfMemory)
    #expect(try model.savedState() == before)
    #expect(try optimizer.stepCount() == 1)
    try step(small)
    #expect(try step.finish().count == 2)
    #expect(try optimizer.stepCount() == 2)
    #expect(try model.savedState() != before)
  }

  // MARK: Whole trainings

  /// A network of every layer, trained on batches of 7 of 24 examples.
  private func train(_ setting: Setting, steps: Int, afterStep: (Int) throws -> Void = { _ in })
    throws -> (
      losses: [Double], state: Safetensors
    )
  {
    var random = SeededGenerator(9)
    let inputs = random.tensor([24, 6], setting)
    let labels = Tensor(
      random.integers(24, in: 0...2), shape: [24], dtype: .int32, on: setting.device)
    let model = try Sequential(input: [6], seed: 4, on: setting.device, dtype: setting.dtype) {
      Linear(16)
      BatchNorm(activation: .relu)
      Dropout(0.25)
      Linear(12, activation: .tanh)
      Linear(3)
    }
    let step = TrainingStep<Examples>(model, Adam(model, learningRate: 0.01, weightDecay: 0.001)) {
      crossEntropy(model($0.inputs), $0.targets)
    }
    var losses: [Double] = []
    var total = Tensor.zeros([], dtype: setting.dtype, on: setting.device)
    for number in 0..<steps {
      let order = RandomKey(seed: 1)[number / 4].permutation(24)
      let chosen = Array(order[(number % 4 * 6)...].prefix(7))
      let rows = Tensor(chosen.map { Int32($0) }, shape: [chosen.count], on: setting.device)
      let loss = try step(Examples(inputs: inputs, targets: labels).gather(rows))
      total = total + loss
      if steps <= 100 { losses.append(try loss.item()) }
      try afterStep(number)
    }
    try step.finish()
    return (losses + [try total.item()], try model.savedState())
  }

  @Test("The same seed twice gives the same bits", arguments: Setting.all)
  func reproducible(setting: Setting) throws {
    let first = try train(setting, steps: 40)
    let second = try train(setting, steps: 40)
    #expect(first.losses == second.losses)
    #expect(first.state == second.state)
  }

  @Test(
    "In float64 the losses of 100 steps agree with the reference's to 1e-9",
    arguments: TestDevices.supporting(.float64))
  func agreement(device: Device) throws {
    let here = try train(Setting(device, .float64), steps: 100)
    let reference = try train(Setting(.reference, .float64), steps: 100)
    for (step, (loss, expected)) in zip(here.losses, reference.losses).enumerated() {
      expectClose(loss, expected, .norm(1e-9), "step \(step + 1)")
    }
  }

  @Test("A thousand steps hold as much memory as three", arguments: TestDevices.all)
  func constantMemory(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    // Every fourth batch is short.
    var held: [Int: DeviceStatistics] = [:]
    _ = try train(Setting(device, .float32), steps: 1000) { number in
      // Each kind of batch is recorded twice.
      guard number >= 12 else { return }
      let now = device.statistics
      let first = held[number % 4] ?? now
      held[number % 4] = first
      #expect(now.liveStorages == first.liveStorages, "step \(number + 1)")
      #expect(now.liveBytes == first.liveBytes, "step \(number + 1)")
    }
  }
}
