import Yams

/// One of several named things, with its settings where it has any.
///
/// Written `relu`, `linear: 128`, where the number stands for the setting that matters most, or
/// `linear: {units: 128, bias: false}`.
struct Choice {
  /// Where the name stands.
  let place: Place
  let name: String
  private let value: Node?

  /// Whether anything is written behind the name.
  var hasSettings: Bool { value != nil }

  /// Reads a choice.
  ///
  /// - Parameters:
  ///   - kind: Of what, such as `a layer`.
  ///   - names: What there is to choose from.
  ///   - synonyms: Other words, in lower case, for names that are then suggested.
  init(
    _ node: Node, at place: Place, of kind: String, among names: [String],
    synonyms: [String: String] = [:]
  ) throws(ConfigurationError) {
    let expected = "expected \(kind), one of \(names.joined(separator: ", "))"
    switch node {
    case .scalar(let scalar) where !scalar.isNull:
      name = scalar.string
      value = nil
      self.place = place.inside(name, line: node.mark?.line)
    case .mapping(let mapping):
      guard let (key, value) = mapping.first, let name = key.scalar?.string else {
        throw ConfigurationError(place, "there is \(node.kindDescription); \(expected)")
      }
      guard mapping.count == 1 else {
        let names = mapping.compactMap { $0.key.scalar?.string }.joined(separator: ", ")
        throw ConfigurationError(
          place, "there are several keys, \(names); \(expected), with its settings in braces")
      }
      self.name = name
      self.value = value.scalar?.isNull == true ? nil : value
      self.place = place.inside(name, line: key.mark?.line)
    default:
      throw ConfigurationError(place, "there is \(node.kindDescription); \(expected)")
    }
    guard names.contains(name) else {
      let hint =
        synonyms[name.lowercased()].map { " (did you mean '\($0)'?)" }
        ?? suggestion(for: name, among: names)
      throw ConfigurationError(place, "there is no '\(name)'\(hint); \(expected)")
    }
  }

  /// Reads the settings, of which one may be written short.
  ///
  /// What is written short may be a mapping itself if `isShortMapping`, unless it has that key.
  /// Also gives the choice as it was understood, with every setting.
  func settings<Result>(
    shortKey: String? = nil, isShortMapping: Bool = false,
    _ read: (ConfigurationSection) throws -> Result
  ) throws -> (result: Result, resolved: Node) {
    let section: ConfigurationSection
    if let value, let shortKey,
      value.mapping.map({ isShortMapping && $0[Node(shortKey)] == nil }) ?? true
    {
      section = ConfigurationSection(value, standingFor: shortKey, at: place)
    } else if let value {
      section = try ConfigurationSection(value, at: place)
    } else {
      section = ConfigurationSection(emptyAt: place)
    }
    let result = try section.finish(read)
    let settings = section.resolved
    return (result, settings.isEmpty ? Node(name) : Node([(Node(name), Node(settings))]))
  }

  /// The error of a setting that the thing of this name does not take, or must have.
  func wrongSetting(isMissing: Bool) -> ConfigurationError {
    ConfigurationError(
      place,
      isMissing
        ? "'\(name)' needs a number; expected '\(name): 0.1' or the like"
        : "'\(name)' takes no setting; expected '\(name)' alone")
  }
}
