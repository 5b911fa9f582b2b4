import Compute
import NeuralNetworks
import Tensors
import Yams

/// The section `model`: a list of layers.
struct ModelConfiguration {
  /// A layer, and where it stands.
  struct Item {
    let place: Place
    let layer: any Layer
  }

  let items: [Item]
  let place: Place

  /// Reads the list.
  init(_ section: ConfigurationSection, key: String) throws {
    place = section.place(of: key)
    let expected = "a list of layers, such as '- linear: 128'"
    guard let node = section.node(key) else {
      throw section.missing(key, expected: expected)
    }
    guard let list = node.sequence, !list.isEmpty else {
      throw ConfigurationError(
        place,
        "there is \(node.sequence == nil ? node.kindDescription : "an empty list"); expected \(expected)"
      )
    }
    var items: [Item] = []
    var resolved: [Node] = []
    for (index, node) in list.enumerated() {
      let choice = try Choice(
        node, at: place.item(index, line: node.mark?.line), of: "a layer", among: Self.layerNames)
      let (layer, settings) = try Self.layer(choice)
      items.append(Item(place: choice.place, layer: layer))
      resolved.append(settings)
    }
    section.record(key, Node(resolved))
    self.items = items
  }

  // MARK: - Layers

  private enum Kind: String, CaseIterable {
    case linear
    case batchNorm
    case dropout
    case flatten
  }

  private static var layerNames: [String] { Kind.allCases.map(\.rawValue) + Activation.names }

  private static func layer(_ choice: Choice) throws -> (any Layer, Node) {
    guard let kind = Kind(rawValue: choice.name) else { return try activation(choice) }
    return switch kind {
    case .linear: try choice.settings(shortKey: "units", linear)
    case .batchNorm: try choice.settings(batchNorm)
    case .dropout: try choice.settings(shortKey: "probability", dropout)
    case .flatten: try choice.settings { _ in Flatten() }
    }
  }

  private static func linear(_ section: ConfigurationSection) throws -> any Layer {
    let units = try section.requiredValue("units", .wholeNumber(1...1_000_000))
    let hasBias = try section.value("bias", .flag, default: true)
    let weight = try initializer("initializer", section)
    let bias = hasBias ? try initializer("biasInitializer", section) : .zeros
    return Linear(units, hasBias: hasBias, weight: weight, bias: bias)
  }

  private static func batchNorm(_ section: ConfigurationSection) throws -> any Layer {
    let momentum = try section.value("momentum", .number(.share), default: 0.1)
    let epsilon = try section.value("eps", .number(.positive), default: 1e-5)
    let isAffine = try section.value("affine", .flag, default: true)
    return BatchNorm(momentum: momentum, epsilon: epsilon, isAffine: isAffine)
  }

  private static func dropout(_ section: ConfigurationSection) throws -> any Layer {
    Dropout(try section.value("probability", .number(.fraction), default: 0.5))
  }

  private static func activation(_ choice: Choice) throws -> (any Layer, Node) {
    let (setting, resolved) = try choice.setting(.number(.any))
    guard let activation = Activation.named(choice.name, setting: setting) else {
      throw choice.wrongSetting(isMissing: setting == nil)
    }
    return (ActivationLayer(activation), resolved)
  }

  /// How a parameter of a layer starts: `heNormal`, or with a setting `{normal: 0.01}`.
  private static func initializer(
    _ key: String, _ section: ConfigurationSection
  ) throws -> Initializer {
    let usual = "torchLinear"
    let choice = try Choice(
      section.node(key) ?? Node(usual), at: section.place(of: key), of: "an initializer",
      among: Initializer.names)
    let (setting, resolved) = try choice.setting(.number(.any))
    guard let initializer = Initializer.named(choice.name, setting: setting) else {
      throw choice.wrongSetting(isMissing: setting == nil)
    }
    section.record(key, resolved)
    return initializer
  }
}

// MARK: - Building

extension ModelConfiguration {
  /// The network, with the shape of one example after each layer.
  struct Built {
    let network: Sequential
    let outputShapes: [Shape]
  }

  /// Builds the network for examples of a shape.
  ///
  /// Throws ``ConfigurationError`` at the layer whose input does not fit, or at the last one when
  /// what it gives is not what the loss takes for the classes.
  func build(input: Shape, classCount: Int, loss: LossConfiguration) throws -> Built {
    var shapes: [Shape] = []
    var shape = input
    for item in items {
      do {
        shape = try item.layer.build(input: shape)
      } catch {
        throw ConfigurationError(item.place, "\(error)")
      }
      shapes.append(shape)
    }
    let needed = try loss.outputCount(classCount: classCount)
    if shape != [needed], let last = items.last {
      throw ConfigurationError(
        last.place,
        """
        the last layer gives \(counted(shape.count, "output")), but \(loss.name) takes \(needed) \
        for \(counted(classCount, "class", plural: "classes")); expected 'linear: \(needed)' at \
        the end
        """)
    }
    return Built(network: Sequential(items.map(\.layer)), outputShapes: shapes)
  }

  /// Whether a layer takes statistics over a batch, which one row alone does not have.
  var needsBatches: Bool { items.contains { $0.layer is BatchNorm } }
}
