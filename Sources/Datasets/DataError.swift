import Compute

/// Why data could not be read: the file, the line where there is one, and what was expected.
public struct DataError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Everything that can be wrong with data.
  public enum Problem: Hashable, Sendable {
    /// The file system did not give the file.
    case unreadable(reason: String)
    /// The file has no text at all.
    case emptyFile
    /// The file has a header and no rows.
    case noRows
    /// The line is not UTF-8.
    case notUTF8
    /// A carriage return is not followed by a line feed.
    case strayCarriageReturn
    /// A blank line is followed by more rows.
    case blankLine
    /// A quote opens here and never closes.
    case unclosedQuote
    /// A quote stands inside a cell that does not begin with one.
    case strayQuote
    /// A quoted cell goes on after its closing quote.
    case textAfterQuote
    /// A column, numbered from 1, has no name.
    case unnamedColumn(number: Int)
    /// Two columns have the same name.
    case duplicateColumn(String)
    /// A row has more or fewer cells than the header.
    case raggedRow(cellCount: Int, columnCount: Int)
    /// A cell has nothing in it.
    case emptyCell(column: String)
    /// A cell should be a number and is not.
    case notANumber(column: String, text: String)
    /// A cell is a number that is infinite, too large for Float64, or NaN.
    case notFinite(column: String, text: String)
    /// There is no column of the label's name.
    case missingLabelColumn(String, columns: [String])
    /// There is no column beside the label's.
    case noFeatureColumns(labelColumn: String)
    /// The columns are not those that the model was trained on.
    case columnsDoNotFit(missing: [String], unexpected: [String])
    /// The training data had no such label.
    case unknownLabel(String, known: [String])
    /// A file of preprocessing does not say what it must; the text says what that is.
    case invalidPreprocessing(String)
    /// The array of a name in an archive does not hold what it should; the text says what that is.
    case unsuitableArray(String, String)
    /// A file of NumPy's is malformed, or holds what cannot be read.
    case array(ArrayFileProblem)
    /// The array of a name in an archive is malformed, or holds what cannot be read.
    case member(String, ArrayFileProblem)
  }

  /// The file, as it was named by the caller.
  public let file: String
  /// The line, counted from 1, when the problem has one.
  public let line: Int?
  /// What is wrong.
  public let problem: Problem

  /// Creates an error.
  public init(file: String, line: Int? = nil, problem: Problem) {
    self.file = file
    self.line = line
    self.problem = problem
  }

  /// One line that begins with `file:line:`, or `file:` where there is no line.
  public var description: String {
    let place = line.map { "\(file):\($0)" } ?? file
    return "\(place): \(problem)"
  }
}

extension DataError.Problem: CustomStringConvertible {
  /// What is wrong and what was expected, in one line.
  public var description: String {
    switch self {
    case .unreadable(let reason): "cannot be read: \(reason)"
    case .emptyFile: "the file is empty; expected a header with the names of the columns"
    case .noRows: "there are no rows after the header"
    case .notUTF8: "the text is not UTF-8"
    case .strayCarriageReturn:
      "a carriage return without a line feed; lines end with LF or CRLF"
    case .blankLine: "the line is blank; blank lines are allowed only after the last row"
    case .unclosedQuote: "the quote that opens on this line is never closed"
    case .strayQuote:
      "a quote inside a cell that does not begin with one; "
        + "quote the whole cell and double the quotes in it"
    case .textAfterQuote: "text after a closing quote; expected a comma or the end of the line"
    case .unnamedColumn(let number): "column \(number) has no name"
    case .duplicateColumn(let name): "two columns are named \(quoted(name))"
    case .raggedRow(let cellCount, let columnCount):
      "the row has \(counted(cellCount, "cell")), but the header has "
        + counted(columnCount, "column")
    case .emptyCell(let column): "column \(quoted(column)): the cell is empty"
    case .notANumber(let column, let text):
      "column \(quoted(column)): \(quoted(text)) is not a number"
    case .notFinite(let column, let text):
      "column \(quoted(column)): \(quoted(text)) is not a finite number"
    case .missingLabelColumn(let name, let columns):
      "there is no label column \(quoted(name))\(suggestion(for: name, among: columns)); "
        + "the columns are \(listed(columns))"
    case .noFeatureColumns(let labelColumn):
      "there is no column beside the label column \(quoted(labelColumn))"
    case .columnsDoNotFit(let missing, let unexpected):
      "the columns are not those of the training data: "
        + [("missing", missing), ("unexpected", unexpected)]
        .filter { !$0.1.isEmpty }.map { "\($0.0) \(listed($0.1))" }.joined(separator: "; ")
    case .unknownLabel(let label, let known):
      "the training data had no label \(quoted(label)); its labels are \(listed(known))"
    case .invalidPreprocessing(let text): text
    case .unsuitableArray(let name, let text): "array \(quoted(name)): \(text)"
    case .array(let problem): "\(problem)"
    case .member(let name, let problem): "array \(quoted(name)): \(problem)"
    }
  }
}

/// Text of a file in quotes, with what would break the line escaped and what is too long cut.
func quoted(_ text: String) -> String {
  let limit = 60
  return String(reflecting: text.count <= limit ? text : text.prefix(limit) + "…")
}

/// Quoted names with commas; of very many, the first ones and how many more there are.
func listed(_ names: [String]) -> String {
  let limit = 16
  let shown = names.count <= limit ? names[...] : names.prefix(limit - 1)
  let text = shown.map(quoted).joined(separator: ", ")
  return shown.count == names.count ? text : "\(text) and \(names.count - shown.count) more"
}

private func counted(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}

func suggestion(for name: String, among names: [String]) -> String {
  nearestName(to: name, among: names).map { " (did you mean \(quoted($0))?)" } ?? ""
}
