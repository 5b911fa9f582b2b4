import Foundation
import Testing

/// Layers within layers, and the picture of them.
@Suite("Blocks of layers in configurations")
struct BlockConfigurationTests {
  private static let blocks = """
    data: {file: t.csv, heldOut: 0}
    model:
      - residual:
          - linear: 2
          - relu
      - residual:
          layers: [linear: 6, tanh]
          projection: [linear: {units: 6, bias: false}]
      - concatenate:
          - [linear: 3, relu]
          - [multiply: 2]
          - [identity]
      - reshape: [-1, 1]
      - simpleRNN: {units: 3, activation: relu, normalization: layer, sequence: true}
      - gru: {units: 3, sequence: true, initializer: orthogonal, biasInitializer: zeros}
      - lstm: {units: 4, initializer: glorotUniform}
      - linear: 2
    train: {epochs: 1}

    """

  @Test func blocksAreListsOfLayers() throws {
    let folder = try Folder(["t.csv": Sample.table, "c.yaml": Self.blocks])
    let outcome = try Apus().run("train", "c.yaml", "--output", "run", in: folder)
    #expect(outcome.errors == "")
    let resolved = try folder.text("run/config.yaml")
    #expect(
      resolved.contains(
        """
        - residual:
            layers:
            - linear:
                units: 2
                bias: true
                initializer: torchLinear
                biasInitializer: torchLinear
            - relu
        """))
    // What was understood is read again, and is the same.
    try folder.write(resolved, to: "again.yaml")
    #expect(try Apus().run("train", "again.yaml", "--output", "again", in: folder).errors == "")
    #expect(try folder.text("again/config.yaml") == resolved)
    let model = try Apus().run("model", "c.yaml", in: folder)
    #expect(model.output.contains("Concatenate(Sequential(Linear(6, 3), relu)"))
    #expect(model.output.contains("[11]"))
  }

  @Test(arguments: [
    (
      "- residual: [linear: 3]",
      "c.yaml:3: model[0].residual: the layers of a residual block give shape [3], but its input has [2], and they are added; expected the same shape, or a projection that gives it"
    ),
    (
      "- residual:\n    - relu\n    - groupNorm: 3",
      "c.yaml:5: model[0].residual[1].groupNorm: GroupNorm has 3 groups, which do not divide the 2 channels of its input; 1, 2 do"
    ),
    (
      "- residual: {layers: [relu], projection: [layerNorm: 3]}",
      "c.yaml:3: model[0].residual.projection[0].layerNorm: LayerNorm normalises over 3 axes, but its input has shape [2]"
    ),
    (
      "- concatenate:\n    - [relu]\n    - [relu, linaer: 3]",
      "c.yaml:5: model[0].concatenate[1][1]: there is no 'linaer' (did you mean 'linear'?); expected"
    ),
    (
      "- residual: {layer: [relu]}",
      "c.yaml:3: model[0].residual.layer: there is no such key (did you mean 'layers'?); expected layers"
    ),
    (
      "- concatenate: [relu]",
      "c.yaml:3: model[0].concatenate[0]: there is 'relu'; expected a list of layers, such as '- linear: 128'"
    ),
    (
      "- lstm: 3",
      "c.yaml:3: model[0].lstm: LSTM needs an input [steps, in] for each example, not [2]"
    ),
    (
      "- simpleRNN: {units: 3, normalization: layr}",
      "c.yaml:3: model[0].simpleRNN.normalization: there is 'layr' (did you mean 'layer'?); expected one of none, layer, batch"
    ),
    (
      "- embedding: {rows: 3, width: 2, initializer: zeros}",
      "c.yaml:1: data.standardize: the first layer, embedding, takes numbers of rows, which this would change; expected false"
    ),
    (
      "- embedding: {rows: 3}",
      "c.yaml:3: model[0].embedding.width: the key is missing; expected a whole number from 1 to 1000000"
    ),
  ])
  func aMistakeInsideIsFoundAtItsLine(_ layer: String, _ message: String) throws {
    let indented = layer.split(separator: "\n").map { "  \($0)\n" }.joined()
    let folder = try Folder([
      "t.csv": Sample.table, "c.yaml": "data: {file: t.csv}\nmodel:\n\(indented)  - linear: 2\n",
    ])
    let outcome = try Apus().run("model", "c.yaml", in: folder)
    #expect(outcome.status == 65)
    #expect(outcome.errors.hasPrefix("error: \(message)"), "\(outcome.errors)")
  }

  @Test func aNumberThatIsNoRowIsNamed() throws {
    let folder = try Sample.folder(
      Sample.configuration(
        model: "[embedding: {rows: 3, width: 2}, flatten, linear: 2]", "train: {epochs: 1}"))
    let refused = try Apus().run("train", "c.yaml", in: folder)
    #expect(refused.status == 65)
    #expect(
      refused.errors
        == "error: c.yaml:2: model[0].embedding: the data have 3, which is no row of "
        + "Embedding(3, 2); expected whole numbers from 0 to 2\n")

    try folder.write(
      Sample.configuration(
        model: "[embedding: {rows: 4, width: 2}, flatten, linear: 2]", "train: {epochs: 1}"),
      to: "c.yaml")
    #expect(try Apus().run("train", "c.yaml", "--output", "run", in: folder).status == 0)
    try folder.write("a,b\n0,1\n0.5,3\n", to: "more.csv")
    let predicted = try Apus().run("predict", "run", "more.csv", in: folder)
    #expect(predicted.status == 65)
    #expect(
      predicted.errors
        == "error: more.csv:3: there is 0.5, which is no row of Embedding(4, 2); expected whole "
        + "numbers from 0 to 3\n")
  }

  @Test func theGraphIsDrawnWithItsBranches() throws {
    let folder = try Folder(["t.csv": Sample.table, "c.yaml": Self.blocks])
    let outcome = try Apus().run("model", "c.yaml", "--graph", "m.dot", in: folder)
    #expect(outcome.errors == "")
    let dot = try folder.text("m.dot")
    for part in [
      "digraph model {", "label=\"c.yaml\"", "label=\"residual\"", "label=\"concatenate\"",
      "<b>Linear(2, 6, no bias)</b>", "<b>Multiply(6, 2)</b>", "24 parameters", "label=\" [11]\"",
      "style=dashed",
    ] {
      #expect(dot.contains(part), "\(part)")
    }
    // Each brace is closed, and each node that an edge names is there.
    #expect(dot.count { $0 == "{" } == dot.count { $0 == "}" })
    let nodes = Set(dot.matches(of: #/\n +(n\d+) \[label/#).map(\.1))
    let ends = dot.matches(of: #/(n\d+) -> (n\d+)/#).flatMap { [$0.1, $0.2] }
    #expect(!ends.isEmpty && ends.allSatisfy(nodes.contains))
    #expect(nodes.allSatisfy(ends.contains))
    let wrong = try Apus().run("model", "c.yaml", "--graph", "nowhere/m.dot", in: folder)
    #expect(wrong.errors.hasPrefix("error: nowhere/m.dot: cannot be written"))
    #expect(wrong.output == "")
  }
}
