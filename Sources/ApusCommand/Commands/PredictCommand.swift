import ArgumentParser
import Compute
import Datasets

/// `apus predict`: the class of each row, and the probability of each class.
struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Predict the class of each row of a file.",
    discussion: """
      Writes CSV with the predicted class and the probability of each class, a line for each row. \
      The data needs the columns of the training data, in any order, or the array of inputs, of the \
      same name; labels are not needed and not looked at. A model trained on the squared error has scores \
      in place of probabilities.
      """)

  @Argument(help: ArgumentHelp("The directory that 'apus train' left.", valueName: "dir"))
  var directory: String

  @Argument(
    help: ArgumentHelp(
      "A CSV file with a header, or a .npz file, as the model was trained on.",
      valueName: "data"))
  var data: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Write the predictions to this file, not to standard output.", valueName: "file"))
  var output: String?

  @OptionGroup var device: DeviceOption
  @OptionGroup var format: FormatOption

  func run() throws {
    let file = try output.map { try OutputFile($0) }
    let model = try TrainedModel(RunDirectory(path: directory), on: device.open())
    let rows = try ModelInputs(data, for: model, withLabels: false)
    let predictions = Predictions(of: model, outputs: try model.outputs(for: rows))
    let text = format.isJSON ? try JSON.text(predictions) + "\n" : predictions.csv
    guard let file else { return try Console.emit(text) }
    try file.write(text)
    Console.report("wrote \(counted(rows.count, "prediction")) to \(file.path)")
  }
}
