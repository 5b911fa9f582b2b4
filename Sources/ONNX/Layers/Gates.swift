import Compute
public import NeuralNetworks
import Tensors

extension PReLU: ONNXExportable {
  /// PRelu, with slopes that lie along the channels.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let slopes = try graph.values(of: $weight)
    return graph.node(
      "PRelu", input, isPerChannel ? graph.alongChannels(slopes, of: input) : slopes)
  }
}

extension GLU: ONNXExportable {
  /// One half times the sigmoid of the other.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let half = try build(input: input.shape)
    let halves = graph.node(
      "Split", [input], attributes: ["axis": .int(-1)], shapes: [half, half])
    return graph.node("Mul", halves[0], graph.node("Sigmoid", halves[1]))
  }
}

extension Softmax: ONNXExportable {
  /// Softmax over the last axis.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    graph.node("Softmax", input, attributes: ["axis": .int(-1)])
  }
}

extension LogSoftmax: ONNXExportable {
  /// LogSoftmax over the last axis.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    graph.node("LogSoftmax", input, attributes: ["axis": .int(-1)])
  }
}

extension Maxout: ONNXExportable {
  /// The largest of the pieces, which are neighbours.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let pieces = graph.product(
      of: input, try graph.values(of: $weight), try bias.map { try graph.values(of: $0) })
    let shape = try build(input: input.shape)
    let apart = graph.reshape(pieces, to: Shape(shape.dimensions + [self.pieces]))
    return graph.node(
      "ReduceMax", apart, attributes: ["axes": .ints([-1]), "keepdims": .int(0)], shape: shape)
  }
}

extension PerUnit: ONNXExportable {
  /// The units of each activation gathered, activated, and put back in their places.
  public func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    let list = activations.activations
    let units = 0..<input.shape[-1]
    // Equal activations, whatever they are called, take their units together.
    let groups = Dictionary(grouping: units) { unit in
      list.firstIndex { $0.expression == list[unit % list.count].expression } ?? 0
    }.sorted { $0.key < $1.key }
    guard groups.count > 1 else { return graph.apply(list[0], to: input) }
    let axis: [String: ONNXAttribute] = ["axis": .int(-1)]
    let parts = groups.map { first, units in
      let shape = Shape(input.shape.dimensions.dropLast() + [units.count])
      let gathered = graph.node(
        "Gather", input, graph.integers(units), attributes: axis, shape: shape)
      return graph.apply(list[first], to: gathered)
    }
    let joined = graph.node("Concat", parts, attributes: axis, shape: input.shape)
    let order = groups.flatMap(\.value)
    let places = units.map { unit in order.firstIndex(of: unit) ?? unit }
    return graph.node("Gather", joined, graph.integers(places), attributes: axis)
  }
}
