import NeuralNetworks

/// Layers that take a sequence step by step.
extension LayerReader {
  static let simpleRNN = LayerReader(shortKey: "units") { section in
    let units = try section.requiredValue("units", .wholeNumber(1...1_000_000))
    var names: [(name: String, value: RecurrentNormalization?)] = [("none", nil)]
    for normalization in RecurrentNormalization.allCases {
      names.append((normalization.rawValue, normalization))
    }
    let normalization = try section.value(
      "normalization", .oneOf(names) { $0?.rawValue ?? "none" }, default: nil)
    let returnsSequence = try section.value("sequence", .flag, default: false)
    let hasBias = normalization == nil ? try section.value("bias", .flag, default: true) : false
    return SimpleRNN(
      units, normalization: normalization, returnsSequence: returnsSequence, hasBias: hasBias)
  }

  static let lstm = LayerReader(shortKey: "units") { section in
    let units = try section.requiredValue("units", .wholeNumber(1...1_000_000))
    let returnsSequence = try section.value("sequence", .flag, default: false)
    let hasBias = try section.value("bias", .flag, default: true)
    return LSTM(units, returnsSequence: returnsSequence, hasBias: hasBias)
  }

  static let gru = LayerReader(shortKey: "units") { section in
    let units = try section.requiredValue("units", .wholeNumber(1...1_000_000))
    let returnsSequence = try section.value("sequence", .flag, default: false)
    let hasBias = try section.value("bias", .flag, default: true)
    return GRU(units, returnsSequence: returnsSequence, hasBias: hasBias)
  }
}
