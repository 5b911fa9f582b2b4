import Compute
import NeuralNetworks
import ONNX
import Tensors
import TestSupport
import Testing

/// Exported networks, checked by onnx.checker and run by onnxruntime.
@Suite(
  .enabled(
    if: ONNXRuntime.python != nil, "Python has no onnx and onnxruntime: pip install them"))
struct AgreementTests {
  static let cases =
    LayerCase.all.map(ExportCase.init) + layerCases + normalizationCases + recurrentCases
    + blockCases + gateCases + activationCases + functionCases

  // MARK: - Cases

  static let layerCases: [ExportCase] = [
    ExportCase("linear", [4]) { Linear(3) },
    ExportCase("linear without bias", [4]) { Linear(3, hasBias: false) },
    ExportCase("linear over the last axis", [3, 4]) { Linear(2) },
    ExportCase("linear over the last axis, without bias", [3, 4]) { Linear(2, hasBias: false) },
    ExportCase("linear with activation", [4]) { Linear(3, activation: .tanh) },
    ExportCase("batch norm of vectors", [4]) { BatchNorm() },
    ExportCase("batch norm of images", [3, 2, 2]) {
      BatchNorm(epsilon: 1e-3, isAffine: false, activation: .relu)
    },
    ExportCase("dropout alone", [4]) { Dropout() },
    ExportCase("flatten", [2, 3, 2]) { Flatten() },
    ExportCase("flatten of some axes", [2, 3, 2]) { Flatten(from: 2) },
    ExportCase("reshape", [2, 6]) { Reshape([3, -1]) },
    ExportCase("convolution", [4, 7, 6]) {
      Conv2D(
        6, kernel: [3, 2], stride: [2, 1], padding: .same, dilation: [1, 2], groups: 2,
        activation: .tanh)
    },
    ExportCase("convolution without bias", [2, 5, 6]) { Conv2D(3, kernel: 3, hasBias: false) },
    ExportCase("convolution of sequences", [3, 9]) {
      Conv1D(4, kernel: 4, stride: 2, padding: .explicit(top: 0, bottom: 0, left: 2, right: 0))
    },
    ExportCase("transposed convolution", [4, 3, 5]) {
      ConvTranspose2D(6, kernel: 3, stride: 2, padding: 1, outputPadding: [1, 0], groups: 2)
    },
    ExportCase("largest of windows", [2, 7, 6]) { MaxPool2D(3, stride: 2, padding: 1) },
    ExportCase("smallest of windows", [2, 8]) { MinPool1D(3, padding: 1) },
    ExportCase("means of windows", [2, 7, 6]) {
      AveragePool2D([3, 2], stride: 2, padding: [1, 0])
      AveragePool2D(2, stride: 1, padding: 1, countsPadding: false)
    },
    ExportCase("mean of channels", [3, 4, 5]) { GlobalAveragePool() },
    ExportCase("largest of channels", [3, 6]) { GlobalMaxPool() },
    ExportCase("network", [2, 3]) {
      Flatten()
      Linear(8)
      BatchNorm()
      ReLU()
      Dropout(0.3)
      Sequential {
        Linear(8)
        BatchNorm()
        Tanh()
      }
      Linear(3)
    },
  ]

  static let normalizationCases: [ExportCase] = [
    ExportCase("mean-only batch norm", [3, 4]) { MeanOnlyBatchNorm() },
    ExportCase("layer norm", [6]) { LayerNorm() },
    ExportCase("layer norm of two axes", [4, 2, 3]) {
      LayerNorm(axes: 2, epsilon: 1e-3, hasBias: false, activation: .tanh)
    },
    ExportCase("layer norm without scale", [2, 5]) { LayerNorm(isAffine: false) },
    ExportCase("group norm of images", [6, 2, 3]) { GroupNorm(groups: 3) },
    ExportCase("group norm of vectors", [6]) { GroupNorm(groups: 2, isAffine: false) },
    ExportCase("instance norm", [3, 2, 4]) { InstanceNorm() },
    ExportCase("instance norm with scale", [3, 5]) { InstanceNorm(isAffine: true) },
    ExportCase("RMS norm", [6]) { RMSNorm() },
    ExportCase("RMS norm of two axes", [2, 3, 4]) { RMSNorm(axes: 2, epsilon: 0.1) },
    ExportCase("weight norm", [5]) {
      WeightNorm(Linear(3, activation: .sigmoid))
      WeightNorm(Linear(2, hasBias: false))
    },
  ]

  static let recurrentCases: [ExportCase] = [
    ExportCase("LSTM", [5, 3]) { LSTM(4) },
    ExportCase("LSTM of sequences", [5, 3]) {
      LSTM(4, returnsSequence: true)
      LSTM(2, returnsSequence: true, hasBias: false)
    },
    ExportCase("GRU", [5, 3]) { GRU(4) },
    ExportCase("GRU of sequences", [5, 3]) {
      GRU(4, returnsSequence: true)
      GRU(2, hasBias: false)
    },
    ExportCase("RNN", [5, 3]) {
      SimpleRNN(4, returnsSequence: true)
      SimpleRNN(2)
    },
    ExportCase("RNN with another activation", [3, 2]) { SimpleRNN(4, activation: .relu) },
    ExportCase("RNN with layer norm", [3, 2]) {
      SimpleRNN(4, normalization: .layer, returnsSequence: true)
    },
    ExportCase("RNN with batch norm", [3, 2]) { SimpleRNN(4, normalization: .batch) },
  ]

  static let blockCases: [ExportCase] = [
    ExportCase("residual", [4]) {
      Residual {
        Linear(4)
        Tanh()
      }
      Residual(projection: { Linear(3) }) { Linear(3) }
    },
    ExportCase("concatenate", [2, 3]) {
      Concatenate {
        Linear(3)
        Sequential {}
      }
      Concatenate(axis: -1) {
        Linear(1)
        ReLU()
      }
    },
    ExportCase("embedding", [3], inputs: { $1.integers($0, in: 0...4) }) { Embedding(5, 2) },
    ExportCase("embedding with padding", [2, 3], inputs: { $1.integers($0, in: 0...4) }) {
      Embedding(5, 2, paddingIndex: 1)
    },
    ExportCase("multiply", [3]) { Multiply(4) },
    ExportCase("multiply over the last axis", [2, 5]) { Multiply(3, activation: .tanh) },
  ]

  static let gateCases: [ExportCase] = [
    ExportCase("PReLU", [3, 4]) { PReLU() },
    ExportCase("PReLU of channels", [3, 4]) { PReLU(isPerChannel: true) },
    ExportCase("PReLU of units", [5]) { PReLU(5) },
    ExportCase("GLU", [3, 6]) { GLU() },
    ExportCase("softmax", [3, 4]) { Softmax() },
    ExportCase("log-softmax", [5]) { LogSoftmax() },
    ExportCase("maxout", [4]) { Maxout(3, pieces: 4) },
    ExportCase("maxout over the last axis", [2, 4]) { Maxout(3, hasBias: false) },
    ExportCase("activations per unit", [2, 7]) {
      Linear(6)
      PerUnit([.cos, .identity, Activation("own") { $0 * 3 }])
    },
    ExportCase("activations per unit that are one", [4]) { PerUnit([.relu, .relu]) },
  ]

  static let activationCases: [ExportCase] =
    (Activation.all + [.elu(alpha: 0.5), .leakyReLU(slope: 0.2)]).map { activation in
      ExportCase("activation \(activation.name)", [64], inputs: { $1.values($0, bound: 9) }) {
        activation
      }
    } + [
      ExportCase("own activation", [16]) {
        Activation("x + cos 3x") { $0 + (3 * $0).cos }
      },
      ExportCase("own activation that is constant", [2, 3]) { Activation("one") { _ in 1 } },
      ExportCase("own activation that is a truth", [16]) { Activation("step") { $0 .> 0.5 } },
      ExportCase("own activation of a truth", [16]) {
        Activation("choice") { select($0.sin, ($0 .> 0) * 2, select($0 .== 1, 5, -$0)) }
      },
    ]

  /// Each function that expressions are built from, on all of its domain.
  static let functionCases: [ExportCase] =
    UnaryIntrinsic.allCases.map { function in
      // onnxruntime's sigmoid is as accurate as 1 has digits, not as its own small values have.
      ExportCase(
        "function \(function)", [8], tolerance: function == .sigmoid ? nil : .ulps(32),
        inputs: numbers(of: function)
      ) {
        Activation("\(function)") { function($0) }
      }
    }
    + BinaryIntrinsic.allCases.map { function in
      ExportCase("function \(function)", [24], tolerance: .ulps(32)) {
        // Whole numbers on one side, so that some are equal.
        Activation("\(function)") { x in function(x.magnitude + 0.5, (x * 2).magnitude) }
      }
    }

  /// Small, usual and extreme numbers of a function's domain.
  private static func numbers(
    of function: UnaryIntrinsic
  ) -> @Sendable (Int, inout SeededGenerator) -> [Double] {
    { count, generator in
      let few: [Double] =
        switch function {
        case .log, .squareRoot, .reciprocalSquareRoot: [1e-30, 1e-3, 0.5, 0.99, 1.01, 3, 1e30]
        case .logOnePlus: [-0.999, -0.3, -1e-6, 1e-20, 1e-5, 0.7, 1.5, 1e30]
        case .exp, .expMinusOne, .sigmoid: [-80, -3, -1e-4, 0, 1e-20, 1e-5, 0.3, 60]
        case .sin, .cos: [-3, -1e-4, 0, 1e-5, 0.3, 1, 2, 3]
        case .isFinite: [-1e38, .infinity, -.infinity, .nan, 0, 1]
        case .negate, .magnitude, .sign, .tanh, .erf: [-20, -1, -1e-6, 0, 1e-20, 1e-4, 0.3, 4]
        }
      return (0..<count).map { Double(Float(few[$0 % few.count])) }
    }
  }

  // MARK: - Running them

  private static let runtime = Result {
    try ONNXRuntime(cases) { item in
      (try ONNXModel(item.network(.float32), input: item.input), try item.inputs())
    }
  }

  /// The network's own outputs for the batch.
  private static func outputs(_ item: ExportCase, _ dtype: DType) throws -> [Double] {
    let batch = Tensor(
      try item.inputs(), shape: Shape([item.count] + item.input.dimensions), dtype: dtype,
      on: .reference)
    return try predict(item.network(dtype), batch).array(of: Double.self)
  }

  @Test("onnxruntime gives what the network gives", arguments: cases)
  func agrees(_ item: ExportCase) throws {
    let outcome = try #require(try Self.runtime.get().outcomes[item.description])
    guard case .outputs(let batch, let first) = outcome else {
      if case .refusal(let text) = outcome { Issue.record("\(text)") }
      return
    }
    let truth = try Self.outputs(item, .float64)
    let reference = try Self.outputs(item, .float32)
    let setting = Setting(.reference, .float32)
    for found in [batch, first] {
      let expected = Array(truth.prefix(found.count))
      let tolerance =
        item.tolerance
        ?? .yardstick(Array(reference.prefix(found.count)), truth: expected, setting)
      let closeness = Closeness(found, expected, tolerance, dtype: .float32)
      #expect(closeness.holds, "\(closeness)")
      #expect(found.count == (found == batch ? truth.count : truth.count / item.count))
    }
  }
}
