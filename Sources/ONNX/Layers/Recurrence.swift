import Compute
public import NeuralNetworks
import Tensors

extension Recurrent: ONNXExportable {
  /// LSTM, GRU or RNN; step by step where the recurrence is normalised or has another activation.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    switch cell {
    case is LSTMCell:
      // ONNX has the gates in the order input, output, forget, candidate.
      return try graph.recurrence("LSTM", gates: [0, 3, 1, 2], of: self, input)
    case is GRUCell:
      // ONNX has the gates in the order update, reset, candidate.
      return try graph.recurrence(
        "GRU", gates: [1, 0, 2], attributes: ["linear_before_reset": .int(1)], of: self, input)
    case let cell as SimpleRNNCell where cell.isPlain:
      return try graph.recurrence("RNN", gates: [0], of: self, input)
    case let cell as SimpleRNNCell: return try graph.unrolled(cell, of: self, input)
    default: throw ONNXError("ONNX has no form for its cell \(type(of: cell))")
    }
  }
}

extension SimpleRNNCell {
  /// Whether the recurrence is that of the operator RNN.
  fileprivate var isPlain: Bool {
    normalization == nil && activation.expression == Activation.tanh.expression
  }
}

extension ONNXGraph {
  /// The operator of a recurrence, whose gates have an order of their own.
  fileprivate func recurrence(
    _ operation: String, gates order: [Int], attributes: [String: ONNXAttribute] = [:],
    of layer: Recurrent, _ input: ONNXValue
  ) throws -> ONNXValue {
    let cell = layer.cell
    func inOrder(_ parameter: Parameter) throws -> ONNXValue {
      let values = try values(of: parameter)
      guard order.count > 1 else { return values }
      let gate = Shape([cell.unitCount] + values.shape.dimensions.dropFirst())
      let gates = node(
        "Split", [values], attributes: ["axis": .int(0)], shapes: order.map { _ in gate })
      return node(
        "Concat", order.map { gates[$0] }, attributes: ["axis": .int(0)], shape: values.shape)
    }
    // The operators run in one direction or two, which is their first axis.
    func inOneDirection(_ values: ONNXValue) -> ONNXValue {
      node("Unsqueeze", values, integers([0]), shape: Shape([1] + values.shape.dimensions))
    }
    var bias: ONNXValue?
    if let inputBias = cell.inputBias, let recurrentBias = cell.recurrentBias {
      let parts = [try inOrder(inputBias), try inOrder(recurrentBias)]
      bias = inOneDirection(
        node(
          "Concat", parts, attributes: ["axis": .int(0)], shape: [2 * parts[0].shape.count]))
    }
    let operands = [
      node("Transpose", input, attributes: ["perm": .ints([1, 0, 2])]),
      inOneDirection(try inOrder(cell.inputWeight)),
      inOneDirection(try inOrder(cell.recurrentWeight)), bias,
    ]
    let attributes = attributes.merging(["hidden_size": .int(cell.unitCount)]) { first, _ in first }
    let output = try layer.build(input: input.shape)
    guard layer.returnsSequence else {
      let last = node(operation, operands, attributes: attributes, shapes: [nil, output])[0]
      return node("Squeeze", last, integers([0]))
    }
    let steps = node(operation, operands, attributes: attributes, shapes: [output])[0]
    return node(
      "Transpose", node("Squeeze", steps, integers([1])), attributes: ["perm": .ints([1, 0, 2])])
  }

  /// A simple recurrence, step by step.
  fileprivate func unrolled(
    _ cell: SimpleRNNCell, of layer: Recurrent, _ input: ONNXValue
  ) throws -> ONNXValue {
    let norm = cell.namedContents.first { $0.name == "norm" }?.value as? any Layer
    let inputWeight = try values(of: cell.inputWeight)
    let recurrentWeight = try values(of: cell.recurrentWeight)
    let inputBias = try cell.inputBias.map { try values(of: $0) }
    let recurrentBias = try cell.recurrentBias.map { try values(of: $0) }
    var outputs: [ONNXValue] = []
    for step in 0..<input.shape[0] {
      let x = node(
        "Gather", input, integer(step), attributes: ["axis": .int(1)], shape: [input.shape[1]])
      var sum = product(of: x, inputWeight, inputBias)
      if let last = outputs.last {
        sum = node("Add", sum, product(of: last, recurrentWeight, recurrentBias))
      } else if let recurrentBias {
        // The output before the first step is zero.
        sum = node("Add", sum, recurrentBias)
      }
      if let norm { sum = try add(norm, named: "norm_l0", to: sum) }
      outputs.append(apply(cell.activation, to: sum))
    }
    guard layer.returnsSequence else { return outputs[outputs.count - 1] }
    let steps = outputs.map { output in
      node("Unsqueeze", output, integers([1]), shape: [1, cell.unitCount])
    }
    return node(
      "Concat", steps, attributes: ["axis": .int(1)], shape: [steps.count, cell.unitCount])
  }
}
