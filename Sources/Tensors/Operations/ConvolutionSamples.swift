import Compute

/// Convolutions and their transposes.
public enum ConvolutionOperation: String, OperationFamily {
  case conv2d, conv2dActivation, conv1d, grouped, depthwise, transposed, transposedGrouped

  /// The operation over windows that overlap, leave gaps, are spread, and reach over the edges, at
  /// sizes that no tile divides.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    let width = source.size(in: 9...13)
    // Rows of every length, and no examples, which take the kernels of other samples.
    let lengths = source.shuffledLengths()
    func everyLength(_ trial: (Shape) -> Trial) -> [Trial] {
      lengths.map { trial([1, 4, 2, $0]) } + [trial([0, 4, 2, 5])]
    }
    func scattered(_ trial: (SampleInput.Layout) -> Trial) -> [Trial] {
      [SampleInput.Layout.transposed, .sliced].map(trial)
    }
    return switch self {
    case .conv2d:
      // Few windows on many inputs, since each window is kernels to build.
      ([
        Trial([2, 3, 7, width], [5, 3, 3, 3], padding: 1),
        Trial([1, 1, 17, 33], [33, 1, 3, 3], padding: 1),
        Trial([3, 17, 5, 5], [17, 17, 3, 3], padding: 1),
        Trial(
          [2, 2, 5, 6], [3, 2, 3, 3], padding: .explicit(top: 2, bottom: 0, left: 0, right: 3)),
        Trial([2, 0, 7, 9], [5, 0, 3, 3], padding: 1),
        Trial([2, 3, 7, 9], [5, 3, 3, 3], padding: 1, hasBias: false),
        Trial([2, 2, 9, 8], [3, 2, 2, 4], stride: [1, 2], padding: .same, dilation: [2, 1]),
      ] + everyLength { Trial($0, [5, 4, 3, 3], padding: 1) }
        + scattered { Trial([2, 3, 7, 9], [5, 3, 3, 3], padding: 1, layout: $0) })
        .map { $0.sample() }
    case .conv2dActivation:
      [Activation.tanh, .sin].flatMap { activation in
        (everyLength { Trial($0, [5, 4, 3, 3], padding: 1) }
          + scattered { Trial([2, 3, 7, 9], [5, 3, 3, 3], padding: 1, layout: $0) })
          .map { $0.sample(activation: activation) }
      }
    case .conv1d:
      lengths.map { sequences([1, 3, $0]) } + [
        sequences([2, 3, width], groups: 3, stride: 2, dilation: 2), sequences([0, 3, 5]),
        sequences([2, 3, 9], layout: .transposed), sequences([2, 3, 9], layout: .sliced),
      ]
    case .grouped:
      ([Trial([2, 6, 6, 7], [9, 2, 3, 3], padding: 1, groups: 3)]
        + everyLength { Trial($0, [6, 2, 3, 3], padding: 1, groups: 2) }
        + scattered { Trial([2, 6, 6, 7], [9, 2, 3, 3], padding: 1, groups: 3, layout: $0) })
        .map { $0.sample() }
    case .depthwise:
      ([Trial([2, 3, 9, width], [6, 1, 3, 3], padding: 2, groups: 3)]
        + everyLength { Trial($0, [4, 1, 3, 3], padding: 1, groups: 4) }
        + scattered { Trial([2, 5, 7, 6], [5, 1, 3, 3], padding: 1, groups: 5, layout: $0) })
        .map { $0.sample() }
    case .transposed:
      ([
        Trial([2, 3, 4, 5], [3, 4, 3, 3], stride: 2, padding: 1, outputPadding: 1),
        Trial([2, 2, 4, 3], [2, 3, 2, 4], stride: [1, 2], dilation: [2, 1]),
        // Positions that no tap reaches.
        Trial([2, 3, 4, 5], [3, 2, 1, 1], stride: 2, outputPadding: 1),
      ] + everyLength { Trial($0, [4, 3, 3, 3], padding: 1) }
        + scattered { Trial([2, 3, 5, 6], [3, 4, 3, 3], padding: 1, layout: $0) })
        .map { $0.transposedSample() }
        + [Trial([2, 3, 4, 5], [3, 4, 3, 3], padding: 1).transposedSample(activation: .tanh)]
    case .transposedGrouped:
      (everyLength { Trial($0, [4, 3, 3, 3], padding: 1, groups: 2) }
        + scattered { Trial([2, 4, 4, 5], [4, 3, 3, 3], padding: 1, groups: 2, layout: $0) })
        .map { $0.transposedSample() }
    }
  }

  /// A convolution of sequences.
  private func sequences(
    _ x: Shape, groups: Int = 1, stride: Int = 1, dilation: Int = 1,
    layout: SampleInput.Layout = .contiguous
  ) -> OperationSample {
    let weight: Shape = [2 * groups, x[1] / groups, 3]
    return OperationSample(
      [
        .init(x, layout: layout), .init(weight, layout: layout), .init([weight[0]], layout: layout),
      ],
      accuracy: .sums(terms: weight[1] * 3 + 1, back: max(1, 6 * x[0] * (x[2] + 2)))
    ) {
      Tensors.conv1d(
        $0[0], weight: $0[1], bias: $0[2], stride: stride, padding: .same, dilation: dilation,
        groups: groups)
    }
  }

  /// One window on one input.
  private struct Trial {
    let x: Shape, weight: Shape
    let stride: Size2D
    let padding: ConvolutionPadding
    let outputPadding: Size2D
    let dilation: Size2D
    let groups: Int
    let layout: SampleInput.Layout
    let hasBias: Bool

    init(
      _ x: Shape, _ weight: Shape, stride: Size2D = 1, padding: ConvolutionPadding = 0,
      outputPadding: Size2D = 0, dilation: Size2D = 1, groups: Int = 1,
      layout: SampleInput.Layout = .contiguous, hasBias: Bool = true
    ) {
      self.x = x
      self.weight = weight
      self.stride = stride
      self.padding = padding
      self.outputPadding = outputPadding
      self.dilation = dilation
      self.groups = groups
      self.layout = layout
      self.hasBias = hasBias
    }

    private var label: String {
      "\(weight) at \(stride), padding \(padding), dilation \(dilation), \(groups) groups"
    }

    private func inputs(outputs: Int, _ values: SampleValues = .normal) -> [SampleInput] {
      [.init(x, layout: layout), .init(weight, values, layout: layout)]
        + (hasBias ? [.init([outputs], layout: layout)] : [])
    }

    /// So many products of x and weight that the activation is not saturated.
    private func accuracy(_ activation: Activation, terms: Int, back: Int) -> SampleAccuracy {
      activation.isIdentity ? .sums(terms: terms + 1, back: Swift.max(1, back)) : .yardstick
    }

    private func values(_ terms: Int) -> SampleValues {
      .shifted(mean: 0, deviation: 1 / Double(Swift.max(1, terms)).squareRoot())
    }

    func sample(activation: Activation = .identity) -> OperationSample {
      let window = weight[2] * weight[3]
      let terms = weight[1] * window
      let back = Swift.max(
        weight[0] / groups * window, x[0] * (x[2] + 4) * (x[3] + 4))
      return OperationSample(
        inputs(outputs: weight[0], activation.isIdentity ? .normal : values(terms)),
        label: "\(label) \(activation.name)",
        accuracy: accuracy(activation, terms: terms, back: back)
      ) { [stride, padding, dilation, groups] in
        Tensors.conv2d(
          $0[0], weight: $0[1], bias: $0.count > 2 ? $0[2] : nil, stride: stride,
          padding: padding, dilation: dilation, groups: groups, activation: activation)
      }
    }

    func transposedSample(activation: Activation = .identity) -> OperationSample {
      guard case .explicit(let top, _, let left, _) = padding else {
        fatalError("a transposed convolution has an explicit padding")
      }
      let window = weight[2] * weight[3]
      let terms = weight[0] / groups * window
      let back = Swift.max(
        weight[1] * window, x[0] * (x[2] * stride.height + 4) * (x[3] * stride.width + 4))
      return OperationSample(
        inputs(outputs: weight[1] * groups, activation.isIdentity ? .normal : values(terms)),
        label: "\(label) \(activation.name)",
        accuracy: accuracy(activation, terms: terms, back: back)
      ) { [stride, outputPadding, dilation, groups] in
        Tensors.convTranspose2d(
          $0[0], weight: $0[1], bias: $0[2], stride: stride,
          padding: Size2D(height: top, width: left), outputPadding: outputPadding,
          dilation: dilation, groups: groups, activation: activation)
      }
    }
  }
}
