import NeuralNetworks
import Tensors
import Yams

/// Convolutions.
extension LayerReader {
  static let conv1d = LayerReader(shortKey: "channels") { section in
    let channels = try section.channels("channels")
    let kernel = try section.length("kernel", default: 3)
    let stride = try section.length("stride", default: 1)
    let padding = try section.padding("padding", isRow: true)
    let dilation = try section.length("dilation", default: 1)
    let groups = try section.groups("groups", dividing: channels)
    let (weight, bias) = try section.initializers()
    return Conv1D(
      channels, kernel: kernel, stride: stride, padding: padding, dilation: dilation,
      groups: groups, hasBias: bias != nil, weight: weight, bias: bias ?? .zeros)
  }

  static let conv2d = LayerReader(shortKey: "channels") { section in
    let channels = try section.channels("channels")
    let kernel = try section.size("kernel", default: 3)
    let stride = try section.size("stride", default: 1)
    let padding = try section.padding("padding")
    let dilation = try section.size("dilation", default: 1)
    let groups = try section.groups("groups", dividing: channels)
    let (weight, bias) = try section.initializers()
    return Conv2D(
      channels, kernel: kernel, stride: stride, padding: padding, dilation: dilation,
      groups: groups, hasBias: bias != nil, weight: weight, bias: bias ?? .zeros)
  }

  static let convTranspose2d = LayerReader(shortKey: "channels") { section in
    let channels = try section.channels("channels")
    let kernel = try section.size("kernel", default: 3)
    let stride = try section.size("stride", default: 1)
    let padding = try section.size("padding", default: 0, least: 0)
    let outputPadding = try section.size("outputPadding", default: 0, least: 0)
    let dilation = try section.size("dilation", default: 1)
    let groups = try section.groups("groups", dividing: channels)
    let (weight, bias) = try section.initializers()
    return ConvTranspose2D(
      channels, kernel: kernel, stride: stride, padding: padding, outputPadding: outputPadding,
      dilation: dilation, groups: groups, hasBias: bias != nil, weight: weight,
      bias: bias ?? .zeros)
  }
}

/// Pooling.
extension LayerReader {
  static let maxPool1d = row { MaxPool1D($0, stride: $1, padding: $2) }
  static let minPool1d = row { MinPool1D($0, stride: $1, padding: $2) }
  static let maxPool2d = window { MaxPool2D($0, stride: $1, padding: $2) }
  static let minPool2d = window { MinPool2D($0, stride: $1, padding: $2) }

  static let averagePool1d = LayerReader(shortKey: "window") { section in
    let (window, stride, padding) = try section.row()
    let countsPadding = try section.value("countPadding", .flag, default: true)
    return AveragePool1D(
      window, stride: stride, padding: padding, countsPadding: countsPadding)
  }

  static let averagePool2d = LayerReader(shortKey: "window") { section in
    let (window, stride, padding) = try section.window()
    let countsPadding = try section.value("countPadding", .flag, default: true)
    return AveragePool2D(
      window, stride: stride, padding: padding, countsPadding: countsPadding)
  }

  static let globalAveragePool = LayerReader { _ in GlobalAveragePool() }
  static let globalMaxPool = LayerReader { _ in GlobalMaxPool() }

  private static func row(
    _ make: @escaping @Sendable (_ window: Int, _ stride: Int, _ padding: Int) -> any Layer
  ) -> LayerReader {
    LayerReader(shortKey: "window") { section in
      let (window, stride, padding) = try section.row()
      return make(window, stride, padding)
    }
  }

  private static func window(
    _ make:
      @escaping @Sendable (_ window: Size2D, _ stride: Size2D, _ padding: Size2D) ->
      any Layer
  ) -> LayerReader {
    LayerReader(shortKey: "window") { section in
      let (window, stride, padding) = try section.window()
      return make(window, stride, padding)
    }
  }
}

extension ConfigurationSection {
  private static let lengths = 1...65_536

  /// The number of output channels, which must be there.
  fileprivate func channels(_ key: String) throws -> Int {
    try requiredValue(key, .wholeNumber(1...1_000_000))
  }

  fileprivate func length(_ key: String, default usual: Int) throws -> Int {
    try value(key, .wholeNumber(Self.lengths), default: usual)
  }

  /// A length down and across: `3`, or `[3, 5]`.
  fileprivate func size(_ key: String, default usual: Size2D, least: Int = 1) throws -> Size2D {
    let written = try node(key).map { try size($0, key, least: least) }
    return recordSize(key, written ?? usual)
  }

  /// A length down and across that must be there.
  private func requiredSize(_ key: String) throws -> Size2D {
    guard let node = node(key) else { throw missing(key, expected: Self.sizes(least: 1)) }
    return recordSize(key, try size(node, key, least: 1))
  }

  private func recordSize(_ key: String, _ size: Size2D) -> Size2D {
    let lengths = [size.height, size.width].map { Node("\($0)") }
    record(key, size.height == size.width ? lengths[0] : Node(lengths, .implicit, .flow))
    return size
  }

  private static func sizes(least: Int) -> String {
    "a whole number of at least \(least), or [height, width]"
  }

  private func size(_ node: Node, _ key: String, least: Int) throws -> Size2D {
    let nodes = node.sequence.map(Array.init) ?? [node]
    let numbers = nodes.compactMap { node in
      node.scalar.flatMap { $0.style == .plain ? Int($0.string) : nil }
    }
    guard numbers.count == nodes.count,
      nodes.count == 1 && node.sequence == nil || nodes.count == 2,
      numbers.allSatisfy({ (least...Self.lengths.upperBound).contains($0) })
    else {
      throw ConfigurationError(
        place(of: key), "there is \(node.kindDescription); expected \(Self.sizes(least: least))")
    }
    return Size2D(height: numbers[0], width: numbers[numbers.count - 1])
  }

  /// `valid`, `same`, so many zeros at each edge, down and across, or at every edge by its name:
  /// `{top: 1, bottom: 0, left: 1, right: 2}`.
  ///
  /// - Parameter isRow: Whether there are only two edges, left and right.
  fileprivate func padding(_ key: String, isRow: Bool = false) throws -> ConvolutionPadding {
    guard let node = node(key), node.scalar?.string != "valid" else {
      record(key, Node("valid"))
      return .valid
    }
    if node.scalar?.string == "same" {
      record(key, Node("same"))
      return .same
    }
    if node.mapping != nil {
      return try section(key) { edges in
        func zeros(_ edge: String) throws -> Int {
          try edges.value(edge, .wholeNumber(0...Self.lengths.upperBound), default: 0)
        }
        return .explicit(
          top: isRow ? 0 : try zeros("top"), bottom: isRow ? 0 : try zeros("bottom"),
          left: try zeros("left"), right: try zeros("right"))
      }
    }
    do {
      return .symmetric(recordSize(key, try size(node, key, least: 0)))
    } catch {
      throw ConfigurationError(
        place(of: key),
        """
        there is \(node.kindDescription); expected valid, same, \(Self.sizes(least: 0)), or the \
        edges by name, such as {top: 1, right: 2}
        """)
    }
  }

  fileprivate func groups(_ key: String, dividing channels: Int) throws -> Int {
    let groups = try value(key, .wholeNumber(1...1_000_000), default: 1)
    guard channels % groups == 0 else {
      throw ConfigurationError(
        place(of: key), "\(channels) channels do not divide into \(groups) groups")
    }
    return groups
  }

  /// How the weight and the bias start; nil where there is no bias.
  fileprivate func initializers() throws -> (weight: Initializer, bias: Initializer?) {
    let hasBias = try value("bias", .flag, default: true)
    let weight = try initializer("initializer")
    return (weight, hasBias ? try initializer("biasInitializer") : nil)
  }

  /// The window of a pooling of images.
  fileprivate func window() throws -> (window: Size2D, stride: Size2D, padding: Size2D) {
    let window = try requiredSize("window")
    let stride = try size("stride", default: window)
    let padding = try size("padding", default: 0, least: 0)
    guard padding.height * 2 <= window.height, padding.width * 2 <= window.width else {
      throw tooMuchPadding("\(padding)", "\(window)")
    }
    return (window, stride, padding)
  }

  /// The window of a pooling of sequences.
  fileprivate func row() throws -> (window: Int, stride: Int, padding: Int) {
    let window = try requiredValue("window", .wholeNumber(Self.lengths))
    let stride = try length("stride", default: window)
    let padding = try value("padding", .wholeNumber(0...Self.lengths.upperBound), default: 0)
    guard padding * 2 <= window else { throw tooMuchPadding("\(padding)", "\(window)") }
    return (window, stride, padding)
  }

  private func tooMuchPadding(_ padding: String, _ window: String) -> ConfigurationError {
    ConfigurationError(
      place(of: "padding"),
      "there is \(padding) for a window of \(window); expected at most half the window")
  }
}
