import Compute
import GradientChecking
import NeuralNetworks
import TestSupport
import Tensors
import Testing

/// Every layer's gradients, with respect to inputs and parameters.
@Suite struct LayerCheckTests {
  @Test("Gradients of layers are differences", arguments: LayerCase.all)
  func gradients(layer: LayerCase) throws {
    for device in TestDevices.supporting(.float64) {
      let setting = Setting(device, .float64)
      let model = try layer.model(setting)
      let x = try layer.batch(setting)
      for mode in [Module.Mode.training, .evaluation] {
        if mode == .evaluation, model.runningStates.isEmpty { continue }
        model.mode = mode
        let report =
          layer.labelCount == nil
          ? checkGradients(of: model, at: x, name: layer.name)
          : checkGradients(of: model, at: [], name: layer.name) { _ in model(x) }
        #expect(report.passed, "on \(device.identifier), \(mode): \(report)")
        #expect(report.comparisonCount > 0)
      }
    }
  }

  @Test("In float32 layers are as accurate as the plain program", arguments: LayerCase.all)
  func accuracy(layer: LayerCase) throws {
    /// The output, and the gradients with respect to input and parameters.
    func compute(_ setting: Setting) throws -> [[Double]] {
      let model = try layer.model(Setting(.reference, .float32))
      let there = try layer.model(setting)
      // What float32 drew, in either dtype.
      for (path, parameter) in there.parameters {
        let values = try #require(model.parameters[path]).value.array(of: Double.self)
        parameter.assign(setting.tensor(values, parameter.value.shape))
      }
      let x = try layer.batch(setting)
      let inputs = (layer.labelCount == nil ? [x] : []) + there.parameters.values.map(\.value)
      let (y, pullback) = valueWithPullback(at: inputs) { inputs in
        layer.labelCount == nil
          ? there.substituting(Array(inputs.dropFirst())) { there(inputs[0]) }
          : there.substituting(inputs) { there(x) }
      }
      let weights = Tensor.normal(
        y.shape, key: RandomKey(seed: 8), dtype: .float32, on: .reference)
      let cotangent = setting.tensor(try weights.array(of: Double.self), y.shape)
      return try ([y] + pullback(cotangent)).map { try $0.array(of: Double.self) }
    }
    let truth = try compute(Setting(.reference, .float64))
    let yardstick = try compute(Setting(.reference, .float32))
    for device in TestDevices.all {
      let setting = Setting(device, .float32)
      for (index, values) in try compute(setting).enumerated() {
        // A gradient that cancels to nothing is measured by what cancels, which is of the order 1.
        let tolerance: Tolerance =
          truth[index].allSatisfy { $0.magnitude < 1e-12 }
          ? .absolute(64 * setting.epsilon)
          : device == .reference
            ? .norm(256 * setting.epsilon)
            : .yardstick(yardstick[index], truth: truth[index], setting)
        let closeness = Closeness(values, truth[index], tolerance, dtype: .float32)
        #expect(
          closeness.holds, "\(layer.name), tensor \(index) on \(device.identifier): \(closeness)")
      }
    }
  }
}
