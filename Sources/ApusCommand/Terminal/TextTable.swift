/// Columns of text, each as wide as its widest cell.
struct TextTable: CustomStringConvertible {
  /// The heading of a column, and the side that its cells keep to.
  enum Column {
    case left(String)
    case right(String)

    fileprivate var title: String {
      switch self {
      case .left(let title), .right(let title): title
      }
    }
  }

  private let columns: [Column]
  private var rows: [[String]] = []

  init(_ columns: Column...) { self.columns = columns }

  /// Adds a row; missing cells at its end are empty.
  mutating func append(_ cells: String...) { rows.append(cells) }

  /// The lines, with the headings first.
  var description: String {
    let lines = [columns.map(\.title)] + rows
    let widths = columns.indices.map { column in
      lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return lines.map { cells in
      let line = zip(zip(columns, widths), cells).map { shape, cell in
        let padding = String(repeating: " ", count: shape.1 - cell.count)
        return if case .left = shape.0 { cell + padding } else { padding + cell }
      }.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }
}
