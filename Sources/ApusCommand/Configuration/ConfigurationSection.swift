import Compute
import Yams

/// A mapping of a configuration, read key by key.
///
/// What is read is recorded, defaults included: ``resolved`` is the section as it was understood.
/// A key that nobody asks for is an error.
final class ConfigurationSection {
  let place: Place
  /// What was read so far, in the order of reading.
  private(set) var resolved: [(Node, Node)] = []
  /// The layers of the lists of layers that were read so far.
  var innerLayers: [LayerConfiguration] = []

  private let entries: [(name: String, line: Int?, value: Node)]
  private var knownKeys: [String] = []
  /// The key whose value stands for the whole section, and so at its place.
  private var shortKey: String?

  /// Reads the keys and values of a mapping.
  init(_ node: Node, at place: Place) throws(ConfigurationError) {
    guard let mapping = node.mapping else {
      throw ConfigurationError(
        place, "there is \(node.kindDescription); expected keys and values, such as 'key: value'")
    }
    var entries: [(name: String, line: Int?, value: Node)] = []
    for (key, value) in mapping {
      guard let name = key.scalar?.string else {
        throw ConfigurationError(place, "a key is \(key.kindDescription); expected a name")
      }
      entries.append((name, key.mark?.line, value))
    }
    self.place = place
    self.entries = entries
  }

  /// A section in which nothing is written.
  init(emptyAt place: Place) {
    self.place = place
    entries = []
  }

  /// A section of one key, written short: `linear: 128` for `linear: {units: 128}`.
  init(_ value: Node, standingFor key: String, at place: Place) {
    self.place = place
    entries = [(key, place.line, value)]
    shortKey = key
  }

  /// Where a key stands, or would stand.
  func place(of key: String) -> Place {
    if key == shortKey { return place }
    return place.inside(key, line: entries.first { $0.name == key }?.line)
  }

  // MARK: - Values

  /// The value of a key that may be left out.
  ///
  /// An override, such as an option of the command line, takes the place of either.
  func value<Value>(
    _ key: String, _ expectation: Expectation<Value>, default defaultValue: Value,
    override: Value? = nil
  ) throws(ConfigurationError) -> Value {
    let written = try read(key, expectation)
    return record(key, override ?? written ?? defaultValue, expectation)
  }

  /// The value of a key that must be there.
  func requiredValue<Value>(
    _ key: String, _ expectation: Expectation<Value>
  ) throws(ConfigurationError) -> Value {
    guard let value = try read(key, expectation) else {
      throw missing(key, expected: expectation.description)
    }
    return record(key, value, expectation)
  }

  /// The value of a key, or nil where it is left out and nothing stands for it.
  func optionalValue<Value>(
    _ key: String, _ expectation: Expectation<Value>, override: Value? = nil
  ) throws(ConfigurationError) -> Value? {
    let written = try read(key, expectation)
    return (override ?? written).map { record(key, $0, expectation) }
  }

  /// The values of a key that holds a list of them and must be there; one value alone is a list
  /// too.
  func requiredList<Value>(
    _ key: String, _ expectation: Expectation<Value>
  ) throws(ConfigurationError) -> [Value] {
    let expected = "a list, each \(expectation.description)"
    guard let node = node(key) else { throw missing(key, expected: expected) }
    let nodes = node.sequence.map(Array.init) ?? [node]
    let place = place(of: key)
    guard !nodes.isEmpty, node.mapping == nil else {
      let found = nodes.isEmpty ? "an empty list" : node.kindDescription
      throw ConfigurationError(place, "there is \(found); expected \(expected)")
    }
    var values: [Value] = []
    for (index, node) in nodes.enumerated() {
      let place = nodes.count == 1 ? place : place.item(index, line: node.mark?.line)
      values.append(try expectation.value(of: node, at: place))
    }
    record(key, Node(values.map { .scalar(expectation.write($0)) }, .implicit, .flow))
    return values
  }

  private func read<Value>(
    _ key: String, _ expectation: Expectation<Value>
  ) throws(ConfigurationError) -> Value? {
    guard let node = node(key) else { return nil }
    return try expectation.value(of: node, at: place(of: key))
  }

  private func record<Value>(
    _ key: String, _ value: Value, _ expectation: Expectation<Value>
  ) -> Value {
    record(key, .scalar(expectation.write(value)))
    return value
  }

  // MARK: - Structure

  /// The node of a key, which counts as known from now on; nil where it is left out.
  func node(_ key: String) -> Node? {
    knownKeys.append(key)
    return entries.first { $0.name == key }?.value
  }

  /// Records what a key was understood as.
  func record(_ key: String, _ node: Node) { resolved.append((Node(key), node)) }

  /// Reads the section of a key; one that is left out is read as empty.
  func section<Result>(
    _ key: String, _ read: (ConfigurationSection) throws -> Result
  ) throws -> Result {
    let place = place(of: key)
    let section =
      try node(key).map { try ConfigurationSection($0, at: place) }
      ?? ConfigurationSection(emptyAt: place)
    let result = try section.finish(read)
    record(key, Node(section.resolved))
    return result
  }

  /// Reads this section with `read`, which must ask for all of its keys.
  func finish<Result>(_ read: (ConfigurationSection) throws -> Result) throws -> Result {
    let result = try read(self)
    if let unknown = entries.first(where: { !knownKeys.contains($0.name) }) {
      throw self.unknown(unknown.name)
    }
    return result
  }

  /// The error of a key that is not there.
  func missing(_ key: String, expected: String) -> ConfigurationError {
    // Most often it is there under a name that is a little different.
    let strangers = entries.map(\.name).filter { !knownKeys.contains($0) }
    if let near = nearestName(to: key, among: strangers) { return unknown(near) }
    return ConfigurationError(place(of: key), "the key is missing; expected \(expected)")
  }

  private func unknown(_ key: String) -> ConfigurationError {
    let hint = suggestion(for: key, among: knownKeys)
    let keys =
      knownKeys.isEmpty ? "expected none here" : "expected \(knownKeys.joined(separator: ", "))"
    return ConfigurationError(place(of: key), "there is no such key\(hint); \(keys)")
  }
}

extension Node {
  /// What a user sees at this place, for errors.
  var kindDescription: String {
    switch self {
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    case .scalar(let scalar) where scalar.isNull: "nothing"
    case .scalar(let scalar): "'\(scalar.string)'"
    }
  }
}
