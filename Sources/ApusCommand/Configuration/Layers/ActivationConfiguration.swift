import Compute
import NeuralNetworks
import Tensors
import Yams

/// An activation where one is a value: a name, a name with its setting, or an expression of x.
struct ActivationConfiguration {
  let activation: Activation
  let resolved: Node

  static let expected = "an activation's name, or an expression of x, such as 'x + cos(3*x)'"

  /// Reads `relu`, `{leakyReLU: 0.2}` or `x + cos(3*x)`.
  init(_ node: Node, at place: Place) throws {
    if let scalar = node.scalar, !scalar.isNull, !Activation.names.contains(scalar.string) {
      self = try Self.written(scalar.string, at: place)
      return
    }
    guard node.mapping != nil || node.scalar?.isNull == false else {
      throw ConfigurationError(
        place, "there is \(node.kindDescription); expected \(Self.expected)")
    }
    try self.init(Choice(node, at: place, of: "an activation", among: Activation.names))
  }

  private init(activation: Activation, resolved: Node) {
    self.activation = activation
    self.resolved = resolved
  }

  /// Reads an expression of x.
  private static func written(_ text: String, at place: Place) throws -> ActivationConfiguration {
    do throws(ExpressionSyntaxError) {
      return ActivationConfiguration(
        activation: try Activation(parsing: text), resolved: .scalar(text.represented()))
    } catch {
      throw ConfigurationError(place, "\(error)")
    }
  }

  /// Reads a built-in activation.
  init(_ choice: Choice) throws {
    let builtIn = Activation.builtIn.first { $0.name == choice.name }
    if let setting = builtIn?.setting {
      let (activation, resolved) = try choice.settings(shortKey: setting.name) {
        section -> Activation? in
        let value =
          if let usual = setting.usual {
            try section.value(setting.name, .number(setting.bounds), default: usual)
          } else {
            try section.requiredValue(setting.name, .number(setting.bounds))
          }
        return builtIn?.activation(setting: value)
      }
      guard let activation else { throw choice.wrongSetting(isMissing: false) }
      self.activation = activation
      self.resolved = resolved
    } else {
      guard let activation = builtIn?.activation(), !choice.hasSettings else {
        throw choice.wrongSetting(isMissing: false)
      }
      self.activation = activation
      resolved = Node(choice.name)
    }
  }
}

/// Activations, each of which is a layer by its own name.
extension LayerConfiguration {
  static func activation(_ choice: Choice) throws -> (any Layer, Node) {
    let configuration = try ActivationConfiguration(choice)
    return (ActivationLayer(configuration.activation), configuration.resolved)
  }
}

/// Activations that somebody wrote, or that are more than a function of one number.
extension LayerReader {
  /// `activation: "x + cos(3*x)"`, or `activation: {leakyReLU: 0.2}`.
  static let activation = LayerReader(shortKey: "function", isShortMapping: true) { section in
    let key = "function"
    guard let node = section.node(key) else {
      throw section.missing(key, expected: ActivationConfiguration.expected)
    }
    let configuration = try ActivationConfiguration(node, at: section.place(of: key))
    section.record(key, configuration.resolved)
    return ActivationLayer(configuration.activation)
  }

  /// `perUnit: [cos, identity, {leakyReLU: 0.2}, "x^2"]`.
  static let perUnit = LayerReader(shortKey: "activations") { section in
    let key = "activations"
    let place = section.place(of: key)
    let expected = "a list of activations, such as [cos, identity]"
    guard let node = section.node(key) else { throw section.missing(key, expected: expected) }
    guard let list = node.sequence, !list.isEmpty else {
      let found = node.sequence == nil ? node.kindDescription : "an empty list"
      throw ConfigurationError(place, "there is \(found); expected \(expected)")
    }
    let configurations = try list.enumerated().map { index, node in
      try ActivationConfiguration(node, at: place.item(index, line: node.mark?.line))
    }
    section.record(key, Node(configurations.map(\.resolved)))
    return PerUnit(configurations.map(\.activation))
  }

  /// `prelu`, or `prelu: {perChannel: true, slope: 0.25}`.
  static let prelu = LayerReader { section in
    let isPerChannel = try section.value("perChannel", .flag, default: false)
    let slope = try section.value("slope", .number(.any), default: 0.25)
    return PReLU(isPerChannel: isPerChannel, slope: slope)
  }

  static let glu = LayerReader { _ in GLU() }

  static let softmax = LayerReader { _ in Softmax() }

  static let logSoftmax = LayerReader { _ in LogSoftmax() }

  /// `maxout: 32`, or `maxout: {units: 32, pieces: 3}`.
  static let maxout = LayerReader(shortKey: "units") { section in
    let units = try section.requiredValue("units", .wholeNumber(1...1_000_000))
    let pieces = try section.value("pieces", .wholeNumber(1...1000), default: 2)
    let hasBias = try section.value("bias", .flag, default: true)
    let weight = try section.initializer("initializer")
    let bias = hasBias ? try section.initializer("biasInitializer") : .zeros
    return Maxout(units, pieces: pieces, hasBias: hasBias, weight: weight, bias: bias)
  }
}
