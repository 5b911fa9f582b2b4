import Compute

/// Where something stands in a configuration.
struct Place: Sendable {
  /// The file, as the user named it.
  let file: String
  /// The line, counted from 1, when it is known.
  let line: Int?
  /// The path of keys, such as `train.batchSize` or `model[2].linear`; empty for the whole file.
  let key: String

  /// The place of a key inside this one.
  func inside(_ name: String, line: Int?) -> Place {
    Place(file: file, line: line ?? self.line, key: key.isEmpty ? name : "\(key).\(name)")
  }

  /// The place of an item of the list at this one; items are counted from 0, as layers are.
  func item(_ index: Int, line: Int?) -> Place {
    Place(file: file, line: line ?? self.line, key: "\(key)[\(index)]")
  }
}

/// What is wrong with a configuration, where, and what was expected.
struct ConfigurationError: Error, CustomStringConvertible {
  let place: Place
  let problem: String

  init(_ place: Place, _ problem: String) {
    self.place = place
    self.problem = problem
  }

  /// One line: `file:line: key: problem`.
  var description: String {
    let position = place.line.map { "\(place.file):\($0)" } ?? place.file
    return "\(position): \(place.key.isEmpty ? "" : "\(place.key): ")\(problem)"
  }
}

/// ` (did you mean 'name'?)`, or nothing when no name is near.
func suggestion(for name: String, among names: [String]) -> String {
  nearestName(to: name, among: names).map { " (did you mean '\($0)'?)" } ?? ""
}
