import Compute
import Foundation
import Yams

/// What a value of a configuration has to be: how it is read, written, and described in errors.
struct Expectation<Value> {
  /// What is expected, such as `a whole number of at least 1`.
  let description: String
  /// The values to choose from, where they have names.
  var names: [String] = []
  let read: (Node.Scalar) -> Value?
  let write: (Value) -> Node.Scalar

  /// Reads a value, or says what stands in its place.
  func value(of node: Node, at place: Place) throws(ConfigurationError) -> Value {
    guard let scalar = node.scalar else {
      throw ConfigurationError(
        place, "there is \(node.kindDescription); expected \(description)")
    }
    guard let value = read(scalar) else {
      let hint = suggestion(for: scalar.string, among: names)
      throw ConfigurationError(
        place, "there is \(node.kindDescription)\(hint); expected \(description)")
    }
    return value
  }
}

extension Expectation where Value: LosslessStringConvertible {
  /// A value written without quotes, of which only some are accepted.
  private static func plain(
    _ description: String, accepts: @escaping (Value) -> Bool
  ) -> Expectation {
    Expectation(
      description: description,
      read: { $0.style == .plain ? Value($0.string).flatMap { accepts($0) ? $0 : nil } : nil },
      write: { Node.Scalar("\($0)") })
  }
}

extension Expectation where Value == Int {
  /// A whole number.
  static func wholeNumber(_ range: ClosedRange<Int>) -> Expectation {
    plain("a whole number from \(range.lowerBound) to \(range.upperBound)") { range.contains($0) }
  }
}

extension Expectation where Value == UInt64 {
  /// The seed of random numbers.
  static var seed: Expectation { plain("a whole number from 0 to \(UInt64.max)") { _ in true } }
}

extension Expectation where Value == Double {
  /// A number within bounds.
  static func number(_ bounds: NumberBounds) -> Expectation {
    plain(bounds.description, accepts: bounds.contains)
  }
}

extension Expectation where Value == Bool {
  /// True or false, and none of YAML's other words for them.
  static var flag: Expectation { plain("true or false") { _ in true } }
}

extension Expectation where Value == String {
  /// Text that is not empty; `description` says of what.
  static func text(_ description: String) -> Expectation {
    Expectation(
      description: description, read: { $0.string.isEmpty || $0.isNull ? nil : $0.string },
      write: Self.quotedWhereNeeded)
  }

  /// Text that may be empty; `description` says of what.
  static func anyText(_ description: String) -> Expectation {
    Expectation(
      description: description, read: { $0.isNull ? nil : $0.string },
      write: Self.quotedWhereNeeded)
  }

  /// A file, taken relative to a folder (empty for the working directory) and written with its
  /// whole path.
  static func file(_ description: String, in folder: String) -> Expectation {
    Expectation(
      description: description,
      read: { scalar in
        guard !scalar.string.isEmpty, !scalar.isNull else { return nil }
        return scalar.string.hasPrefix("/") || folder.isEmpty
          ? scalar.string : folder + "/" + scalar.string
      },
      write: { quotedWhereNeeded(absolutePath($0)) })
  }

  /// Text that YAML would take for something else is quoted.
  private static func quotedWhereNeeded(_ text: String) -> Node.Scalar {
    text.represented()
  }
}

extension Expectation {
  /// A value with a name.
  static func oneOf(_ choices: [(name: String, value: Value)], name: @escaping (Value) -> String)
    -> Expectation
  {
    let names = choices.map(\.name)
    return Expectation(
      description: "one of " + names.joined(separator: ", "), names: names,
      read: { scalar in choices.first { $0.name == scalar.string }?.value },
      write: { Node.Scalar(name($0)) })
  }
}

extension Node.Scalar {
  /// Whether nothing was written, or YAML's word for nothing.
  var isNull: Bool { style == .plain && ["", "~", "null", "Null", "NULL"].contains(string) }
}

/// The path from the root, without `.` and `..`.
func absolutePath(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
