/// A compiler's messages, with the lines of source that its errors name.
struct BuildLog {
  /// What the compiler said.
  let text: String
  /// The files by the names that the compiler knows them by.
  let files: [String: String]

  /// How many lines are shown on each side of an error.
  private static let context = 2
  /// How many errors are shown with their lines: the first is the cause of most others.
  private static let shownErrors = 5

  /// The messages, then for each error the numbered lines around it, the line itself marked.
  var annotated: String {
    ([text] + errors.prefix(Self.shownErrors).map(excerpt)).joined(separator: "\n\n")
  }

  private struct Place: Hashable {
    let file: String
    let line: Int
  }

  /// The places of the errors, each once, in the log's order.
  private var errors: [Place] {
    var seen: Set<Place> = []
    return text.split(whereSeparator: \.isNewline)
      .filter { $0.contains("error:") || $0.contains("expanded from macro") }
      .flatMap(places)
      .filter { seen.insert($0).inserted }
  }

  /// The files and lines that a message names: where the error is, and perhaps the macro it is from.
  ///
  /// Compilers differ in what they write before and after, but all write `name:line`.
  private func places(in message: Substring) -> [Place] {
    files.keys.flatMap { file in
      message.ranges(of: "\(file):").compactMap { range -> (Substring.Index, Place)? in
        // Not the end of a longer name.
        let isName = { (character: Character) in
          character.isLetter || character.isNumber || "_-.".contains(character)
        }
        guard message[..<range.lowerBound].last.map(isName) != true,
          let line = Int(message[range.upperBound...].prefix { $0.isNumber })
        else { return nil }
        return (range.lowerBound, Place(file: file, line: line))
      }
    }
    .sorted { $0.0 < $1.0 }
    .map(\.1)
  }

  private func excerpt(_ place: Place) -> String {
    var lines = (files[place.file] ?? "").split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    // What follows the last newline is not a line.
    if lines.last == "" { lines.removeLast() }
    let first = max(1, place.line - Self.context)
    let last = min(lines.count, place.line + Self.context)
    guard first <= last else { return "\(place.file):\(place.line)" }
    let width = String(last).count
    let numbered = (first...last).map { number in
      let digits = String(number)
      let padding = String(repeating: " ", count: width - digits.count)
      return "\(number == place.line ? ">" : " ") \(padding)\(digits) | \(lines[number - 1])"
    }
    return (["\(place.file):\(place.line)"] + numbered).joined(separator: "\n")
  }
}
