import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// A captured step with any layer is the uncaptured one, to the bit.
@Suite struct LayerCaptureTests {
  @Test("Layers train the same in a captured step", arguments: LayerCase.all)
  func captured(layer: LayerCase) throws {
    for setting in [DType.float32, .float64].flatMap({ dtype in
      TestDevices.supporting(dtype).map { Setting($0, dtype) }
    }) {
      var results: [[[UInt8]]] = []
      for isCaptured in [true, false] {
        let model = try layer.model(setting)
        let step = TrainingStep<Examples>(
          model, SGD(model, learningRate: 0.05, momentum: 0.5), isCaptured: isCaptured
        ) { meanSquaredError(model($0.inputs), $0.targets) }
        let output = Shape([layer.count] + (model.outputShapes.last?.dimensions ?? []))
        for number in 0..<5 {
          let targets = Tensor.normal(
            output, key: RandomKey(seed: 4)[number], dtype: setting.dtype, on: setting.device)
          try step(
            Examples(inputs: try layer.batch(setting, seed: UInt64(number)), targets: targets))
        }
        let losses = try step.finish()
        #expect(losses.allSatisfy { $0.isFinite })
        if isCaptured, setting.device != .reference {
          #expect(step.captureObstacle == nil)
          #expect(step.captureCount == 1)
        }
        results.append(
          [losses.withUnsafeBytes(Array.init)]
            + (try model.parameters.values.map { try $0.value.bytes() })
            + (try model.runningStates.values.map { try $0.wrappedValue.bytes() }))
      }
      #expect(results[0] == results[1], "\(layer.name) in \(setting)")
    }
  }
}
