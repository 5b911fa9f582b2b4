import NeuralNetworks
import Yams

/// Layers of weights.
extension LayerReader {
  static let linear = LayerReader(shortKey: "units") { section in
    let units = try section.requiredValue("units", .wholeNumber(1...1_000_000))
    let hasBias = try section.value("bias", .flag, default: true)
    let weight = try section.initializer("initializer")
    let bias = hasBias ? try section.initializer("biasInitializer") : .zeros
    return Linear(units, hasBias: hasBias, weight: weight, bias: bias)
  }

  static let multiply = LayerReader(shortKey: "units") { section in
    let units = try section.requiredValue("units", .wholeNumber(1...1_000_000))
    let weight = try section.initializer("initializer")
    let bias = try section.initializer("biasInitializer", default: "ones")
    return Multiply(units, weight: weight, bias: bias)
  }

  static let embedding = LayerReader { section in
    let rows = try section.requiredValue("rows", .wholeNumber(1...1_000_000_000))
    let width = try section.requiredValue("width", .wholeNumber(1...1_000_000))
    let padding = try section.optionalValue("padding", .wholeNumber(0...(rows - 1)))
    let weight = try section.initializer(
      "initializer", default: ["normal": Node("1", .implicit, .plain)])
    return Embedding(rows, width, paddingIndex: padding, weight: weight)
  }
}
