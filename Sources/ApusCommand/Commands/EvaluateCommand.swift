import ArgumentParser
import Datasets

/// `apus evaluate`: how well a trained model does on labelled data.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a trained model on labelled data.",
    discussion: """
      Prints the accuracy, precision, recall and F1 of each class, and the confusion matrix. The \
      data needs the columns of the training data, in any order, and its labels; or the arrays of \
      the training data, of the same names.
      """)

  @Argument(help: ArgumentHelp("The directory that 'apus train' left.", valueName: "dir"))
  var directory: String

  @Argument(
    help: ArgumentHelp(
      "A CSV file with a header, or a .npz file, as the model was trained on.",
      valueName: "data"))
  var data: String

  @OptionGroup var device: DeviceOption
  @OptionGroup var format: FormatOption

  func run() throws {
    let model = try TrainedModel(RunDirectory(path: directory), on: device.open())
    let rows = try ModelInputs(data, for: model, withLabels: true)
    let report = ClassificationReport(
      labels: model.schema.labelVocabulary, actual: rows.classes ?? [],
      predicted: try model.outputs(for: rows).map(model.loss.predictedClass))
    try Console.print(format.isJSON ? JSON.text(report) : report.description)
  }
}
