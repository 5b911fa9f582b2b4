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

    case .conv2d(let shape, let outputs, let kernel):
      let x = Tensor.normal(Shape(shape), key: key["x"])
      let weight = Tensor.normal([outputs, shape[1], kernel, kernel], key: key["weight"])
      let bias = Tensor.normal([outputs], key: key["bias"])
      let cotangent = Tensor.normal([shape[0], outputs, shape[2], shape[3]], key: key["cotangent"])
      return {
        let (_, pullback) = valueWithPullback(at: [x, weight, bias]) {
          Tensors.conv2d(
            $0[0], weight: $0[1], bias: $0[2], padding: .symmetric(Size2D(kernel / 2)))
        }
        return pullback(cotangent)[0]
      }

    case .convolutionalNetwork(let batch):
      let model = try Sequential(input: [1, 28, 28], seed: 0) {
        Conv2D(32, kernel: 3, padding: 1)
        ReLU()
        MaxPool2D(2)
        Conv2D(64, kernel: 3, padding: 1)
        ReLU()
        MaxPool2D(2)
        Flatten()
        Linear(128)
        ReLU()
        Linear(10)
      }
      return training(
        model,
        Examples(
          inputs: .normal([batch, 1, 28, 28], key: key["inputs"]),
          targets: labels(batch, classes: 10, key: key)))

    case .train(let widths, let hasBatchNorm, let batch):
      var layers: [any Layer] = []
      for (index, width) in widths.dropFirst().enumerated() {
        layers.append(Linear(width))
        guard index < widths.count - 2 else { break }
        if hasBatchNorm { layers.append(BatchNorm()) }
        layers.append(ReLU())
      }
      let model = try Sequential(input: [widths[0]], seed: 0) { layers }
      return training(
        model,
        Examples(
          inputs: .normal([batch, widths[0]], key: key["inputs"]),
          targets: labels(batch, classes: widths[widths.count - 1], key: key)))

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

    case .elementwise(let function, let shape):
      let x = Tensor.normal(Shape(shape), key: key["x"])
      let y = Tensor.normal(Shape(shape), key: key["y"])
      guard let activation = Activation.named(function) else { return { x + y } }
      return { activation(x) }

    case .sum(let overRows, let shape):
      let x = Tensor.normal(Shape(shape), key: key["x"])
      return { x.sum(axes: [overRows ? 1 : 0]) }

    case .crossEntropy(let shape):
      let logits = Tensor.normal(Shape(shape), key: key["logits"])
      let labels = labels(shape[0], classes: shape[1], key: key)
      return { valueWithGradient(at: logits) { Tensors.crossEntropy($0, labels) }.gradient }

    case .adam(let count):
      let point = Point(count)
      point.initialize(seed: 0)
      let optimizer = Adam(point, learningRate: 1e-3)
      let (loss, gradients) = valueWithGradient(of: point) { point.position.sum() }
      return {
        optimizer.update(gradients)
        return loss
      }
    }
  }

  private func labels(_ count: Int, classes: Int, key: RandomKey) -> Tensor {
    Tensor(
      (0..<count).map { Int32(key.block(UInt64($0)).x % UInt32(classes)) }, shape: [count])
  }

  /// A step of training, on the same examples each time.
  private func training(_ model: Sequential, _ examples: Examples) -> () throws -> Tensor {
    let step = TrainingStep<Examples>(model, Adam(model, learningRate: 1e-3)) { batch in
      Tensors.crossEntropy(model(batch.inputs), batch.targets)
    }
    return { try step(examples) }
  }
}

/// A module of nothing but parameters.
private final class Point: Module {
  let parameter: Parameter
  var position: Tensor { parameter.value }

  init(_ count: Int) { parameter = Parameter(shape: [count], initializer: .zeros) }
}
