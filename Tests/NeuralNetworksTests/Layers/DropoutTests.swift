import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct DropoutTests {
  private func layer(_ probability: Double, _ setting: Setting, seed: UInt64 = 3) -> Dropout {
    let layer = Dropout(probability)
    layer.initialize(seed: seed, on: setting.device, dtype: setting.dtype)
    return layer
  }

  @Test(
    "In training elements are dropped and the others scaled; in evaluation none is",
    arguments: Setting.all)
  func modes(setting: Setting) throws {
    let layer = layer(0.25, setting)
    let x = Tensor.ones([40_000], dtype: setting.dtype, on: setting.device)
    let values = try layer(x).array(of: Double.self)
    let kept = values.filter { $0 != 0 }
    #expect(kept.allSatisfy { ($0 - 4.0 / 3).magnitude <= setting.epsilon })
    // Five standard errors of a share of 0.75.
    let share = Double(kept.count) / 40_000
    #expect((share - 0.75).magnitude < 5 * (0.75 * 0.25 / 40_000).squareRoot())
    layer.mode = .evaluation
    try expectClose(layer(x), try x.array())
    let none = self.layer(0, setting)
    try expectClose(none(x), try x.array())
  }

  @Test("What is dropped depends on seed, path and the number of the pass", arguments: Setting.all)
  func keys(setting: Setting) throws {
    func masks(_ seed: UInt64, _ layers: [any Layer]) throws -> [[Double]] {
      let model = Sequential(layers)
      _ = try model.build(input: [64])
      model.initialize(seed: seed, on: setting.device, dtype: setting.dtype)
      let x = Tensor.ones([2, 64], dtype: setting.dtype, on: setting.device)
      return try (0..<3).map { _ in try model(x).array() }
    }
    let first = try masks(1, [Dropout()])
    #expect(try masks(1, [Dropout()]) == first)
    #expect(Set(first).count == 3)
    #expect(try masks(2, [Dropout()])[0] != first[0])
    #expect(try masks(1, [ReLU(), Dropout()])[0] != first[0])
    // The pass counts for each layer by itself.
    let layer = layer(0.5, setting, seed: 1)
    layer.mode = .evaluation
    _ = layer(Tensor.ones([4], dtype: setting.dtype, on: setting.device))
    layer.mode = .training
    let alone = try layer(Tensor.ones([2, 64], dtype: setting.dtype, on: setting.device))
      .array(of: Double.self)
    let again = self.layer(0.5, setting, seed: 1)
    #expect(
      try again(Tensor.ones([2, 64], dtype: setting.dtype, on: setting.device)).array(
        of: Double.self)
        == alone)
  }

  @Test("A pass is the draw of its number from the layer's key", arguments: Setting.all)
  func passes(setting: Setting) throws {
    let layer = layer(0.5, setting)
    let x = setting.range([33])
    for pass in 0..<3 {
      let expected = dropout(
        x, probability: 0.5, key: RandomKey(seed: 3)[""]["dropout"],
        draw: Tensor([Int64(pass)], shape: [], on: setting.device))
      try expectClose(layer(x), try expected.array())
    }
  }

  @Test("Checks drop the same elements each time, and do not count", arguments: Setting.all)
  func freezing(setting: Setting) throws {
    let layer = layer(0.5, setting)
    let x = setting.range([65])
    let once = try layer.substituting([]) { layer(x) }.array(of: Double.self)
    #expect(try layer.substituting([]) { layer(x) }.array(of: Double.self) == once)
    #expect(try layer(x).array(of: Double.self) == once)
    #expect(try layer(x).array(of: Double.self) != once)
  }

  @Test("Shapes stay")
  func building() throws {
    #expect(try Dropout(0.1).build(input: [3, 4]) == [3, 4])
    #expect(Dropout(0.1).summary == "Dropout(0.1)")
    #expect(Dropout().probability == 0.5)
  }
}
