import Compute
import NeuralNetworks
import OrderedCollections
import Tensors
import TestSupport
import Testing

/// A captured step is the uncaptured one, to the bit.
@Suite struct CaptureTests {
  /// A device, and whether small launches of a replay are one launch there.
  struct Target: Sendable, CustomTestStringConvertible {
    let device: Device
    let isChaining: Bool?
    var testDescription: String {
      isChaining.map { "\(device.identifier)\($0 ? "" : " not") chaining" } ?? device.identifier
    }

    /// Every device, and the OpenCL devices with chains, whatever suits them, and without.
    static let all = TestDevices.all.flatMap { device -> [Target] in
      guard device != .reference else { return [Target(device: device, isChaining: nil)] }
      return [true, false].map { isChaining in
        do {
          return Target(
            device: try .unshared(device.identifier, isChaining: isChaining),
            isChaining: isChaining)
        } catch {
          fatalError("\(device.identifier) was opened once, but: \(error)")
        }
      }
    }
  }

  /// A network with everything that a replay could get wrong: statistics, dropout, two losses' worth
  /// of parameters.
  private func makeModel(_ device: Device, dtype: DType = .float32) throws -> Sequential {
    try Sequential(input: [5], seed: 3, on: device, dtype: dtype) {
      Linear(16)
      BatchNorm()
      ReLU()
      Dropout(0.25)
      Linear(3)
    }
  }

  private func batch(_ number: Int, count: Int = 12, on device: Device) -> Examples {
    let key = RandomKey(seed: 9)[number]
    return Examples(
      inputs: .normal([count, 5], key: key, on: device),
      targets: Tensor(
        (0..<count).map { Int32(key.block(UInt64($0)).x % 3) }, shape: [count], on: device))
  }

  private typealias Step = TrainingStep<Examples>

  /// Runs the same training with a captured and an uncaptured step, and compares every bit.
  ///
  /// - Parameter isCapturing: Whether the captured one is expected to be captured at the end.
  private func compare(
    on device: Device, isCapturing: Bool = true, loss: Loss = .crossEntropy,
    optimizer make: (Module) -> Optimizer = { Adam($0, learningRate: 0.01) },
    _ train: (_ step: Step, _ model: Sequential) throws -> Void
  ) throws {
    var results: [[[UInt8]]] = []
    for isCaptured in [true, false] {
      let model = try makeModel(device)
      let step = Step(model, make(model), isCaptured: isCaptured) { batch in
        loss.value(model(batch.inputs), batch.targets)
      }
      try train(step, model)
      let losses = try step.finish()
      let isOpenCL = device.identifier != "cpu"
      if isCaptured, isCapturing, isOpenCL {
        #expect(step.captureObstacle == nil)
        #expect(step.captureCount > 0)
        #expect(step.capturedBytes > 0)
      } else if !isCaptured || !isOpenCL {
        #expect(step.captureCount == 0)
      }
      results.append(
        [losses.withUnsafeBytes(Array.init)]
          + (try model.parameters.values.map { try $0.value.bytes() })
          + (try model.runningStates.values.map { try $0.wrappedValue.bytes() }))
    }
    #expect(results[0] == results[1])
  }

  @Test("A plain training", arguments: Target.all)
  func plain(target: Target) throws {
    let device = target.device
    try compare(on: device) { step, _ in
      for number in 0..<40 { try step(batch(number, on: device)) }
    }
  }

  @Test("Clipping, penalties, largest norms, groups and weights of classes", arguments: Target.all)
  func regularization(target: Target) throws {
    let device = target.device
    let regularization = Regularization(l1: 1e-3, l2: 1e-3, maxNorm: 0.5, clipNorm: 0.1)
    let groups = [
      ParameterGroup("*.bias", weightDecay: 0, l1: 0), ParameterGroup("1.*", isFrozen: true),
      ParameterGroup("4.*", learningRateFactor: 0.5),
    ]
    try compare(
      on: device, loss: .crossEntropy(labelSmoothing: 0.1, classWeights: [1, 2, 0.5]),
      optimizer: {
        NAdam(
          $0, learningRate: 0.01, weightDecay: 0.1, isDecoupled: true,
          regularization: regularization, groups: groups)
      }
    ) { step, _ in
      for number in 0..<8 { try step(batch(number, on: device)) }
    }
  }

  @Test("A learning-rate schedule", arguments: Target.all)
  func schedule(target: Target) throws {
    let device = target.device
    try compare(on: device) { step, _ in
      for number in 0..<12 {
        step.optimizer.learningRate = 0.02 / Double(1 + number / 3)
        step.optimizer.scheduleFactor = Schedule.cosine.warmingUp(for: 4).factor(
          step: number, totalSteps: 12)
        try step(batch(number, on: device))
      }
    }
  }

  @Test("A short last batch", arguments: Target.all)
  func shortBatch(target: Target) throws {
    let device = target.device
    try compare(on: device) { step, _ in
      for number in 0..<16 {
        try step(batch(number, count: number % 4 == 3 ? 5 : 12, on: device))
      }
      if device.identifier != "cpu", step.captureCount > 0 { #expect(step.captureCount == 2) }
    }
  }

  @Test("A switch of mode", arguments: Target.all)
  func modes(target: Target) throws {
    let device = target.device
    try compare(on: device) { step, model in
      for number in 0..<18 {
        model.mode = number % 6 < 3 ? .training : .evaluation
        try step(batch(number, on: device))
      }
    }
  }

  @Test("Weights and statistics set between steps", arguments: Target.all)
  func assignment(target: Target) throws {
    let device = target.device
    try compare(on: device) { step, model in
      for number in 0..<10 {
        try step(batch(number, on: device))
        guard number == 5, let weight = model.parameters["0.weight"] else { continue }
        weight.assign(weight.value * 0.5)
        model.runningStates["1.running_mean"]?.assign(.full([16], 0.25, on: device))
      }
    }
  }

  @Test("Tensors that are held while steps go on keep their values", arguments: Target.all)
  func heldValues(target: Target) throws {
    let device = target.device
    try compare(on: device) { step, model in
      var held: [Tensor] = []
      var expected: [[Float]] = []
      var losses: [Tensor] = []
      for number in 0..<8 {
        losses.append(try step(batch(number, on: device)))
        let weight = try #require(model.parameters["0.weight"]).value
        held.append(weight)
        expected.append(try weight.array(of: Float.self))
      }
      for (tensor, values) in zip(held, expected) {
        #expect(try tensor.array(of: Float.self) == values)
      }
      #expect(try losses.map { try $0.item(of: Double.self) } == step.finish())
      for number in 8..<10 { try step(batch(number, on: device)) }
    }
  }

  @Test("Losses that are held keep their values, however many follow", arguments: Target.all)
  func heldLosses(target: Target) throws {
    let device = target.device
    try compare(on: device) { step, _ in
      // More than twice as many as are kept on the device.
      let losses = try (0..<75).map { try step(batch($0, on: device)) }
      #expect(try losses.map { try $0.item(of: Double.self) } == step.finish())
    }
  }

  @Test("Batches that are slices, transposes or used twice", arguments: Target.all)
  func layouts(target: Target) throws {
    let device = target.device
    let inputs = Tensor.normal([5, 48], key: RandomKey(seed: 1), on: device).transposed()
    let targets = Tensor((0..<48).map { Int32($0 % 3) }, shape: [48], on: device)
    try compare(on: device) { step, _ in
      for number in 0..<9 {
        let start = 12 * (number % 4)
        try step(
          Examples(
            inputs: inputs[start..<(start + 12)], targets: targets[start..<(start + 12)]))
      }
    }
  }

  @Test("A tensor that outlives its step keeps it from being captured", arguments: Target.all)
  func escape(target: Target) throws {
    let device = target.device
    var kept: [Tensor] = []
    let model = try makeModel(device)
    let step = Step(model, Adam(model, learningRate: 0.01)) { batch in
      let output = model(batch.inputs)
      kept.append(output.detached)
      return crossEntropy(output, batch.targets)
    }
    for number in 0..<5 { try step(batch(number, on: device)) }
    try step.finish()
    #expect(kept.count == 5)
    #expect(step.captureCount == 0)
    if device.identifier != "cpu" {
      #expect(step.captureObstacle?.contains("still in use") == true)
    }
  }

  @Test("Numbers that change from call to call keep a step eager", arguments: Target.all)
  func changingScalar(target: Target) throws {
    let device = target.device
    var factor = 1.0
    var losses: [[Double]] = []
    for isCaptured in [true, false] {
      factor = 1
      let model = try makeModel(device)
      let step = Step(model, Adam(model, learningRate: 0.01), isCaptured: isCaptured) { batch in
        factor += 1
        return crossEntropy(model(batch.inputs), batch.targets) * factor
      }
      for number in 0..<6 { try step(batch(number, on: device)) }
      losses.append(try step.finish())
      if isCaptured, device.identifier != "cpu" {
        #expect(step.captureObstacle?.contains("changes from call to call") == true)
      }
    }
    #expect(factor == 7)
    #expect(losses[0] == losses[1])
  }

  @Test("A tensor from outside that changes keeps a step eager", arguments: Target.all)
  func changingTensor(target: Target) throws {
    let device = target.device
    let model = try makeModel(device)
    var weights = Tensor.full([], 1, on: device)
    let step = Step(model, Adam(model, learningRate: 0.01)) { batch in
      crossEntropy(model(batch.inputs), batch.targets) * weights
    }
    for number in 0..<4 {
      weights = weights + 1
      try step(batch(number, on: device))
    }
    try step.finish()
    if device.identifier != "cpu" {
      #expect(step.captureObstacle?.contains("is no input") == true)
    }
  }

  @Test("Reading inside a step traps and says what to do")
  func reading() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let model = Linear(2, 1)
      model.initialize(seed: 1, on: .reference)
      let step = TrainingStep<Tensor>(model, SGD(model, learningRate: 0.1)) { x in
        let y = model(x).sum()
        _ = try? y.item(of: Float.self)
        return y
      }
      try step(.ones([3, 2], on: .reference))
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("inside a training step"))
    #expect(message.contains("isCaptured: false"))
  }

  @Test("A step that is not captured may read", arguments: Target.all)
  func readingUncaptured(target: Target) throws {
    let device = target.device
    let model = try makeModel(device)
    var seen: [Double] = []
    let step = Step(model, Adam(model, learningRate: 0.01), isCaptured: false) { batch in
      let value = crossEntropy(model(batch.inputs), batch.targets)
      seen.append((try? value.detached.item(of: Double.self)) ?? .nan)
      return value
    }
    for number in 0..<4 { try step(batch(number, on: device)) }
    #expect(try step.finish() == seen)
  }

  @Test(
    "A loss that is not finite stops a captured step as it does an uncaptured one",
    arguments: Target.all)
  func nonFiniteLoss(target: Target) throws {
    let device = target.device
    var weights: [[Float]] = []
    for isCaptured in [true, false] {
      let model = try makeModel(device)
      let step = Step(model, Adam(model, learningRate: 0.01), isCaptured: isCaptured) { batch in
        crossEntropy(model(batch.inputs), batch.targets)
      }
      for number in 0..<4 { try step(batch(number, on: device)) }
      let good = try #require(model.parameters["0.weight"]).value
      let bad = batch(4, on: device)
      try step(Examples(inputs: bad.inputs / 0, targets: bad.targets))
      for number in 5..<8 { try step(batch(number, on: device)) }
      let error = #expect(throws: TrainingError.self) { try step.finish() }
      #expect(error?.description.contains("step 5 is") == true)
      let weight = try #require(model.parameters["0.weight"]).value.array(of: Float.self)
      #expect(weight == (try good.array(of: Float.self)))
      weights.append(weight)
    }
    #expect(weights[0] == weights[1])
  }

  @Test("Memory stays as it is from the third step on", arguments: Target.all)
  func memory(target: Target) throws {
    let device = target.device
    let own = try Device.unshared(device.identifier, isChaining: target.isChaining)
    let model = try makeModel(own)
    let step = Step(model, Adam(model, learningRate: 0.01)) { batch in
      crossEntropy(model(batch.inputs), batch.targets)
    }
    let examples = batch(0, on: own)
    for _ in 0..<3 { try step(examples) }
    try own.wait()
    let before = own.statistics
    for _ in 0..<1000 { try step(examples) }
    try own.wait()
    let after = own.statistics
    #expect(after.liveStorages == before.liveStorages)
    #expect(after.liveBytes == before.liveBytes)
    #expect(after.peakBytes == before.peakBytes)
  }

  @Test("Gradients are computed in their places, not copied there", arguments: Target.all)
  func launches(target: Target) throws {
    let device = target.device
    let own = try Device.unshared(device.identifier, isChaining: target.isChaining)
    var counts: [Int] = []
    var parameterCount = 0
    for isCaptured in [true, false] {
      let model = try makeModel(own)
      parameterCount = model.parameters.count
      let step = Step(model, Adam(model, learningRate: 0.01), isCaptured: isCaptured) { batch in
        crossEntropy(model(batch.inputs), batch.targets)
      }
      let examples = batch(0, on: own)
      for _ in 0..<3 { try step(examples) }
      let before = own.statistics.launches
      try step(examples)
      counts.append(own.statistics.launches - before)
    }
    if target.isChaining == true {
      // The network is small enough for a single chain; the learning rate is written before it.
      #expect(counts[0] <= 2)
    } else {
      let saved = device.identifier == "cpu" ? 0 : parameterCount
      #expect(counts[0] == counts[1] - saved)
    }
  }
}
