import NeuralNetworks
import Tensors
import Yams

/// Layers that take a sequence step by step.
extension LayerReader {
  static let simpleRNN = LayerReader(shortKey: "units") { section in
    let units = try section.unitsOfSequence()
    let activation = try section.activation("activation", default: .tanh)
    var names: [(name: String, value: RecurrentNormalization?)] = [("none", nil)]
    for normalization in RecurrentNormalization.allCases {
      names.append((normalization.rawValue, normalization))
    }
    let normalization = try section.value(
      "normalization", .oneOf(names) { $0?.rawValue ?? "none" }, default: nil)
    let returnsSequence = try section.returnsSequence()
    let (weight, bias) = try section.recurrentInitializers(mayHaveBias: normalization == nil)
    return SimpleRNN(
      units, activation: activation, normalization: normalization,
      returnsSequence: returnsSequence, hasBias: bias != nil, weight: weight, bias: bias ?? .zeros)
  }

  static let lstm = LayerReader(shortKey: "units") { section in
    let units = try section.unitsOfSequence()
    let returnsSequence = try section.returnsSequence()
    let (weight, bias) = try section.recurrentInitializers()
    return LSTM(
      units, returnsSequence: returnsSequence, hasBias: bias != nil, weight: weight,
      bias: bias ?? .zeros)
  }

  static let gru = LayerReader(shortKey: "units") { section in
    let units = try section.unitsOfSequence()
    let returnsSequence = try section.returnsSequence()
    let (weight, bias) = try section.recurrentInitializers()
    return GRU(
      units, returnsSequence: returnsSequence, hasBias: bias != nil, weight: weight,
      bias: bias ?? .zeros)
  }
}

extension ConfigurationSection {
  fileprivate func unitsOfSequence() throws -> Int {
    try requiredValue("units", .wholeNumber(1...1_000_000))
  }

  fileprivate func returnsSequence() throws -> Bool {
    try value("sequence", .flag, default: false)
  }

  /// How weights and biases start, those of the input and those of the recurrence alike; nil where
  /// there is no bias.
  fileprivate func recurrentInitializers(
    mayHaveBias: Bool = true
  ) throws -> (weight: Initializer, bias: Initializer?) {
    let hasBias = mayHaveBias ? try value("bias", .flag, default: true) : false
    let weight = try initializer("initializer")
    return (weight, hasBias ? try initializer("biasInitializer") : nil)
  }

  /// The activation of a key.
  fileprivate func activation(_ key: String, default usual: Activation) throws -> Activation {
    let configuration = try ActivationConfiguration(
      node(key) ?? Node(usual.name), at: place(of: key))
    record(key, configuration.resolved)
    return configuration.activation
  }
}
