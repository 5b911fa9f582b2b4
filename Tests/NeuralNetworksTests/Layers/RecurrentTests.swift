import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct RecurrentTests {
  private static let cases: [(name: String, make: @Sendable () -> Recurrent)] = [
    ("rnn", { SimpleRNN(4, returnsSequence: true) }),
    ("rnn_relu", { SimpleRNN(4, activation: .relu, returnsSequence: true) }),
    ("lstm", { LSTM(4, returnsSequence: true) }),
    ("gru", { GRU(4, returnsSequence: true) }),
  ]

  @Test("Recurrent layers are PyTorch's, with gradients through all steps", arguments: Setting.all)
  func parity(setting: Setting) throws {
    for (name, make) in Self.cases {
      let states = (0..<(name == "lstm" ? 2 : 1)).map { "state_\($0)" }
      let parameters = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
      let parity = Parity(Golden.recurrence[name], ["x"] + states + parameters) { tensors in
        let layer = make()
        guard (try? layer.build(input: [6, 3])) == [6, 4] else { fatalError("\(name)") }
        layer.initialize(seed: 1, on: tensors[0].device, dtype: tensors[0].dtype)
        let state = Array(tensors[1...states.count])
        return layer.substituting(Array(tensors[(1 + states.count)...])) {
          layer.run(tensors[0], from: state).output
        }
      }
      // Six steps, each with the roundings of some twenty operations before it.
      try parity.check(in: setting, epsilons: 256)
    }
  }

  @Test("A state_dict of PyTorch's loads by name")
  func loading() throws {
    for (name, make) in Self.cases {
      let layer = make()
      _ = try layer.build(input: [6, 3])
      layer.initialize(seed: 1, on: .reference, dtype: .float64)
      let setting = Setting(.reference, .float64)
      let golden = Golden.recurrence[name]
      let names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
      let state = try names.map { name in
        Safetensors.NamedArray(
          name: name, dtype: .float64, shape: golden.shape(name),
          bytes: try golden.tensor(name, setting).bytes())
      }
      try layer.load(Safetensors(state))
      #expect(try layer.savedState() == Safetensors(state))
    }
  }

  @Test("A layer is its cell, step by step, and goes on from a state", arguments: Setting.all)
  func steps(setting: Setting) throws {
    for make in Self.cases.map(\.make) {
      let layer = make()
      _ = try layer.build(input: [5, 2])
      layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
      let x = Tensor.normal(
        [3, 5, 2], key: RandomKey(seed: 2), dtype: setting.dtype, on: setting.device)
      let (all, end) = layer.run(x)
      #expect(all.shape == [3, 5, 4])
      var state = layer.cell.zeroState(3, like: x)
      for step in 0..<5 {
        state = layer.cell(x[.all, step], from: state)
        try expectClose(all[.all, step], try state[0].array(), .exact)
      }
      for (state, end) in zip(state, end) { try expectClose(end, try state.array(), .exact) }
      let half = layer.run(x[.all, 0..<2]).state
      try expectClose(
        layer.run(x[.all, 2..<5], from: half).state[0], try end[0].array(), .exact)
      let last = Recurrent(layer.cell)
      try expectClose(last(x), try end[0].array(), .exact)
    }
  }

  @Test("Shapes and names say what is computed")
  func building() throws {
    #expect(try LSTM(7).build(input: [5, 2]) == [7])
    #expect(try GRU(7, returnsSequence: true).build(input: [5, 2]) == [5, 7])
    let model = try Sequential(input: [5, 2], seed: 1, on: .reference) {
      SimpleRNN(3, normalization: .layer, returnsSequence: true)
      LSTM(4)
    }
    #expect(
      model.summary == "Sequential(SimpleRNN(2, 3, layer norm, sequence), LSTM(3, 4))")
    #expect(
      Array(model.parameters.keys) == [
        "0.weight_ih_l0", "0.weight_hh_l0", "0.norm_l0.weight", "0.norm_l0.bias",
        "1.weight_ih_l0", "1.weight_hh_l0", "1.bias_ih_l0", "1.bias_hh_l0",
      ])
    let error = #expect(throws: ModelError.self) { try LSTM(3).build(input: [4]) }
    #expect(error?.problem == "LSTM needs an input [steps, in] for each example, not [4]")
  }

  // MARK: - Normalisation

  /// A recurrent classifier whose sums are normalised at each step.
  private func classifier(_ normalization: RecurrentNormalization, seed: UInt64) throws
    -> Sequential
  {
    try Sequential(input: [10, 1], seed: seed, on: .reference, dtype: .float64) {
      SimpleRNN(16, normalization: normalization)
      Linear(2)
    }
  }

  /// Sequences whose class is the sign of their first number, with nothing behind it.
  private func sequences(_ count: Int, seed: UInt64) throws -> Examples {
    let first = Tensor.normal(
      [count, 1, 1], key: RandomKey(seed: seed), dtype: .float64, on: .reference)
    let rest = Tensor.zeros([count, 9, 1], dtype: .float64, on: .reference)
    return Examples(
      inputs: concatenate([first, rest], axis: 1),
      targets: (first.reshaped(to: [-1]) .> 0.0).cast(to: .int32))
  }

  @Test("Layer norm suits recurrence and batch norm does not", arguments: [1, 2, 3] as [UInt64])
  func normalization(seed: UInt64) throws {
    let examples = try sequences(320, seed: seed)
    let heldOut = try sequences(256, seed: seed + 10)
    var losses: [RecurrentNormalization: Double] = [:]
    for normalization in RecurrentNormalization.allCases {
      let model = try classifier(normalization, seed: seed)
      try train(
        model, with: Adam(model, learningRate: 0.01), loss: .crossEntropy, on: examples,
        plan: TrainingPlan(epochs: 1, batchSize: 4))
      losses[normalization] = try evaluate(model, loss: .crossEntropy, on: heldOut).loss
    }
    let (layer, batch) = (try #require(losses[.layer]), try #require(losses[.batch]))
    #expect(layer < 0.05, "layer norm \(layer), batch norm \(batch), seed \(seed)")
    #expect(batch > 3 * layer, "layer norm \(layer), batch norm \(batch), seed \(seed)")
  }

  @Test("Running estimates of all steps are those of none")
  func estimates() throws {
    let x = try sequences(64, seed: 5).inputs
    for normalization in RecurrentNormalization.allCases {
      let model = try classifier(normalization, seed: 4)
      let trained = try model(x).array(of: Double.self)
      // Time enough for the estimates to settle on this very batch.
      for _ in 0..<100 { _ = model(x) }
      model.mode = .evaluation
      let used = try model(x).array(of: Double.self)
      let distance = zip(trained, used).map { ($0 - $1).magnitude }.max() ?? 0
      switch normalization {
      case .layer: #expect(distance == 0)
      case .batch: #expect(distance > 0.1, "\(distance)")
      }
    }
  }
}
