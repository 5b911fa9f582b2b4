import Compute
import Datasets
import Foundation
import NeuralNetworks
import ONNX

extension TrainedModel {
  /// The network as ONNX, unless it is to be alone between what is done to rows before it and what
  /// is made of its outputs.
  func onnxModel(networkOnly: Bool) throws -> ONNXModel {
    var metadata: [String: String] = [:]
    for (key, names) in [("features", schema.featureNames), ("labels", schema.labelVocabulary)] {
      metadata[key] = try names.map {
        String(decoding: try JSONEncoder().encode($0), as: UTF8.self)
      }
    }
    return try ONNXModel(
      network, input: schema.exampleShape,
      preparation: { graph, rows in
        guard !networkOnly, let standardization = preprocessor.standardization else { return rows }
        return standardized(rows, by: standardization, in: graph)
      },
      conclusion: { graph, output in
        networkOnly ? output : scores(of: output, in: graph)
      }, metadata: metadata)
  }

  private func standardized(
    _ rows: ONNXValue, by standardization: Standardization, in graph: ONNXGraph
  ) -> ONNXValue {
    let shape = schema.exampleShape
    let centred = graph.node("Sub", rows, graph.constant(standardization.mean, shape: shape))
    return graph.node("Div", centred, graph.constant(standardization.scale, shape: shape))
  }

  /// What the outputs say of each class, as ``LossConfiguration/scores(of:)`` has it.
  private func scores(of output: ONNXValue, in graph: ONNXGraph) -> ONNXValue {
    switch loss.output {
    case .scores: output
    case .logits: graph.node("Softmax", output, attributes: ["axis": .int(-1)])
    case .logit:
      graph.node(
        "Concat", graph.node("Sigmoid", graph.node("Neg", output)),
        graph.node("Sigmoid", output), attributes: ["axis": .int(1)], shape: [2])
    }
  }
}
