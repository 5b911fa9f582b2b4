import ArgumentParser
import Datasets
import Foundation

/// `apus evaluate`: how well a trained model does on labelled data.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a trained model on labelled data.",
    discussion: """
      Prints the accuracy, precision, recall and F1 of each class, and the confusion matrix. The \
      data needs the columns of the training data, in any order, and its labels.
      """)

  @Argument(help: ArgumentHelp("The directory that 'apus train' left.", valueName: "dir"))
  var directory: String

  @Argument(help: ArgumentHelp("A CSV file with a header.", valueName: "data.csv"))
  var data: String

  @OptionGroup var device: DeviceOption
  @OptionGroup var format: FormatOption

  func run() throws {
    let model = try TrainedModel(RunDirectory(path: directory), on: device.open())
    let csv = try CSV(contentsOf: URL(fileURLWithPath: data))
    let table = try LabeledTable(csv, schema: model.schema)
    let outputs = try model.outputs(for: table.features, of: csv)
    let report = ClassificationReport(
      labels: table.labelVocabulary, actual: table.classes,
      predicted: outputs.map(model.loss.predictedClass))
    try Console.print(format.isJSON ? JSON.text(report) : report.description)
  }
}
