import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct SequentialTests {
  @Test("Layers are written as a list, with activations, choices and loops")
  func builder() throws {
    func model(isDeep: Bool, width: Int?) -> Sequential {
      Sequential {
        Flatten()
        for size in [5, 4] {
          Linear(size)
          Activation.tanh
        }
        if isDeep { Linear(7) }
        if let width { Linear(width) } else { ReLU() }
        [Linear(2), Dropout(0.25)] as [any Layer]
      }
    }
    let deep = model(isDeep: true, width: nil)
    #expect(
      deep.summary
        == "Sequential(Flatten, Linear(5), tanh, Linear(4), tanh, Linear(7), relu, Linear(2), Dropout(0.25))"
    )
    #expect(try deep.build(input: [2, 3]) == [2])
    #expect(deep.outputShapes == [[6], [5], [5], [4], [4], [7], [7], [2], [2]])
    #expect(deep.layers.map(\.summary).contains("Linear(6, 5)"))
    #expect(model(isDeep: false, width: 3).layers.count == 8)
  }

  @Test("Layers are applied in order", arguments: Setting.all)
  func application(setting: Setting) throws {
    let model = try Sequential(input: [2], seed: 1, on: setting.device, dtype: setting.dtype) {
      Linear(1, weight: .ones, bias: .constant(-4))
      Activation("times 2") { $0 * 2 }
      ReLU()
    }
    try expectEqual(model(setting.tensor([[1, 2], [3, 4]])), [2, 1], [0, 6])
    #expect(Array(model.parameters.keys) == ["0.weight", "0.bias"])
  }

  @Test("Chains within chains are named by both numbers")
  func nesting() throws {
    let model = try Sequential(input: [2], seed: 1, on: .reference) {
      Linear(3)
      Sequential {
        BatchNorm()
        Linear(1)
      }
    }
    #expect(
      Array(model.parameters.keys) == [
        "0.weight", "0.bias", "1.0.weight", "1.0.bias", "1.1.weight", "1.1.bias",
      ])
  }

  @Test("A layer that does not fit is named, with the shapes")
  func errors() {
    func message(_ input: Shape, _ layers: [any Layer]) -> String? {
      let error = #expect(throws: ModelError.self) { try Sequential(layers).build(input: input) }
      return error?.description
    }
    #expect(
      message([4], [Linear(8), ReLU(), Linear(7, 2)])
        == "layer 2 (Linear): Linear has 7 inputs, but its input has shape [8]")
    #expect(
      message([4], [Linear(8), BatchNorm(9)])
        == "layer 1 (BatchNorm): BatchNorm has 9 channels, but its input has shape [8]")
    #expect(
      message([], [Linear(8)])
        == "layer 0 (Linear): Linear needs an input with at least one axis, not a scalar")
    #expect(
      message([], [BatchNorm()])
        == "layer 0 (BatchNorm): BatchNorm needs an input [c] or [c, …] for each example, not a scalar"
    )
    #expect(
      message([4], [ReLU(), Sequential([Linear(3), Linear(4, 1)])])
        == "layer 1 (Sequential), 1 (Linear): Linear has 4 inputs, but its input has shape [3]")
    let error = #expect(throws: ModelError.self) {
      try Sequential(input: [4], seed: 1, on: .reference) { Linear(5, 2) }
    }
    #expect(error?.layer == "0 (Linear)")
  }

  @Test("A model may be built anew for the same shapes, and not for others")
  func rebuilding() throws {
    let model = Sequential { Linear(3) }
    #expect(try model.build(input: [2]) == [3])
    #expect(try model.build(input: [2]) == [3])
    #expect(model.outputShapes == [[3]])
    #expect(throws: ModelError.self) { try model.build(input: [5]) }
  }
}
