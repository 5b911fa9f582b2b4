import Compute
/// How well predicted classes agree with the actual ones.
///
/// A quotient 0/0 counts as 0: the precision of a class that is never predicted, the recall of one
/// that never occurs, the accuracy over no rows. It encodes as JSON with the names of its
/// properties.
public struct ClassificationReport: Hashable, Sendable, Codable {
  /// Precision, recall and their harmonic mean.
  public struct Scores: Hashable, Sendable, Codable {
    /// Of the rows predicted to be of the class, the part that is.
    public let precision: Double
    /// Of the rows of the class, the part predicted to be.
    public let recall: Double
    /// 2 · precision · recall / (precision + recall).
    public let f1: Double
  }

  /// The scores of one class.
  public struct ClassScores: Hashable, Sendable, Codable {
    /// The label of the class.
    public let label: String
    /// How many rows are of the class.
    public let rowCount: Int
    /// Its precision, recall and F1.
    public let scores: Scores
  }

  /// The number of rows.
  public let rowCount: Int
  /// The number of rows whose class was predicted.
  public let correctCount: Int
  /// The part of rows whose class was predicted.
  public let accuracy: Double
  /// The mean of each score over the classes, all of the same weight.
  public let macroAverage: Scores
  /// The scores of each class, in the order of the labels.
  public let classes: [ClassScores]
  /// Counts of rows, by actual class and then by predicted class.
  public let confusionMatrix: [[Int]]

  /// Counts and scores predictions; traps unless there is one for each row and all are classes.
  public init(labels: [String], actual: [Int], predicted: [Int]) {
    require(
      actual.count == predicted.count,
      "ClassificationReport: \(predicted.count) predictions for \(actual.count) rows")
    require(
      (actual + predicted).allSatisfy(labels.indices.contains),
      "ClassificationReport: a class is outside 0..<\(labels.count)")
    var matrix = [[Int]](repeating: [Int](repeating: 0, count: labels.count), count: labels.count)
    for (actual, predicted) in zip(actual, predicted) { matrix[actual][predicted] += 1 }

    let classes = labels.enumerated().map { index, label in
      let hits = matrix[index][index]
      let rowCount = matrix[index].reduce(0, +)
      let precision = Self.quotient(hits, matrix.reduce(0) { $0 + $1[index] })
      let recall = Self.quotient(hits, rowCount)
      let sum = precision + recall
      let f1 = sum > 0 ? 2 * precision * recall / sum : 0
      return ClassScores(
        label: label, rowCount: rowCount,
        scores: Scores(precision: precision, recall: recall, f1: f1))
    }
    func mean(_ score: KeyPath<Scores, Double>) -> Double {
      let sum = classes.reduce(0) { $0 + $1.scores[keyPath: score] }
      return classes.isEmpty ? 0 : sum / Double(classes.count)
    }
    rowCount = actual.count
    correctCount = labels.indices.reduce(0) { $0 + matrix[$1][$1] }
    accuracy = Self.quotient(correctCount, actual.count)
    macroAverage = Scores(precision: mean(\.precision), recall: mean(\.recall), f1: mean(\.f1))
    self.classes = classes
    confusionMatrix = matrix
  }

  private static func quotient(_ part: Int, _ whole: Int) -> Double {
    whole == 0 ? 0 : Double(part) / Double(whole)
  }
}

// MARK: - Text

extension ClassificationReport: CustomStringConvertible {
  /// The accuracy, a table of scores by class and the confusion matrix, for a terminal.
  public var description: String {
    let accuracyLine =
      "accuracy \(Self.text(accuracy)) (\(correctCount) of \(rowCount) rows)"
    return [accuracyLine, scoreTable, confusionTable].joined(separator: "\n\n")
  }

  private var scoreTable: String {
    func line(_ name: String, _ scores: Scores, _ rowCount: Int) -> [String] {
      [name] + [scores.precision, scores.recall, scores.f1].map(Self.text) + [String(rowCount)]
    }
    let header = ["", "precision", "recall", "F1", "rows"]
    let lines = classes.map { line(Self.shown($0.label), $0.scores, $0.rowCount) }
    return Self.aligned([header] + lines + [line("macro average", macroAverage, rowCount)])
  }

  private var confusionTable: String {
    let names = classes.map { Self.shown($0.label) }
    // Long names would make the table wider than a terminal, so numbers stand for them.
    let areShort = names.allSatisfy { $0.count <= 12 }
    let columns = areShort ? names : names.indices.map { "[\($0)]" }
    let rows = areShort ? names : zip(columns, names).map { "\($0) \($1)" }
    let lines = zip(rows, confusionMatrix).map { [$0] + $1.map(String.init) }
    return "confusion matrix (rows: actual, columns: predicted)\n"
      + Self.aligned([[""] + columns] + lines)
  }

  /// A label on one line, and cut when it is very long.
  private static func shown(_ label: String) -> String {
    let limit = 40
    let line = String(label.map { $0.isNewline ? " " : $0 })
    return line.count <= limit ? line : line.prefix(limit - 1) + "…"
  }

  /// A part of one with four decimals.
  private static func text(_ value: Double) -> String {
    let units = Int((value * 10_000).rounded())
    let decimals = String(units % 10_000)
    return "\(units / 10_000)." + String(repeating: "0", count: 4 - decimals.count) + decimals
  }

  /// Lines with the first column to the left and the others to the right.
  private static func aligned(_ lines: [[String]]) -> String {
    let columns = lines.first?.indices ?? 0..<0
    let widths = columns.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      zip(line, widths).enumerated().map { column, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + padding : padding + cell.0
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
