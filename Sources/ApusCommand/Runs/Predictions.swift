import Compute
import Datasets
import NeuralNetworks

/// What a model says of each row of a table.
struct Predictions: Encodable {
  private struct Row: Encodable {
    let `class`: String
    let probabilities: [String: Double]?
    let scores: [String: Double]?
  }

  private let labels: [String]
  private let classes: [Int]
  private let scores: [[Double]]
  private let areProbabilities: Bool
  private let dtype: DType

  /// Reads the outputs of a model, a row for each row of the table.
  init(of model: TrainedModel, outputs: [[Double]]) {
    labels = model.schema.labelVocabulary
    classes = outputs.map(model.loss.predictedClass)
    scores = outputs.map(model.loss.scores)
    areProbabilities = model.loss.output != .scores
    dtype = model.dtype
  }

  /// A header, and a line for each row: the class, then what the model says of each class.
  var csv: String {
    let noun = areProbabilities ? "probability" : "score"
    let header = ["class"] + labels.map { "\(noun)_\($0)" }
    let lines = zip(classes, scores).map { predicted, scores in
      [labels[predicted]] + scores.map(text)
    }
    return ([header] + lines).map { $0.map(Self.quotedWhereNeeded).joined(separator: ",") + "\n" }
      .joined()
  }

  /// An array of rows, each with its `class` and `probabilities` or `scores` by label.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    for (predicted, scores) in zip(classes, scores) {
      let byLabel = Dictionary(uniqueKeysWithValues: zip(labels, scores))
      try container.encode(
        Row(
          class: labels[predicted], probabilities: areProbabilities ? byLabel : nil,
          scores: areProbabilities ? nil : byLabel))
    }
  }

  /// The shortest decimal that is read back as the same number of the model's type.
  private func text(_ value: Double) -> String {
    dtype == .float64 ? "\(value)" : "\(Float(value))"
  }

  private static func quotedWhereNeeded(_ cell: String) -> String {
    let needsQuotes =
      cell.contains { $0 == "," || $0 == "\"" || $0.isNewline }
      || cell.first?.isWhitespace == true || cell.last?.isWhitespace == true
    return needsQuotes ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
  }
}
