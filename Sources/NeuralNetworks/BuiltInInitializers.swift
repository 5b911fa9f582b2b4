public import Compute

// To add an initialiser, declare it in an extension of `Initializer` and name it here.

/// A built-in initialiser as configurations name it, with the settings that it takes.
public struct BuiltInInitializer: Sendable {
  /// The name.
  public let name: String
  /// The numbers that it takes, such as a deviation; the first may be written short.
  public let settings: [NumericSetting]
  /// Which fan the variance is divided by, where that may be chosen.
  public let usualMode: Initializer.FanMode?
  private let make: @Sendable (_ values: [Double], _ mode: Initializer.FanMode) -> Initializer

  fileprivate init(_ name: String, _ initializer: Initializer) {
    self.init(name, []) { _, _ in initializer }
  }

  fileprivate init(
    _ name: String, _ settings: [NumericSetting], mode: Initializer.FanMode? = nil,
    _ make: @escaping @Sendable (_ values: [Double], _ mode: Initializer.FanMode) -> Initializer
  ) {
    self.name = name
    self.settings = settings
    usualMode = mode
    self.make = make
  }

  /// Whether one of the settings is a gain, which ``Initializer/gain(for:)`` gives for an activation.
  public var hasGain: Bool { settings.contains { $0.name == "gain" } }

  /// The initialiser; nil where a value is missing, out of bounds, or one too many.
  ///
  /// - Parameters:
  ///   - values: The settings, in order; those left out at the end are as usual.
  ///   - mode: Which fan the variance is divided by; nil for the usual one.
  public func initializer(
    _ values: [Double] = [], mode: Initializer.FanMode? = nil
  ) -> Initializer? {
    guard values.count <= settings.count, mode == nil || usualMode != nil else { return nil }
    var settled: [Double] = []
    for (position, setting) in settings.enumerated() {
      guard
        let value = position < values.count ? values[position] : setting.usual,
        setting.bounds.contains(value)
      else { return nil }
      settled.append(value)
    }
    return make(settled, mode ?? usualMode ?? .fanIn)
  }
}

extension Initializer {
  /// The built-in initialisers.
  public static let builtIn: [BuiltInInitializer] = {
    let gain = NumericSetting("gain", usual: 1, .positive)
    let rectified = NumericSetting("gain", usual: rectifierGain, .positive)
    let deviation = NumericSetting("deviation", .nonNegative)
    return [
      .init("zeros", zeros),
      .init("ones", ones),
      .init("constant", [.init("value")]) { values, _ in constant(values[0]) },
      .init("uniform", [.init("limit", .nonNegative)]) { values, _ in uniform(values[0]) },
      .init("normal", [deviation]) { values, _ in normal(deviation: values[0]) },
      .init("truncatedNormal", [deviation]) { values, _ in
        truncatedNormal(deviation: values[0])
      },
      .init("glorotUniform", [gain]) { values, _ in glorotUniform(gain: values[0]) },
      .init("glorotNormal", [gain]) { values, _ in glorotNormal(gain: values[0]) },
      .init("xavierUniform", [gain]) { values, _ in glorotUniform(gain: values[0]) },
      .init("xavierNormal", [gain]) { values, _ in glorotNormal(gain: values[0]) },
      .init("xavier", xavier()),
      .init("heUniform", [rectified], mode: .fanIn) { heUniform(gain: $0[0], mode: $1) },
      .init("heNormal", [rectified], mode: .fanIn) { heNormal(gain: $0[0], mode: $1) },
      .init("kaimingUniform", [rectified], mode: .fanIn) { heUniform(gain: $0[0], mode: $1) },
      .init("kaimingNormal", [rectified], mode: .fanIn) { heNormal(gain: $0[0], mode: $1) },
      .init("lecunUniform", lecunUniform()),
      .init("lecunNormal", lecunNormal()),
      .init("torchLinear", torchLinear()),
      .init("orthogonal", [gain]) { values, _ in orthogonal(gain: values[0]) },
      .init("identity", [gain]) { values, _ in identity(gain: values[0]) },
      .init(
        "sparse",
        [.init("sparsity", usual: 0.9, .share), .init("deviation", usual: 0.01, .nonNegative)]
      ) { values, _ in sparse(sparsity: values[0], deviation: values[1]) },
    ]
  }()

  /// The names of the initialisers, synonyms among them.
  public static var names: [String] { builtIn.map(\.name) }

  /// The initialiser of a name; nil when there is none, or none with such a setting.
  public static func named(_ name: String, setting: Double? = nil) -> Initializer? {
    builtIn.first { $0.name == name }?.initializer(setting.map { [$0] } ?? [])
  }
}
