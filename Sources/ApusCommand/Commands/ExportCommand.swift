import ArgumentParser
import ONNX

/// `apus export`: a trained model for other programs.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a trained model as ONNX, which other runtimes read.",
    discussion: """
      The exported model takes what 'apus predict' takes and gives what it gives: its input is a \
      batch of rows of any number, with the columns of the training data in their order and not \
      standardised; its output is the probability of each class, or the scores of a model trained on \
      the squared error. The names of columns and classes are in the file's metadata, as JSON under \
      'features' and 'labels'. It is written in float32 and in opset \(ONNXModel.opset).
      """)

  @Argument(help: ArgumentHelp("The directory that 'apus train' left.", valueName: "dir"))
  var directory: String

  @Argument(help: ArgumentHelp("The file to write.", valueName: "model.onnx"))
  var output: String

  @Flag(
    help: """
      Write the network alone: its input is standardised already, its output as the loss takes it.
      """)
  var networkOnly = false

  @OptionGroup var device: DeviceOption
  @OptionGroup var format: FormatOption

  private struct Summary: Encodable {
    let output: String
    let opset: Int
    let nodes: Int
    let parameters: Int
  }

  func run() throws {
    let file = try OutputFile(output)
    let trained = try TrainedModel(RunDirectory(path: directory), on: device.open())
    let model = try trained.onnxModel(networkOnly: networkOnly)
    try file.write(model.serialized())
    if format.isJSON {
      return try Console.print(
        JSON.text(
          Summary(
            output: output, opset: ONNXModel.opset, nodes: model.nodeCount,
            parameters: trained.parameterCount)))
    }
    try Console.print(
      """
      wrote \(counted(model.nodeCount, "node")) with \(grouped(trained.parameterCount)) parameters \
      to \(output)
      """)
  }
}
