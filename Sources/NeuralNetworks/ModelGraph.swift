public import Compute
import Tensors

/// The computation graph of a built model, for Graphviz.
///
///     print(ModelGraph(model, input: [64]).dot)
///
/// Layers are nodes with their parameters, edges carry the shape of one example; the branches of
/// ``Residual`` and ``Concatenate`` are drawn, and the blocks framed.
public struct ModelGraph: Sendable {
  /// The graph in Graphviz's language: `dot -Tpng model.dot -o model.png` draws it.
  public let dot: String

  /// Draws a model that was built for examples of a shape.
  ///
  /// - Parameters:
  ///   - model: A built model.
  ///   - input: The shape of one example.
  ///   - title: Written above.
  public init(_ model: Sequential, input: Shape, title: String = "") {
    var drawing = Drawing()
    let start = drawing.node(label: drawing.label("input", nil), fill: "#ffffff", shape: "plain")
    let end = drawing.draw(model, from: .init(node: start, shape: input))
    let last = drawing.node(label: drawing.label("output", nil), fill: "#ffffff", shape: "plain")
    drawing.edge(from: end, to: last)
    let heading =
      title.isEmpty
      ? "" : "  label=\(Drawing.quoted(title)); labelloc=t; fontsize=14; fontcolor=\"#202124\";\n"
    dot = """
      digraph model {
        rankdir=TB; nodesep=0.35; ranksep=0.35; bgcolor=white; fontname="Helvetica";
        node [fontname="Helvetica", fontsize=11, style="filled,rounded", shape=box, color="#80868b", \
      fontcolor="#202124", margin="0.18,0.09", height=0.3];
        edge [fontname="Helvetica", fontsize=9, fontcolor="#5f6368", color="#5f6368", arrowsize=0.6];
      \(heading)\(drawing.nodes)\(drawing.edges)}

      """
  }
}

/// The text of a graph as it grows.
private struct Drawing {
  /// A node from which values of a shape come.
  struct Source {
    let node: Int
    let shape: Shape
  }

  private(set) var nodes = ""
  /// Written behind all nodes: an edge inside a frame would draw both its ends into it.
  private(set) var edges = ""
  private var nodeCount = 0
  private var blockCount = 0
  private var depth = 1

  /// Draws a layer and gives where its output comes from.
  mutating func draw(_ layer: any Layer, from source: Source, to output: Shape) -> Source {
    switch layer {
    case let chain as Sequential: return draw(chain, from: source)
    case let block as Residual: return draw(block, from: source, to: output)
    case let block as Concatenate: return draw(block, from: source, to: output)
    default:
      let count = layer.parameterCount
      let node = node(label: label(layer.summary, count), fill: Self.fill(layer))
      edge(from: source, to: node)
      return Source(node: node, shape: output)
    }
  }

  mutating func draw(_ chain: Sequential, from source: Source) -> Source {
    var source = source
    for (layer, shape) in zip(chain.layers, chain.outputShapes) {
      source = draw(layer, from: source, to: shape)
    }
    return source
  }

  private mutating func draw(_ block: Residual, from source: Source, to output: Shape) -> Source {
    open("residual")
    let body = draw(block.body, from: source)
    let shortcut = block.projection.map { draw($0, from: source) } ?? source
    let sum = junction("+")
    edge(from: body, to: sum)
    edge(from: shortcut, to: sum, isShortcut: block.projection == nil)
    close()
    return Source(node: sum, shape: output)
  }

  private mutating func draw(
    _ block: Concatenate, from source: Source, to output: Shape
  ) -> Source {
    open("concatenate")
    let join = junction("‖")
    for (branch, shape) in zip(block.branches, block.branchShapes) {
      let end = draw(branch, from: source, to: shape)
      edge(from: end, to: join, isShortcut: end.node == source.node)
    }
    close()
    return Source(node: join, shape: output)
  }

  // MARK: - Parts

  mutating func node(label: String, fill: String, shape: String = "box") -> Int {
    nodeCount += 1
    line("n\(nodeCount) [label=\(label), fillcolor=\"\(fill)\", shape=\(shape)];")
    return nodeCount
  }

  private mutating func junction(_ sign: String) -> Int {
    nodeCount += 1
    line(
      """
      n\(nodeCount) [label="\(sign)", shape=circle, fixedsize=true, width=0.32, fontsize=14, \
      fillcolor="#ffffff"];
      """)
    return nodeCount
  }

  mutating func edge(from source: Source, to node: Int, isShortcut: Bool = false) {
    let style = isShortcut ? ", style=dashed" : ""
    edges += "  n\(source.node) -> n\(node) [label=\" \(source.shape)\"\(style)];\n"
  }

  private mutating func open(_ name: String) {
    blockCount += 1
    line("subgraph cluster\(blockCount) {")
    depth += 1
    line(
      """
      label="\(name)"; labeljust=l; labelloc=t; fontsize=10; fontcolor="#5f6368"; \
      style="rounded,filled"; color="#dadce0"; fillcolor="\(depth % 2 == 0 ? "#f8f9fa" : "#ffffff")"; \
      margin=12;
      """)
  }

  private mutating func close() {
    depth -= 1
    line("}")
  }

  private mutating func line(_ content: String) {
    nodes += String(repeating: "  ", count: depth) + content + "\n"
  }

  /// A name in bold type, above its parameters where it has any.
  func label(_ name: String, _ parameterCount: Int?) -> String {
    let title = "<b>\(Self.escaped(name))</b>"
    guard let parameterCount, parameterCount > 0 else { return "<\(title)>" }
    let count = parameterCount == 1 ? "1 parameter" : "\(Self.grouped(parameterCount)) parameters"
    return "<\(title)<br/><font point-size=\"9\" color=\"#5f6368\">\(count)</font>>"
  }

  private static func fill(_ layer: any Layer) -> String {
    switch layer {
    case is ActivationLayer: "#fef7e0"
    case is Dropout: "#fce8e6"
    case _ where layer.parameterCount == 0: "#f1f3f4"
    case is any WeightedLayer: "#e8f0fe"
    default: "#e6f4ea"
    }
  }

  /// Text inside HTML-like labels.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      default: result.append(character)
      }
    }
    return result
  }

  static func quoted(_ text: String) -> String {
    var result = ""
    for character in text {
      if character == "\"" || character == "\\" { result.append("\\") }
      result.append(character)
    }
    return "\"\(result)\""
  }

  /// Digits in threes.
  private static func grouped(_ number: Int) -> String {
    var digits = Array(String(number))
    for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
    return String(digits)
  }
}
