import Compute
import NeuralNetworks

/// The key `regularization`, which may be left out: penalties, the largest norm of rows, clipping.
struct WeightRegularizationConfiguration {
  let regularization: Regularization

  init(_ section: ConfigurationSection, key: String) throws {
    guard section.node(key) != nil else {
      regularization = .none
      return
    }
    regularization = try section.section(key) { section in
      func number(_ key: String, _ bounds: NumberBounds) throws -> Double? {
        try section.optionalValue(key, .number(bounds))
      }
      return Regularization(
        l1: try number("l1", .nonNegative) ?? 0, l2: try number("l2", .nonNegative) ?? 0,
        maxNorm: try number("maxNorm", .positive), clipValue: try number("clipValue", .positive),
        clipNorm: try number("clipNorm", .positive))
    }
  }
}
