public import Compute

/// What a model was trained on, which data for it is held to.
public enum ExampleSchema: Hashable, Sendable {
  /// Rows of named columns.
  case table(TableSchema)
  /// Arrays of examples of any shape.
  case arrays(ArraySchema)

  /// The label of each class.
  public var labelVocabulary: [String] {
    switch self {
    case .table(let schema): schema.labelVocabulary
    case .arrays(let schema): schema.labelVocabulary
    }
  }

  /// The shape of one example, as the network takes it.
  public var exampleShape: Shape {
    switch self {
    case .table(let schema): [schema.featureNames.count]
    case .arrays(let schema): schema.exampleShape
    }
  }

  /// The names of the columns, where there are any.
  public var featureNames: [String]? {
    if case .table(let schema) = self { schema.featureNames } else { nil }
  }
}

/// The arrays that a model was trained on.
public struct ArraySchema: Hashable, Sendable {
  /// The name of the array of inputs.
  public let inputsName: String
  /// The name of the array of labels.
  public let labelsName: String
  /// The shape of one example.
  public let exampleShape: Shape
  /// The label of each class.
  public let labelVocabulary: [String]

  /// Creates a schema; traps when two classes have the same label.
  public init(
    inputsName: String, labelsName: String, exampleShape: Shape, labelVocabulary: [String]
  ) {
    require(
      Set(labelVocabulary).count == labelVocabulary.count,
      "ArraySchema: two classes have the same label")
    self.inputsName = inputsName
    self.labelsName = labelsName
    self.exampleShape = exampleShape
    self.labelVocabulary = labelVocabulary
  }
}
