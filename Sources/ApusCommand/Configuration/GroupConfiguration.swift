import Compute
import NeuralNetworks
import Yams

/// An item of `optimizer.groups`: settings of the parameters that a pattern matches.
struct GroupConfiguration {
  let group: ParameterGroup
  /// The group as it was understood.
  let resolved: Node
  private let pattern: String
  private let place: Place

  /// Reads the list.
  static func all(in node: Node, at place: Place) throws -> [GroupConfiguration] {
    guard let list = node.sequence, !list.isEmpty else {
      throw ConfigurationError(
        place,
        """
        there is \(node.sequence == nil ? node.kindDescription : "an empty list"); expected a list \
        of groups, such as '- {match: "*.bias", weightDecay: 0}'
        """)
    }
    return try list.enumerated().map { index, node in
      try Self(node, at: place.item(index, line: node.mark?.line))
    }
  }

  private init(_ node: Node, at place: Place) throws {
    let section = try ConfigurationSection(node, at: place)
    let (pattern, group) = try section.finish { section in
      let pattern = try section.requiredValue(
        "match", .text("a pattern of parameter names, such as '*.bias' or '0.*'"))
      func number(_ key: String, _ bounds: NumberBounds) throws -> Double? {
        try section.optionalValue(key, .number(bounds))
      }
      let group = ParameterGroup(
        pattern, learningRateFactor: try number("learningRateFactor", .nonNegative),
        weightDecay: try number("weightDecay", .nonNegative), l1: try number("l1", .nonNegative),
        l2: try number("l2", .nonNegative), maxNorm: try number("maxNorm", .positive),
        isFrozen: try section.optionalValue("frozen", .flag))
      return (pattern, group)
    }
    guard section.resolved.count > 1 else {
      throw ConfigurationError(
        place,
        """
        the group sets nothing; expected learningRateFactor, weightDecay, l1, l2, maxNorm or frozen \
        beside match
        """)
    }
    self.pattern = pattern
    self.group = group
    self.place = section.place(of: "match")
    resolved = Node(section.resolved)
  }

  /// Checks that the group has parameters in a built network.
  func check(_ network: Module) throws(ConfigurationError) {
    guard !group.matches(network) else { return }
    let paths = Array(network.parameters.keys)
    // Patterns that would match something, for a slip in one that was meant.
    let patterns = paths.flatMap { path in
      let parts = path.split(separator: ".")
      return [path, "*.\(parts.last ?? "")", "\(parts.dropLast().joined(separator: ".")).*"]
    }
    throw ConfigurationError(
      place,
      """
      no parameter matches '\(pattern)'\(suggestion(for: pattern, among: patterns)); there are \
      \(paths.joined(separator: ", "))
      """)
  }
}
