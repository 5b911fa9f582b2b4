import NeuralNetworks
import Tensors
import Yams

/// A layer of a configuration, and where it stands.
struct LayerConfiguration {
  let place: Place
  let layer: any Layer
  /// The layers in this one's settings, such as those of a residual block.
  let inner: [LayerConfiguration]

  /// The layers with settings of their own; activations have their own names.
  private enum Kind: String, CaseIterable {
    case linear
    case batchNorm
    case meanOnlyBatchNorm
    case layerNorm
    case rmsNorm
    case groupNorm
    case instanceNorm
    case weightNorm
    case conv1d
    case conv2d
    case convTranspose2d
    case maxPool1d
    case maxPool2d
    case minPool1d
    case minPool2d
    case averagePool1d
    case averagePool2d
    case globalAveragePool
    case globalMaxPool
    case dropout
    case flatten
    case reshape
    case multiply
    case embedding
    case residual
    case concatenate
    case simpleRNN
    case lstm
    case gru
    case prelu
    case glu
    case softmax
    case logSoftmax
    case maxout
    case perUnit
    case activation

    var reader: LayerReader {
      switch self {
      case .linear: .linear
      case .conv1d: .conv1d
      case .conv2d: .conv2d
      case .convTranspose2d: .convTranspose2d
      case .maxPool1d: .maxPool1d
      case .maxPool2d: .maxPool2d
      case .minPool1d: .minPool1d
      case .minPool2d: .minPool2d
      case .averagePool1d: .averagePool1d
      case .averagePool2d: .averagePool2d
      case .globalAveragePool: .globalAveragePool
      case .globalMaxPool: .globalMaxPool
      case .batchNorm: .batchNorm
      case .meanOnlyBatchNorm: .meanOnlyBatchNorm
      case .layerNorm: .layerNorm
      case .rmsNorm: .rmsNorm
      case .groupNorm: .groupNorm
      case .instanceNorm: .instanceNorm
      case .weightNorm: .weightNorm
      case .dropout: .dropout
      case .flatten: .flatten
      case .reshape: .reshape
      case .multiply: .multiply
      case .embedding: .embedding
      case .residual: .residual
      case .concatenate: .concatenate
      case .simpleRNN: .simpleRNN
      case .lstm: .lstm
      case .gru: .gru
      case .prelu: .prelu
      case .glu: .glu
      case .softmax: .softmax
      case .logSoftmax: .logSoftmax
      case .maxout: .maxout
      case .perUnit: .perUnit
      case .activation: .activation
      }
    }
  }

  private static let names = Kind.allCases.map(\.rawValue) + Activation.names

  /// Reads a layer; also gives it as it was understood.
  fileprivate static func read(
    _ node: Node, at place: Place
  ) throws -> (LayerConfiguration, resolved: Node) {
    let choice = try Choice(node, at: place, of: "a layer", among: names)
    guard let reader = Kind(rawValue: choice.name)?.reader else {
      let (layer, resolved) = try activation(choice)
      return (LayerConfiguration(place: choice.place, layer: layer, inner: []), resolved)
    }
    let ((layer, inner), resolved) = try choice.settings(
      shortKey: reader.shortKey, isShortMapping: reader.isShortMapping
    ) { section in
      (try reader.read(section), section.innerLayers)
    }
    return (LayerConfiguration(place: choice.place, layer: layer, inner: inner), resolved)
  }

  /// Reads a list of layers; also gives it as it was understood.
  static func list(
    _ node: Node, at place: Place
  ) throws -> (layers: [LayerConfiguration], resolved: Node) {
    guard let list = node.sequence, !list.isEmpty else {
      throw ConfigurationError(
        place,
        "there is \(node.sequence == nil ? node.kindDescription : "an empty list"); expected \(listDescription)"
      )
    }
    var layers: [LayerConfiguration] = []
    var resolved: [Node] = []
    for (index, node) in list.enumerated() {
      let (layer, settings) = try read(node, at: place.item(index, line: node.mark?.line))
      layers.append(layer)
      resolved.append(settings)
    }
    return (layers, Node(resolved))
  }

  static let listDescription = "a list of layers, such as '- linear: 128'"

  /// The layers in this one's settings, and this one behind them.
  var all: [LayerConfiguration] { inner.flatMap(\.all) + [self] }
}

/// How the settings of a layer are read.
struct LayerReader: Sendable {
  /// The setting that may be written short: the 128 of `linear: 128`.
  let shortKey: String?
  /// Whether what is written short is a mapping itself, as a layer may be.
  let isShortMapping: Bool
  let read: @Sendable (ConfigurationSection) throws -> any Layer

  init(
    shortKey: String? = nil, isShortMapping: Bool = false,
    read: @escaping @Sendable (ConfigurationSection) throws -> any Layer
  ) {
    self.shortKey = shortKey
    self.isShortMapping = isShortMapping
    self.read = read
  }
}

extension ConfigurationSection {
  /// The layer of a key that holds one, which must be there.
  func layer(_ key: String) throws -> LayerConfiguration {
    guard let node = node(key) else {
      throw missing(key, expected: "a layer, such as 'linear: 128'")
    }
    let (layer, resolved) = try LayerConfiguration.read(node, at: place(of: key))
    record(key, resolved)
    innerLayers.append(layer)
    return layer
  }

  /// The layers of a key that holds a list of them, which must be there.
  func layers(_ key: String) throws -> [any Layer] {
    guard let node = node(key) else {
      throw missing(key, expected: LayerConfiguration.listDescription)
    }
    return try layers(node, key: key)
  }

  /// The layers of a key that holds a list of them, or nil where it is left out.
  func optionalLayers(_ key: String) throws -> [any Layer]? {
    try node(key).map { try layers($0, key: key) }
  }

  private func layers(_ node: Node, key: String) throws -> [any Layer] {
    let (layers, resolved) = try LayerConfiguration.list(node, at: place(of: key))
    record(key, resolved)
    innerLayers += layers
    return layers.map(\.layer)
  }

  /// The layers of a key that holds a list of lists of them, which must be there.
  func layerLists(_ key: String) throws -> [[any Layer]] {
    let place = place(of: key)
    let expected = "a list of lists of layers, such as '- [linear: 64, relu]'"
    guard let node = node(key) else { throw missing(key, expected: expected) }
    guard let list = node.sequence, !list.isEmpty else {
      throw ConfigurationError(
        place,
        "there is \(node.sequence == nil ? node.kindDescription : "an empty list"); expected \(expected)"
      )
    }
    var lists: [[any Layer]] = []
    var resolved: [Node] = []
    for (index, node) in list.enumerated() {
      let list = try LayerConfiguration.list(
        node, at: place.item(index, line: node.mark?.line))
      innerLayers += list.layers
      lists.append(list.layers.map(\.layer))
      resolved.append(list.resolved)
    }
    record(key, Node(resolved))
    return lists
  }
}
