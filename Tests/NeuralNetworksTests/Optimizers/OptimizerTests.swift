import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct OptimizerTests {
  private static let makes: [@Sendable (Module) -> Optimizer] = [
    { SGD($0, learningRate: 0.1) }, { SGD($0, learningRate: 0.1, momentum: 0.9, weightDecay: 0.1) },
    { Adam($0, weightDecay: 0.1) }, { AdamW($0) }, { Adagrad($0) }, { Adadelta($0) },
    { RMSProp($0, momentum: 0.5, isCentered: true) }, { NAdam($0) },
  ]

  private func model(_ depth: Int, _ setting: Setting) throws -> Sequential {
    let model = Sequential((0..<depth).map { _ in Linear(3) })
    _ = try model.build(input: [3])
    model.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    return model
  }

  private func gradients(_ model: Sequential, _ setting: Setting) -> (Tensor, Gradients) {
    let x = setting.range([4, 3])
    return valueWithGradient(of: model) { (model(x) * model(x)).mean() }
  }

  @Test(
    "An update is the same few launches whatever the number of layers", arguments: TestDevices.all)
  func launches(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let setting = Setting(device, .float32)
    for make in Self.makes {
      var counts: [Int] = []
      for depth in [1, 7] {
        let model = try model(depth, setting)
        let optimizer = make(model)
        let (loss, gradients) = gradients(model, setting)
        optimizer.update(gradients, loss: loss)
        let before = device.statistics
        optimizer.update(gradients, loss: loss)
        let after = device.statistics
        counts.append(after.launches - before.launches)
        #expect(after.liveStorages == before.liveStorages)
        #expect(after.packs == before.packs)
        #expect(after.waits == before.waits)
      }
      // One that counts the step, and one over the arena.
      #expect(counts == [2, 2])
    }
  }

  @Test("The padding between parameters stays zero", arguments: Setting.all)
  func padding(setting: Setting) throws {
    for make in Self.makes {
      let model = try model(2, setting)
      let optimizer = make(model)
      for _ in 0..<3 {
        let (loss, gradients) = gradients(model, setting)
        optimizer.update(gradients, loss: loss)
      }
      let memory = try Memory.arena(of: model)
      let unit = 128 / setting.dtype.byteCount
      for (start, count) in [(0, 9), (unit, 3), (2 * unit, 9), (3 * unit, 3)] {
        #expect(memory[start..<(start + count)].allSatisfy { $0 != 0 && $0.isFinite })
        #expect(memory[(start + count)..<(start + unit)].allSatisfy { $0 == 0 })
      }
    }
  }

  @Test("The learning rate may be changed between updates", arguments: Setting.all)
  func learningRate(setting: Setting) throws {
    let module = TwoParameters()
    module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let optimizer = SGD(module, learningRate: 1)
    let (_, gradients) = valueWithGradient(of: module) { module.first.sum() }
    var expected = 0.0
    for rate in [1, 0.5, 0.5, 2, 0] {
      optimizer.learningRate = rate
      optimizer.update(gradients)
      expected -= rate
      try expectEqual(module.first, [3], [expected, expected, expected])
    }
  }

  @Test(
    "A loss that is not finite stops the updates until they are resumed", arguments: Setting.all)
  func notFinite(setting: Setting) throws {
    for bad in [Double.nan, .infinity, -.infinity] {
      let module = TwoParameters()
      module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
      let optimizer = Adam(module, learningRate: 0.5)
      let (_, gradients) = valueWithGradient(of: module) {
        module.first.sum() + module.second.sum()
      }
      optimizer.update(gradients, loss: setting.tensor([1]))
      let after = try module.numbers()
      #expect(after.allSatisfy { $0 != 0 })
      #expect(try !optimizer.isHalted())
      optimizer.update(gradients, loss: setting.tensor([bad]))
      #expect(try optimizer.isHalted())
      // Nor does a finite loss start them again.
      optimizer.update(gradients, loss: setting.tensor([1]))
      optimizer.update(gradients)
      #expect(try module.numbers() == after)
      #expect(try optimizer.stepCount() == 1)
      optimizer.resume()
      #expect(try !optimizer.isHalted())
      optimizer.update(gradients, loss: setting.tensor([1]))
      #expect(try optimizer.stepCount() == 2)
      // The second step of Adam on a constant gradient is as long as the first.
      try expectClose(
        module.first, after[..<3].map { 2 * $0 }, .norm(64 * setting.epsilon))
    }
  }

  @Test("Gradients that failed update nothing and count no step; the next do")
  func failedGradients() throws {
    let watched = WatchedBackend()
    let setting = Setting(watched.device, .float64)
    let module = TwoParameters()
    module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let optimizer = SGD(module, learningRate: 1, momentum: 0.5)
    watched.refuse { call, _ in call == .reduce }
    let (_, failed) = valueWithGradient(of: module) { (module.first * module.first.sum()).sum() }
    watched.refuseNothing()
    optimizer.update(failed)
    #expect(optimizer.failure as? WatchedBackend.Refusal == .init(call: .reduce))
    #expect(try module.numbers() == [0, 0, 0, 0, 0, 0, 0])
    #expect(try optimizer.stepCount() == 0)
    let (_, gradients) = valueWithGradient(of: module) { module.first.sum() }
    optimizer.update(gradients)
    #expect(optimizer.failure == nil)
    #expect(try module.numbers() == [-1, -1, -1, 0, 0, 0, 0])
    #expect(try optimizer.stepCount() == 1)
  }

  @Test("An update of which a launch is refused changes nothing", arguments: 0..<3)
  func refusedLaunches(number: Int) throws {
    let watched = WatchedBackend()
    let setting = Setting(watched.device, .float64)
    let module = TwoParameters()
    module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let optimizer = Adam(module, learningRate: 1)
    let (_, gradients) = valueWithGradient(of: module) { module.first.sum() }
    // The learning rate is written, the step counted, the rule applied.
    watched.refuse { call, count in call == .map && count == number }
    optimizer.update(gradients)
    #expect(optimizer.failure as? WatchedBackend.Refusal == .init(call: .map))
    watched.refuseNothing()
    #expect(try module.numbers() == [0, 0, 0, 0, 0, 0, 0])
    #expect(try optimizer.stepCount() == 0)
    optimizer.update(gradients)
    #expect(optimizer.failure == nil)
    #expect(try optimizer.stepCount() == 1)
    // The step is the first: as long as the learning rate.
    try expectClose(module.first, [-1, -1, -1], .norm(1e-7))
  }

  @Test("A step that is taken back leaves no trace in what goes on from step to step")
  func takenBack() throws {
    func train(refusing refused: Int?) throws -> [Double] {
      let watched = WatchedBackend()
      let setting = Setting(watched.device, .float64)
      let module = TwoParameters()
      module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
      let optimizer = NAdam(module, learningRate: 0.5)
      for step in 0..<4 {
        let (_, gradients) = valueWithGradient(of: module) {
          (module.first * Double(step + 1)).sum()
        }
        if step == refused {
          // The step is counted, and then the rule is not applied.
          watched.refuse { call, count in call == .map && count == 1 }
          optimizer.update(gradients)
          #expect(optimizer.failure != nil)
          watched.refuseNothing()
        }
        optimizer.update(gradients)
        #expect(optimizer.failure == nil)
      }
      #expect(try optimizer.stepCount() == 4)
      return try module.numbers()
    }
    #expect(try train(refusing: 2) == train(refusing: nil))
  }

  @Test("An optimiser that could not be set up says so at each update")
  func refusedSetUp() throws {
    let watched = WatchedBackend()
    let setting = Setting(watched.device, .float64)
    let module = TwoParameters()
    module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let (_, gradients) = valueWithGradient(of: module) { module.first.sum() }
    // The last launch of setting up, which lets updates go on.
    watched.forget()
    _ = SGD(module, learningRate: 1)
    let last = watched.count(.map) - 1
    watched.refuse { call, count in call == .map && count == last }
    let optimizer = SGD(module, learningRate: 1)
    watched.refuseNothing()
    for _ in 0..<2 {
      optimizer.update(gradients)
      #expect(optimizer.failure as? WatchedBackend.Refusal == .init(call: .map))
    }
    #expect(throws: WatchedBackend.Refusal(call: .map)) { try optimizer.stepCount() }
    #expect(try module.numbers() == [0, 0, 0, 0, 0, 0, 0])
  }

  @Test("A rule of one's own is an expression", arguments: Setting.all)
  func ownRule(setting: Setting) throws {
    /// The sign of the gradient's running sum.
    final class SignDescent: Optimizer {
      init(_ module: Module) {
        super.init(
          module, learningRate: 0.25,
          rule: Rule(
            states: ["sum"], settings: [2], corrections: { step, settings in [step * settings[0]] }
          ) { terms in
            let sum = terms.states[0] + terms.gradient
            return (
              terms.parameter - terms.learningRate * sum.sign * terms.corrections[0], [sum]
            )
          })
      }
    }
    let module = TwoParameters()
    module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let optimizer = SignDescent(module)
    let (_, gradients) = valueWithGradient(of: module) { (module.first * 3).sum() }
    optimizer.update(gradients)
    optimizer.update(gradients)
    // ¼ · 2 and ¼ · 4.
    #expect(try module.numbers() == [-1.5, -1.5, -1.5, 0, 0, 0, 0])
  }

  @Test("Who holds a parameter's tensor keeps it through updates", arguments: Setting.all)
  func readers(setting: Setting) throws {
    let module = TwoParameters()
    module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let optimizer = SGD(module, learningRate: 1)
    let (_, gradients) = valueWithGradient(of: module) { module.first.sum() }
    let before = module.first
    optimizer.update(gradients)
    let between = module.first
    optimizer.update(gradients)
    try expectEqual(before, [3], [0, 0, 0])
    try expectEqual(between, [3], [-1, -1, -1])
    try expectEqual(module.first, [3], [-2, -2, -2])
  }
}
