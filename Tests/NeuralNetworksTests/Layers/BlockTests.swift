import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// Blocks of layers: sums and parallel branches.
@Suite struct BlockTests {
  @Test("A residual block adds its input, or what a projection makes of it", arguments: Setting.all)
  func residual(setting: Setting) throws {
    let x = setting.tensor([[1, 2], [3, -4]])
    let plain = try Sequential(input: [2], seed: 1, on: setting.device, dtype: setting.dtype) {
      Residual { ReLU() }
    }
    try expectEqual(plain(x), [2, 2], [2, 4, 6, -4])
    let projected = try Sequential(input: [2], seed: 1, on: setting.device, dtype: setting.dtype) {
      Residual(projection: { Linear(1, weight: .ones, bias: .zeros) }) {
        Linear(1, weight: .constant(2), bias: .constant(1))
      }
    }
    try expectEqual(projected(x), [2, 1], [10, -2])
    #expect(
      Array(projected.parameters.keys) == [
        "0.body.0.weight", "0.body.0.bias", "0.projection.0.weight", "0.projection.0.bias",
      ])
    #expect(projected.summary == "Sequential(Residual(Linear(2, 1); Linear(2, 1)))")
  }

  @Test("Branches are joined on the channels, or on another axis", arguments: Setting.all)
  func concatenate(setting: Setting) throws {
    let x = setting.range([2, 1, 2])
    let scaled = Activation("times 10") { $0 * 10 }
    let channels = Concatenate {
      Sequential {}
      ActivationLayer(scaled)
    }
    #expect(try channels.build(input: [1, 2]) == [2, 2])
    try expectEqual(channels(x), [2, 2, 2], [0, 1, 0, 10, 2, 3, 20, 30])
    let last = Concatenate(axis: -1, channels.branches)
    #expect(try last.build(input: [1, 2]) == [1, 4])
    try expectEqual(last(x), [2, 1, 4], [0, 1, 0, 10, 2, 3, 20, 30])
    let named = try Sequential(input: [3], seed: 1, on: setting.device, dtype: setting.dtype) {
      Concatenate {
        Linear(2)
        Sequential { Linear(1) }
      }
    }
    #expect(
      Array(named.parameters.keys) == ["0.0.weight", "0.0.bias", "0.1.0.weight", "0.1.0.bias"])
    #expect(named.outputShapes == [[3]])
  }

  @Test("What does not fit is named where it stands, with the shapes")
  func errors() {
    func message(_ input: Shape, _ layers: any Layer...) -> String? {
      #expect(throws: ModelError.self) { try Sequential(layers).build(input: input) }?.description
    }
    #expect(
      message([4], Residual { Linear(3) })
        == "layer 0 (Residual): the layers of a residual block give shape [3], but its input has [4], and they are added; expected the same shape, or a projection that gives it"
    )
    #expect(
      message([4], Residual(projection: { Linear(2) }) { Linear(3) })
        == "layer 0 (Residual): the layers of a residual block give shape [3], but its projection gives [2], and they are added; expected the same shape"
    )
    #expect(
      message([4], ReLU(), Residual { Linear(7, 3) })
        == "layer 1 (Residual), 0 (Linear): Linear has 7 inputs, but its input has shape [4]")
    #expect(
      message([4], Residual(projection: { Linear(7, 4) }) { ReLU() })
        == "layer 0 (Residual), projection (Sequential), 0 (Linear): Linear has 7 inputs, but its input has shape [4]"
    )
    #expect(
      message([2, 4], Concatenate([Linear(3), ReLU()]))
        == "layer 0 (Concatenate): the branches give shapes [2, 3], [2, 4], which cannot be joined on axis 1; the others must agree, and axis 0 is the batch's"
    )
    #expect(
      message([4], Concatenate([ReLU(), Sequential([Linear(7, 4)])]))
        == "layer 0 (Concatenate), 1 (Sequential), 0 (Linear): Linear has 7 inputs, but its input has shape [4]"
    )
  }
}
