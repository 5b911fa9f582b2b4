import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct ConvolutionLayerTests {
  /// The kernels in float64 are those of other tests.
  private static let settings = Setting.all.filter { $0.dtype == .float32 }

  @Test("A layer convolves, through the activation", arguments: settings)
  func output(setting: Setting) throws {
    let layer = Conv2D(1, 2, kernel: [1, 2], activation: .relu)
    layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    layer.$weight.assign(setting.tensor([1, -1, 1, 1], [2, 1, 1, 2]))
    layer.bias?.assign(setting.tensor([0, 1]))
    try expectEqual(
      layer(setting.tensor([3, 2, 5], [1, 1, 1, 3])), [1, 2, 1, 2], [1, 0, 6, 8])
    let sequence = Conv1D(1, kernel: 2, stride: 2, padding: 1, hasBias: false)
    #expect(try sequence.build(input: [1, 3]) == [1, 2])
    sequence.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    sequence.$weight.assign(setting.tensor([1, 10], [1, 1, 2]))
    try expectEqual(sequence(setting.tensor([3, 2, 5], [1, 1, 3])), [1, 1, 2], [30, 52])
    let transposed = ConvTranspose2D(1, kernel: 2, stride: 2)
    #expect(try transposed.build(input: [1, 1, 2]) == [1, 2, 4])
    transposed.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    transposed.$weight.assign(setting.tensor([1, 2, 3, 4], [1, 1, 2, 2]))
    transposed.bias?.assign(setting.tensor([-10]))
    try expectEqual(
      transposed(setting.tensor([1, 10], [1, 1, 1, 2])), [1, 1, 2, 4],
      [-9, -8, 0, 10, -7, -6, 20, 30])
  }

  @Test("Shapes are settled when the model is built; names and shapes are PyTorch's")
  func building() throws {
    let layer = Conv2D(8, kernel: 3, stride: 2, padding: .same, groups: 2)
    #expect(layer.summary == "Conv2D(8, 3×3, stride 2, padding same, groups 2)")
    #expect(try layer.build(input: [4, 7, 9]) == [8, 4, 5])
    #expect(layer.summary == "Conv2D(4, 8, 3×3, stride 2, padding same, groups 2)")
    #expect(layer.$weight.shape == [8, 2, 3, 3])
    #expect(layer.bias?.shape == [8])
    #expect(layer.$weight.fans?.fanIn == 18)
    #expect(layer.bias?.fans?.fanIn == 18)
    #expect(Array(layer.parameters.keys) == ["weight", "bias"])

    let plain = Conv1D(6, kernel: 5, dilation: 2, hasBias: false)
    #expect(try plain.build(input: [3, 20]) == [6, 12])
    #expect(plain.summary == "Conv1D(3, 6, 5, dilation 2, no bias)")
    #expect(plain.$weight.shape == [6, 3, 5])
    #expect(Array(plain.parameters.keys) == ["weight"])

    let up = ConvTranspose2D(4, kernel: 3, stride: 2, padding: 1, outputPadding: 1, groups: 2)
    #expect(try up.build(input: [6, 5, 7]) == [4, 10, 14])
    #expect(
      up.summary == "ConvTranspose2D(6, 4, 3×3, stride 2, padding 1, groups 2, output padding 1×1)")
    #expect(up.$weight.shape == [6, 2, 3, 3])
    #expect(up.$weight.fans?.fanIn == 18)
  }

  @Test("Pooling layers")
  func pooling() throws {
    let x = Tensor.range(16, dtype: .float32, on: .reference).reshaped(to: [1, 1, 4, 4])
    for (layer, values, summary) in [
      (MaxPool2D(2), [5, 7, 13, 15], "MaxPool2D(2)"),
      (MinPool2D(2), [0, 2, 8, 10], "MinPool2D(2)"),
      (AveragePool2D(2), [2.5, 4.5, 10.5, 12.5], "AveragePool2D(2)"),
      (MaxPool2D([2, 4], stride: [1, 4]), [7, 11, 15], "MaxPool2D(2×4, stride 1×4)"),
      (
        AveragePool2D(3, stride: 3, padding: 1, countsPadding: false), [2.5, 4.5, 10.5, 12.5],
        "AveragePool2D(3, padding 1)"
      ),
    ] as [(PoolingLayer, [Double], String)] {
      let shape = try layer.build(input: [1, 4, 4])
      #expect(layer.summary == summary)
      try expectEqual(layer(x), Shape([1] + shape.dimensions), values)
    }
    let row = x.reshaped(to: [1, 2, 8])
    for (layer, values) in [
      (MaxPool1D(4), [3, 7, 11, 15]), (MinPool1D(4), [0, 4, 8, 12]),
      (AveragePool1D(4, stride: 8), [1.5, 9.5]),
    ] as [(PoolingLayer, [Double])] {
      let shape = try layer.build(input: [2, 8])
      try expectEqual(layer(row), Shape([1] + shape.dimensions), values)
    }
    #expect(MaxPool1D(3, stride: 2, padding: 1).summary == "MaxPool1D(3, stride 2, padding 1)")
    #expect(try GlobalAveragePool().build(input: [3, 4, 5]) == [3])
    #expect(try GlobalMaxPool().build(input: [3, 4]) == [3])
    try expectEqual(GlobalMaxPool()(row), [1, 2], [7, 15])
    try expectEqual(GlobalAveragePool()(row), [1, 2], [3.5, 11.5])
  }

  @Test("What does not fit is said with its shapes")
  func errors() throws {
    func expect(_ layer: any Layer, _ input: Shape, _ message: String) {
      #expect {
        try layer.build(input: input)
      } throws: {
        ($0 as? ModelError)?.problem == message
      }
    }
    expect(
      Conv2D(4, kernel: 3), [64],
      "Conv2D needs an input [channels, height, width] for each example, not [64]")
    expect(
      Conv2D(4, kernel: 5, padding: 1), [3, 2, 9],
      "Conv2D's window of 5×5 with dilation 1×1 and padding 1 does not fit its input of shape [3, 2, 9]"
    )
    expect(
      Conv2D(4, kernel: 3, groups: 2), [3, 8, 8],
      "Conv2D divides its input channels into 2 groups, but its input has shape [3, 8, 8]")
    expect(
      Conv2D(3, 4, kernel: 3), [2, 8, 8],
      "Conv2D has 3 input channels, but its input has shape [2, 8, 8]")
    expect(
      Conv1D(4, kernel: 3), [3, 8, 8],
      "Conv1D needs an input [channels, length] for each example, not [3, 8, 8]")
    expect(
      MaxPool2D(9), [3, 8, 8], "MaxPool2D(9) does not fit its input of shape [3, 8, 8]")
    expect(
      AveragePool1D(2), [8],
      "AveragePool1D needs an input [channels, length] for each example, not [8]")
    expect(
      GlobalMaxPool(), [8],
      "GlobalMaxPool needs an input [channels, …] with space to pool, not [8]")
  }

  /// The activation after a convolution takes no launch of its own, in training too.
  @Test("An activation after a convolution is fused")
  func fusion() throws {
    let backend = WatchedBackend()
    let model = try Sequential(input: [1, 4, 4], seed: 1, on: backend.device) {
      Conv2D(2, kernel: 3)
      ReLU()
    }
    backend.forget()
    _ = model(.ones([1, 1, 4, 4], on: backend.device))
    #expect(backend.count(.convolve) == 1)
    #expect(backend.count(.map) == 1)
  }

  /// A step of a convolutional network, captured and replayed, is the same as one by one.
  @Test("A convolutional network learns", arguments: settings)
  func training(setting: Setting) throws {
    let model = try Sequential(
      input: [1, 8, 8], seed: 3, on: setting.device, dtype: setting.dtype
    ) {
      Conv2D(4, kernel: 3, padding: 1)
      ReLU()
      MaxPool2D(2)
      Conv2D(6, kernel: 3, padding: .same)
      ReLU()
      GlobalAveragePool()
      Linear(2)
    }
    // Whether a row or a column is set.
    var inputs: [Double] = []
    for example in 0..<16 {
      for position in 0..<64 {
        let line = example / 2
        inputs.append((example % 2 == 0 ? position / 8 : position % 8) == line ? 1 : 0)
      }
    }
    let examples = Examples(
      inputs: setting.tensor(inputs, [16, 1, 8, 8]),
      targets: Tensor((0..<16).map { Double($0 % 2) }, dtype: .int32, on: setting.device))
    let step = TrainingStep<Examples>(model, Adam(model, learningRate: 0.02)) {
      crossEntropy(model($0.inputs), $0.targets)
    }
    var losses: [Double] = []
    for _ in 0..<40 { losses.append(try step(examples).item(of: Double.self)) }
    #expect(losses[0] > 0.5)
    #expect(losses[39] < 0.2)
  }
}
