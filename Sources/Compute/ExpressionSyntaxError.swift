/// A text that is not an expression: where it goes wrong, and what would be right.
public struct ExpressionSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text that was read.
  public let text: String
  /// The column of the mistake, in characters counted from 1; one past the end where the text stops
  /// too early.
  public let column: Int
  /// What is wrong there, and what was expected.
  public let problem: String

  /// Creates an error about a text, or from a column of it on.
  public init(_ problem: String, in text: String, column: Int = 1) {
    self.text = text
    self.column = column
    self.problem = problem
  }

  /// One line: the column, the text around it, and the problem.
  public var description: String { "column \(column) of '\(excerpt.text)': \(problem)" }

  /// The text, or the part of a long one around the mistake, with a caret below the mistake.
  public var caret: String {
    excerpt.text + "\n" + String(repeating: " ", count: excerpt.column - 1) + "^"
  }

  /// The text in one line, with its ends left out where it is long, and the column in that.
  private var excerpt: (text: String, column: Int) {
    let characters = text.map { $0.isNewline ? " " : $0 }
    let reach = 30
    let start = column > 2 * reach ? column - reach : 0
    let end = characters.count > column + 2 * reach ? column + reach : characters.count
    return (
      (start > 0 ? "…" : "") + String(characters[start..<end])
        + (end < characters.count ? "…" : ""),
      column - start + (start > 0 ? 1 : 0)
    )
  }
}
