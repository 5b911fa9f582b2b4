public import Foundation
import NeuralNetworks

/// A table of text with a header, read strictly from comma-separated values.
///
/// The form is that of RFC 4180 with a header. Lines end with LF or CRLF, the last one may lack its
/// end, a byte order mark may stand first, and blank lines may follow the last row. Spaces and tabs
/// around a cell are not part of it unless it is quoted.
public struct CSV: Sendable {
  /// One row after the header.
  public struct Row: Hashable, Sendable {
    /// The line on which the row begins, counted from 1.
    public let line: Int
    /// The text of the cells, one for each column.
    public let cells: [String]
  }

  /// The line of the header; no blank line may come before it.
  static let headerLine = 1

  /// The file, as errors name it.
  public let file: String
  /// The names of the columns, all different and none of them empty.
  public let columns: [String]
  /// The rows; there is at least one.
  public let rows: [Row]

  /// Reads a file; throws a ``DataError`` when it cannot be read or is malformed.
  public init(contentsOf url: URL) throws {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw DataError(
        file: url.relativePath, problem: .unreadable(reason: fileErrorReason(error)))
    }
    try self.init(data, file: url.relativePath)
  }

  /// Reads the bytes of a file, which errors call by the name given.
  ///
  /// Throws a ``DataError`` when they are malformed.
  public init(_ data: Data, file: String) throws {
    var reader = RowReader(data, file: file)
    guard let header = try reader.nextRow() else {
      throw DataError(file: file, problem: .emptyFile)
    }
    try Self.checkNames(header, file: file)
    var rows: [Row] = []
    while let row = try reader.nextRow() {
      guard row.cells.count == header.cells.count else {
        throw DataError(
          file: file, line: row.line,
          problem: .raggedRow(cellCount: row.cells.count, columnCount: header.cells.count))
      }
      rows.append(row)
    }
    guard !rows.isEmpty else { throw DataError(file: file, problem: .noRows) }
    self.file = file
    self.columns = header.cells
    self.rows = rows
  }

  private static func checkNames(_ header: Row, file: String) throws {
    var names: Set<String> = []
    for (index, name) in header.cells.enumerated() {
      guard !name.isEmpty else {
        throw DataError(file: file, line: headerLine, problem: .unnamedColumn(number: index + 1))
      }
      guard names.insert(name).inserted else {
        throw DataError(file: file, line: headerLine, problem: .duplicateColumn(name))
      }
    }
  }

  /// The number in a cell; throws a ``DataError`` unless it is a finite decimal number.
  func number(_ column: Int, of row: Row) throws -> Double {
    let text = row.cells[column]
    let problem: DataError.Problem
    switch DecimalNumber.parse(text) {
    case .finite(let value): return value
    case .notFinite: problem = .notFinite(column: columns[column], text: text)
    case .notANumber where text.isEmpty: problem = .emptyCell(column: columns[column])
    case .notANumber: problem = .notANumber(column: columns[column], text: text)
    }
    throw DataError(file: file, line: row.line, problem: problem)
  }

  /// The label in a cell; throws a ``DataError`` when the cell is empty.
  func label(_ column: Int, of row: Row) throws -> String {
    let text = row.cells[column]
    guard !text.isEmpty else {
      throw DataError(file: file, line: row.line, problem: .emptyCell(column: columns[column]))
    }
    return text
  }
}

/// What the text of a number says.
enum DecimalNumber {
  case finite(Double)
  case notFinite
  case notANumber

  /// Reads a decimal number such as `-1.5e3`; without the hexadecimal form that Swift also takes.
  static func parse(_ text: String) -> Self {
    guard !text.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "x") }),
      let value = Double(text)
    else { return .notANumber }
    return value.isFinite ? .finite(value) : .notFinite
  }

  /// The number, if it is one and finite.
  var value: Double? {
    if case .finite(let value) = self { value } else { nil }
  }
}

/// Cuts bytes into rows and cells.
private struct RowReader {
  private let bytes: [UInt8]
  private let file: String
  private var position: Int
  private var line = 1

  private static let quote = UInt8(ascii: "\"")
  private static let comma = UInt8(ascii: ",")
  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  init(_ data: Data, file: String) {
    bytes = [UInt8](data)
    self.file = file
    let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]
    position = bytes.starts(with: byteOrderMark) ? byteOrderMark.count : 0
  }

  /// The next row, or nil when nothing but blank lines is left.
  mutating func nextRow() throws -> CSV.Row? {
    let start = line
    guard position < bytes.count else { return nil }
    if try skipBlankLine() {
      while try skipBlankLine() {}
      guard position == bytes.count else { throw error(.blankLine, line: start) }
      return nil
    }
    var cells: [String] = []
    repeat { cells.append(try nextCell()) } while skip(Self.comma)
    if position < bytes.count { try skipLineEnd() }
    return CSV.Row(line: start, cells: cells)
  }

  /// Reads a cell up to the comma or line end after it, or the end of the file.
  private mutating func nextCell() throws -> String {
    guard position < bytes.count, bytes[position] == Self.quote else { return try nextPlainCell() }
    return try nextQuotedCell()
  }

  private mutating func nextPlainCell() throws -> String {
    let start = position
    while position < bytes.count, !endsCell(bytes[position]) {
      guard bytes[position] != Self.quote else { throw error(.strayQuote, line: line) }
      position += 1
    }
    let cell = bytes[start..<position].drop(while: Self.isBlank)
    let end = cell.lastIndex { !Self.isBlank($0) }.map { $0 + 1 } ?? cell.startIndex
    return try text(cell[..<end], line: line)
  }

  private mutating func nextQuotedCell() throws -> String {
    let firstLine = line
    var content: [UInt8] = []
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == Self.lineFeed { line += 1 }
      if byte != Self.quote || skip(Self.quote) {
        content.append(byte)
      } else if position == bytes.count || endsCell(bytes[position]) {
        return try text(content[...], line: firstLine)
      } else {
        throw error(.textAfterQuote, line: line)
      }
    }
    throw error(.unclosedQuote, line: firstLine)
  }

  private mutating func skip(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipLineEnd() throws {
    if skip(Self.carriageReturn), position == bytes.count || bytes[position] != Self.lineFeed {
      throw error(.strayCarriageReturn, line: line)
    }
    if skip(Self.lineFeed) { line += 1 }
  }

  /// Skips a line of nothing but white space; false at the end of the file or when it has more.
  private mutating func skipBlankLine() throws -> Bool {
    guard position < bytes.count else { return false }
    let content = bytes[position...].drop(while: Self.isBlank)
    guard content.first.map({ $0 == Self.lineFeed || $0 == Self.carriageReturn }) ?? true else {
      return false
    }
    position = content.startIndex
    try skipLineEnd()
    return true
  }

  private func endsCell(_ byte: UInt8) -> Bool {
    byte == Self.comma || byte == Self.lineFeed || byte == Self.carriageReturn
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }

  private func text(_ cell: ArraySlice<UInt8>, line: Int) throws -> String {
    guard let text = String(validating: cell, as: UTF8.self) else {
      throw error(.notUTF8, line: line)
    }
    return text
  }

  private func error(_ problem: DataError.Problem, line: Int) -> DataError {
    DataError(file: file, line: line, problem: problem)
  }
}
