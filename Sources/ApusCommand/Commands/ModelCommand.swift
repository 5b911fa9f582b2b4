import ArgumentParser
import Datasets

/// `apus model`: the layers of a configuration, with shapes, parameters and memory.
struct ModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "Show the layers, shapes, parameters and memory of a configuration's model.",
    discussion: """
      Nothing is trained and nothing is allocated. The numbers of inputs and classes come from the \
      configuration's data.
      """)

  @Argument(help: ArgumentHelp("A configuration in YAML.", valueName: "config"))
  var configuration: String

  @OptionGroup var format: FormatOption

  func run() throws {
    let configuration = try Configuration(contentsOf: configuration)
    let schema = try configuration.data.examples().schema
    let summary = try ModelSummary(
      configuration, input: schema.exampleShape, classCount: schema.labelVocabulary.count)
    try Console.print(format.isJSON ? JSON.text(summary) : "\(summary)")
  }
}
