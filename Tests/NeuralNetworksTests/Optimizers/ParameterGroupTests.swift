import Compute
import NeuralNetworks
import OrderedCollections
import Tensors
import TestSupport
import Testing

@Suite struct ParameterGroupTests {
  /// Layers of 5 inputs and a few units; or of so many that the arena falls into long rows of one
  /// parameter each.
  private func model(_ setting: Setting, isWide: Bool = false) throws -> Sequential {
    let units = isWide ? [128, 256, 128] : [40, 3, 2]
    let model = Sequential(units.map { Linear($0) })
    _ = try model.build(input: [isWide ? 128 : 5])
    model.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    for parameter in model.parameters.values {
      let shape = parameter.shape ?? .scalar
      parameter.assign(.full(shape, 2, dtype: setting.dtype, on: setting.device))
    }
    return model
  }

  /// What each parameter is after an update along a gradient of ones, from 2; nil where its numbers
  /// differ.
  private func update(
    _ model: Sequential, _ optimizer: Optimizer
  ) throws -> OrderedDictionary<String, Double?> {
    let (_, gradients) = valueWithGradient(of: model) {
      model.parameters.values.map { $0.value.sum() }.reduce(
        Tensor(
          0, dtype: model.parameters.values[0].value.dtype,
          on: model.parameters.values[0].value.device)
      ) { $0 + $1 }
    }
    optimizer.update(gradients)
    #expect(optimizer.failure == nil)
    return try OrderedDictionary(
      uniqueKeysWithValues: model.parameters.map { path, parameter in
        let values = Set(try parameter.value.array(of: Double.self))
        return (path, values.count == 1 ? values.first : nil)
      })
  }

  @Test(
    "Groups have settings of their own, the later ones first of all", arguments: Setting.all,
    [false, true])
  func settings(setting: Setting, isWide: Bool) throws {
    let model = try model(setting, isWide: isWide)
    let optimizer = SGD(
      model, learningRate: 0.5, weightDecay: 0.25, regularization: .init(l1: 0.125),
      groups: [
        ParameterGroup("*.bias", weightDecay: 0),
        ParameterGroup(where: { path, shape in path.hasPrefix("1.") && shape.rank == 2 }, l1: 1),
        ParameterGroup("2.*", learningRateFactor: 0.5, l2: 0.5),
        ParameterGroup("2.b?as", learningRateFactor: 2, isFrozen: false),
      ])
    // 2 − rate·(1 + l1 + decay·2).
    #expect(
      try update(model, optimizer) == [
        "0.weight": 2 - 0.5 * (1 + 0.125 + 0.5), "0.bias": 2 - 0.5 * (1 + 0.125),
        "1.weight": 2 - 0.5 * (1 + 1 + 0.5), "1.bias": 2 - 0.5 * (1 + 0.125),
        "2.weight": 2 - 0.25 * (1 + 0.125 + 0.5 + 1), "2.bias": 2 - 1 * (1 + 0.125 + 1),
      ])
  }

  @Test(
    "Frozen parameters and their states stay, and have no part in the norm", arguments: Setting.all)
  func frozen(setting: Setting) throws {
    let model = try model(setting)
    // 40 + 3 ones are left: the square root of the squares is that of 43.
    let optimizer = SGD(
      model, learningRate: 1, momentum: 0.5, weightDecay: 0.5,
      regularization: .init(clipNorm: 1),
      groups: [
        ParameterGroup("*.weight", isFrozen: true), ParameterGroup("2.bias", isFrozen: true),
        ParameterGroup("*.bias", weightDecay: 0),
      ])
    let after = try update(model, optimizer)
    let step = 1 / (43.0.squareRoot() + 1e-6)
    for (path, value) in after {
      let isTrained = path == "0.bias" || path == "1.bias"
      expectClose(
        try #require(value), isTrained ? 2 - step : 2, .norm(4 * setting.epsilon),
        "\(path) in \(setting)")
    }
    let saved = try optimizer.savedState()
    let momentum = try #require(saved["0.weight.momentum_buffer"])
    #expect(momentum.bytes.allSatisfy { $0 == 0 })
    try expectClose(optimizer.penalty, [0])
  }

  @Test("Decoupled decay and the largest norm of rows differ by group", arguments: Setting.all)
  func decoupled(setting: Setting) throws {
    let model = try model(setting)
    let optimizer = AdamW(
      model, learningRate: 0.5, weightDecay: 0.5, regularization: .init(maxNorm: 1),
      groups: [
        ParameterGroup("0.*", weightDecay: 0), ParameterGroup("1.*", isFrozen: true),
        ParameterGroup("2.weight", maxNorm: .infinity),
      ])
    let after = try update(model, optimizer)
    func expect(_ path: String, _ expected: Double) throws {
      expectClose(
        try #require(after[path] ?? nil), expected, .norm(16 * setting.epsilon),
        "\(path) in \(setting)")
    }
    // Adam's first step is all but as long as the learning rate; a row of five equal numbers of
    // norm 1.
    let step = 0.5 / (1 + 1e-8)
    try expect("0.weight", 1 / 5.0.squareRoot())
    try expect("0.bias", 2 - step)
    try expect("1.weight", 2)
    try expect("2.weight", 2 * 0.75 - step)
    try expect("2.bias", 2 * 0.75 - step)
  }

  @Test("With groups an update is as many launches as without", arguments: TestDevices.all)
  func launches(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let model = try model(Setting(device, .float32))
    let optimizer = AdamW(
      model,
      groups: [ParameterGroup("*.bias", weightDecay: 0), ParameterGroup("0.*", isFrozen: true)])
    _ = try update(model, optimizer)
    let (_, gradients) = valueWithGradient(of: model) { model.parameters.values[2].value.sum() }
    let before = device.statistics.launches
    optimizer.update(gradients)
    #expect(device.statistics.launches - before == 2)
  }

  @Test("The padding between parameters stays zero with groups", arguments: Setting.all)
  func padding(setting: Setting) throws {
    let model = try model(setting)
    let optimizer = NAdam(
      model, weightDecay: 0.1, regularization: .init(l1: 0.1),
      groups: [ParameterGroup("*.bias", l1: 1), ParameterGroup("1.weight", learningRateFactor: 3)])
    _ = try update(model, optimizer)
    let memory = try Memory.arena(of: model)
    let unit = 128 / setting.dtype.byteCount
    var start = 0
    for parameter in model.parameters.values {
      let count = parameter.shape?.count ?? 0
      let end = (start + count + unit - 1) / unit * unit
      #expect(memory[start..<(start + count)].allSatisfy { $0 != 0 })
      #expect(memory[(start + count)..<end].allSatisfy { $0 == 0 })
      start = end
    }
    #expect(start == memory.count)
  }
}
