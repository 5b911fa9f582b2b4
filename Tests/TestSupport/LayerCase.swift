public import Compute
public import NeuralNetworks
public import Tensors
public import Testing

/// A layer as the tests of all layers take it: its gradients are checked, and a captured step with
/// it is held to an uncaptured one.
public struct LayerCase: Sendable, CustomTestStringConvertible {
  /// What is tested.
  public let name: String
  /// The shape of one example.
  public let input: Shape
  /// Inputs are labels below this number; nil for normal numbers.
  public let labelCount: Int?
  /// The number of examples.
  public let count: Int
  private let make: @Sendable () -> [any Layer]

  /// Creates a case.
  public init(
    _ name: String, _ input: Shape, labels labelCount: Int? = nil, count: Int = 5,
    @LayerBuilder _ make: @escaping @Sendable () -> [any Layer]
  ) {
    self.name = name
    self.input = input
    self.labelCount = labelCount
    self.count = count
    self.make = make
  }

  /// The name.
  public var testDescription: String { name }

  /// The layers, built and initialised.
  public func model(_ setting: Setting) throws -> Sequential {
    let model = try Sequential(
      input: input, seed: 5, on: setting.device, dtype: setting.dtype, make)
    // Scales of 1 and shifts of 0 would hide what multiplies by them.
    for (path, parameter) in model.parameters
    where path.hasSuffix("weight") || path.hasSuffix("bias") {
      if let shape = parameter.shape, shape.rank == 1 {
        let noise = Tensor.normal(
          shape, deviation: 0.5, key: RandomKey(seed: 6)[path], dtype: .float32, on: .reference)
        parameter.assign(
          parameter.value + setting.tensor((try? noise.array(of: Double.self)) ?? [], shape))
      }
    }
    return model
  }

  /// A batch; the same numbers in every setting, which float32 holds.
  public func batch(_ setting: Setting, seed: UInt64 = 1) throws -> Tensor {
    let shape = Shape([count] + input.dimensions)
    if let labelCount {
      let key = RandomKey(seed: seed)
      let labels = (0..<shape.count).map { Int32(key.block(UInt64($0)).x % UInt32(labelCount)) }
      return Tensor(labels, shape: shape, on: setting.device)
    }
    let numbers = Tensor.normal(
      shape, key: RandomKey(seed: seed), dtype: .float32, on: .reference)
    return setting.tensor(try numbers.array(of: Double.self), shape)
  }

  /// Every layer that has parameters or a gradient of its own.
  public static let all: [LayerCase] = normalization + structure + recurrence + activations

  private static let normalization: [LayerCase] = [
    LayerCase("BatchNorm", [3]) { BatchNorm() },
    LayerCase("BatchNorm of images, without momentum, activated", [3, 2, 2]) {
      BatchNorm(momentum: nil)
      Tanh()
    },
    LayerCase("BatchNorm without scale and shift", [3]) { BatchNorm(isAffine: false) },
    LayerCase("MeanOnlyBatchNorm", [3, 2]) { MeanOnlyBatchNorm() },
    LayerCase("MeanOnlyBatchNorm without momentum and shift, activated", [4]) {
      MeanOnlyBatchNorm(momentum: nil, isAffine: false)
      Tanh()
    },
    LayerCase("LayerNorm", [7]) { LayerNorm() },
    LayerCase("LayerNorm of images, activated", [2, 3, 2]) {
      LayerNorm(axes: 3)
      Tanh()
    },
    LayerCase("LayerNorm without shift", [2, 5]) { LayerNorm(hasBias: false) },
    LayerCase("LayerNorm without scale and shift", [7]) { LayerNorm(isAffine: false) },
    LayerCase("RMSNorm", [7]) { RMSNorm() },
    LayerCase("RMSNorm of two axes without scale, activated", [2, 3]) {
      RMSNorm(axes: 2, epsilon: 1e-3, isAffine: false, activation: .tanh)
    },
    LayerCase("GroupNorm", [4, 3]) { GroupNorm(groups: 2) },
    LayerCase("GroupNorm without scale and shift, activated", [8]) {
      GroupNorm(groups: 2, isAffine: false)
      Tanh()
    },
    LayerCase("InstanceNorm", [2, 5]) { InstanceNorm() },
    LayerCase("InstanceNorm with scale and shift, activated", [2, 2, 3]) {
      InstanceNorm(isAffine: true)
      Tanh()
    },
    LayerCase("WeightNorm", [4]) { WeightNorm(Linear(3)) },
    LayerCase("WeightNorm of a convolution", [2, 3, 3]) { WeightNorm(Conv2D(2, kernel: 2)) },
    LayerCase("WeightNorm with MeanOnlyBatchNorm", [4]) {
      WeightNorm(Linear(3, hasBias: false))
      MeanOnlyBatchNorm()
      Tanh()
    },
  ]

  private static let activations: [LayerCase] = [
    LayerCase("PReLU", [4]) { PReLU() },
    LayerCase("GLU", [6]) { GLU() },
    LayerCase("Maxout", [4]) { Maxout(3, pieces: 2) },
    LayerCase("PerUnit", [3]) { PerUnit([.cos, .identity, .tanh]) },
    LayerCase("Softmax", [5]) { Softmax() },
  ]

  private static let structure: [LayerCase] = [
    LayerCase("Multiply of an even number of features", [4]) { Multiply(3, activation: .tanh) },
    LayerCase("Multiply of an odd number of features, over positions", [2, 7]) { Multiply(3) },
    LayerCase("Multiply of one feature", [1]) { Multiply(2) },
    LayerCase("Embedding", [3], labels: 6) { Embedding(6, 2) },
    // The padding is none of the labels: what it gives is not trained, which is no derivative.
    LayerCase("Embedding with padding, and layers behind", [3], labels: 4) {
      Embedding(5, 2, paddingIndex: 4)
      Flatten()
      Linear(2)
    },
    LayerCase("Residual", [4]) {
      Residual {
        Linear(4)
        Tanh()
      }
    },
    LayerCase("Residual with a projection, within another", [4]) {
      Residual(projection: { Linear(3, hasBias: false) }) {
        Linear(3)
        Residual { Tanh() }
      }
    },
    LayerCase("Concatenate", [2, 3]) {
      Concatenate {
        Linear(3)
        Sequential { Tanh() }
        Sequential {}
      }
      Reshape([-1, 2])
    },
  ]

  private static let recurrence: [LayerCase] = [
    LayerCase("SimpleRNN", [3, 2]) { SimpleRNN(3) },
    LayerCase("SimpleRNN with layer norm", [3, 2]) { SimpleRNN(3, normalization: .layer) },
    LayerCase("SimpleRNN with batch norm", [3, 2]) { SimpleRNN(3, normalization: .batch) },
    LayerCase("LSTM of a sequence, and one above", [3, 2]) {
      LSTM(3, returnsSequence: true)
      LSTM(2)
    },
    LayerCase("GRU", [3, 2]) { GRU(3) },
    LayerCase("GRU of a sequence without biases", [2, 2]) {
      GRU(3, returnsSequence: true, hasBias: false)
    },
  ]
}
