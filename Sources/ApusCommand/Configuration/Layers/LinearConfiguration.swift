import NeuralNetworks

/// Layers of weighted sums.
extension LayerReader {
  static let linear = LayerReader(shortKey: "units") { section in
    let units = try section.requiredValue("units", .wholeNumber(1...1_000_000))
    let hasBias = try section.value("bias", .flag, default: true)
    let weight = try section.initializer("initializer")
    let bias = hasBias ? try section.initializer("biasInitializer") : .zeros
    return Linear(units, hasBias: hasBias, weight: weight, bias: bias)
  }
}
