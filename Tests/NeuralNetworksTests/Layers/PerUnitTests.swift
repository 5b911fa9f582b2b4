import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct PerUnitTests {
  @Test("Each unit has an activation of its own", arguments: Setting.all)
  func units(setting: Setting) throws {
    let layer = PerUnit([.square, .identity])
    #expect(layer.summary == "PerUnit(square, identity)")
    #expect(layer.parameters.isEmpty)
    #expect(try layer.build(input: [2]) == [2])
    #expect(try layer.build(input: [5, 4]) == [5, 4])
    try expectEqual(layer(setting.tensor([[3, 4]])), [1, 2], [9, 4])
    let error = #expect(throws: ModelError.self) { try layer.build(input: [3]) }
    #expect(
      error?.description
        == "PerUnit has 2 activations, but its input has shape [3]; expected 2 units, or a multiple"
    )
  }

  @Test("A step with it is replayed as it was taken", arguments: TestDevices.all)
  func captured(device: Device) throws {
    var results: [[Double]] = []
    for isCaptured in [true, false] {
      let model = try Sequential(input: [3], seed: 1, on: device) {
        Linear(4)
        PerUnit([.cos, .identity])
        Linear(1)
      }
      let step = TrainingStep<Examples>(
        model, SGD(model, learningRate: 0.1), isCaptured: isCaptured
      ) { batch in
        meanSquaredError(model(batch.inputs), batch.targets)
      }
      for number in 0..<8 {
        let x = Tensor.normal([6, 3], key: RandomKey(seed: 3)[number], on: device)
        try step(Examples(inputs: x, targets: x.slice(axis: 1, 0..<1)))
      }
      _ = try step.finish()
      if isCaptured, device != .reference { #expect(step.captureObstacle == nil) }
      results.append(try model.parameters.values.flatMap { try $0.value.array(of: Double.self) })
    }
    #expect(results[0] == results[1])
  }
}
