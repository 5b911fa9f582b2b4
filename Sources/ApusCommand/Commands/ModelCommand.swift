import ArgumentParser
import Datasets
import Foundation
import NeuralNetworks

/// `apus model`: the layers of a configuration, with shapes, parameters and memory.
struct ModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "Show the layers, shapes, parameters and memory of a configuration's model.",
    discussion: """
      Nothing is trained and nothing is allocated. The numbers of inputs and classes come from the \
      configuration's data. The graph is drawn by Graphviz, as in 'dot -Tpng model.dot -o model.png'.
      """)

  @Argument(help: ArgumentHelp("A configuration in YAML.", valueName: "config"))
  var configuration: String

  @Option(
    help: ArgumentHelp(
      "Also write the computation graph in Graphviz's language.", valueName: "file.dot"))
  var graph: String?

  @OptionGroup var format: FormatOption

  func run() throws {
    let graphFile = try graph.map { try OutputFile($0) }
    let file = (self.configuration as NSString).lastPathComponent
    let configuration = try Configuration(contentsOf: self.configuration)
    let schema = try configuration.data.examples().schema
    let summary = try ModelSummary(
      configuration, input: schema.exampleShape, classCount: schema.labelVocabulary.count)
    try graphFile?.write(
      ModelGraph(summary.network, input: schema.exampleShape, title: file).dot)
    try Console.print(format.isJSON ? JSON.text(summary) : "\(summary)")
  }
}
