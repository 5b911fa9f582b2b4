import Compute
import NeuralNetworks
public import Tensors

extension BenchmarkCase {
  /// The function to time: what it returns is computed when it has been waited for.
  public func prepared() throws -> () throws -> Tensor {
    let key = RandomKey(seed: 0)
    switch self {
    case .matmul(let m, let k, let n, let isLeftTransposed, let isRightTransposed):
      let a = Tensor.normal(isLeftTransposed ? [k, m] : [m, k], key: key["a"])
      let b = Tensor.normal(isRightTransposed ? [n, k] : [k, n], key: key["b"])
      let left = isLeftTransposed ? a.transposed() : a
      let right = isRightTransposed ? b.transposed() : b
      return { left.matmul(right) }

    case .train(let widths, let hasBatchNorm, let batch):
      var layers: [any Layer] = []
      for (index, width) in widths.dropFirst().enumerated() {
        layers.append(Linear(width))
        guard index < widths.count - 2 else { break }
        if hasBatchNorm { layers.append(BatchNorm()) }
        layers.append(ReLU())
      }
      let model = try Sequential(input: [widths[0]], seed: 0) { layers }
      let examples = Examples(
        inputs: .normal([batch, widths[0]], key: key["inputs"]),
        targets: Tensor(
          (0..<batch).map { Int32(key.block(UInt64($0)).x % UInt32(widths[widths.count - 1])) },
          shape: [batch]))
      let step = TrainingStep<Examples>(model, Adam(model, learningRate: 1e-3)) { batch in
        crossEntropy(model(batch.inputs), batch.targets)
      }
      return { try step(examples) }

    case .batchNorm(let shape):
      let channels = shape[1]
      let model = try Sequential(input: Shape(Array(shape.dropFirst())), seed: 0) {
        BatchNorm(channels)
      }
      let x = Tensor.normal(Shape(shape), key: key["x"])
      let cotangent = Tensor.normal(Shape(shape), key: key["cotangent"])
      return {
        let parameters = model.parameters.values.map(\.value)
        let (_, pullback) = valueWithPullback(at: [x] + parameters) { arguments in
          model.substituting(Array(arguments.dropFirst())) { model(arguments[0]) }
        }
        return pullback(cotangent)[0]
      }
    }
  }
}
