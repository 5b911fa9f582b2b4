public import Compute
public import Tensors

/// One step of a recurrence: from the input of a step and the state before it to the state behind.
///
/// Inputs are `[n, in]`, each state `[n, units]`; the first of the states is the output. Parameters
/// are named and laid out as PyTorch's cells have them, the gates of a unit below each other, and
/// start uniform on ±1/√units.
open class RecurrentCell: Module {
  /// The weights of the input, `[gates · units, in]`.
  public let inputWeight: Parameter
  /// The weights of the output of the step before, `[gates · units, units]`.
  public let recurrentWeight: Parameter
  /// The summands of the weighted input, `[gates · units]`; nil where there are none.
  public let inputBias: Parameter?
  /// The summands of the weighted output, `[gates · units]`; nil where there are none.
  public let recurrentBias: Parameter?
  /// The number of units, the length of each state.
  public let unitCount: Int
  /// The number of tensors that the state is made of.
  public var stateCount: Int { 1 }

  init(_ unitCount: Int, gates: Int, hasBias: Bool, weight: Initializer, bias: Initializer) {
    require(unitCount >= 1, "\(Self.self): \(unitCount) units; 1 is the least")
    self.unitCount = unitCount
    let fans = Fans(fanIn: unitCount, fanOut: unitCount)
    let rows = gates * unitCount
    inputWeight = Parameter(initializer: weight, fans: fans)
    recurrentWeight = Parameter(shape: [rows, unitCount], initializer: weight, fans: fans)
    inputBias = hasBias ? Parameter(shape: [rows], initializer: bias, fans: fans) : nil
    recurrentBias = hasBias ? Parameter(shape: [rows], initializer: bias, fans: fans) : nil
  }

  /// The parameters, by PyTorch's names.
  public override var namedContents: [(name: String, value: Any)] {
    [
      ("weight_ih", inputWeight), ("weight_hh", recurrentWeight), ("bias_ih", inputBias as Any),
      ("bias_hh", recurrentBias as Any),
    ]
  }

  /// `LSTMCell(in, units)`.
  public final override var summary: String { "\(Self.self)(\(settings))" }

  /// The numbers of inputs, where it is known, and of units, and what else there is to say.
  var settings: String { (inputWeight.shape.map { "\($0[1]), " } ?? "") + "\(unitCount)" }

  /// Takes the number of inputs, and gives the shape of the output; throws when it was another.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank == 1 else {
      throw ModelError("\(Self.self) needs an input [in] for each step, not \(input)")
    }
    if let known = inputWeight.shape, known[1] != input[0] {
      throw ModelError("\(Self.self) has \(known[1]) inputs, but its input has shape \(input)")
    }
    inputWeight.shape = [recurrentWeight.shape?[0] ?? unitCount, input[0]]
    return [unitCount]
  }

  /// A state of zeros for `count` examples.
  public func zeroState(_ count: Int, like x: Tensor) -> [Tensor] {
    (0..<stateCount).map { _ in
      Tensor.zeros([count, unitCount], dtype: x.dtype, on: x.device)
    }
  }

  /// The state behind a step; traps when the input or the state have other shapes.
  public final func callAsFunction(_ x: Tensor, from state: [Tensor]? = nil) -> [Tensor] {
    require(
      x.rank == 2 && x.shape[1] == inputWeight.shape?[1],
      "\(place): the input of a step has shape \(x.shape), not [n, in]")
    let state = state ?? zeroState(x.shape[0], like: x)
    require(
      state.count == stateCount && state.allSatisfy { $0.shape == [x.shape[0], unitCount] },
      """
      \(place): the state has shapes \(state.map(\.shape.description).joined(separator: ", ")); \
      \(stateCount) of [\(x.shape[0]), \(unitCount)] were expected
      """)
    return next(
      linear(x, weight: inputWeight.value, bias: inputBias?.value),
      linear(state[0], weight: recurrentWeight.value, bias: recurrentBias?.value), state)
  }

  /// The state behind a step, from the weighted input and output and the state before.
  func next(_ input: Tensor, _ recurrent: Tensor, _ state: [Tensor]) -> [Tensor] {
    fatalError("\(Self.self) says nothing of its next state")
  }

  /// The part of weighted values that belongs to a gate.
  final func gate(_ number: Int, _ values: Tensor) -> Tensor {
    values.slice(axis: 1, (number * unitCount)..<((number + 1) * unitCount))
  }
}

/// A step of the simple recurrence h′ = activation(W_ih·x + b_ih + W_hh·h + b_hh).
///
/// With a normalisation the weighted sum passes through it before the activation, at every step,
/// and its shift takes the place of the biases: h′ = activation(norm(W_ih·x + W_hh·h)).
///
/// Sources: J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990; with layer
/// normalisation J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450,
/// equation 4.
public final class SimpleRNNCell: RecurrentCell {
  /// What the sum goes through.
  public let activation: Activation
  /// What the sum is normalised by at every step; nil for nothing.
  public let normalization: RecurrentNormalization?
  private let norm: (any Layer)?

  /// Creates a cell that learns the number of its inputs when it is built.
  public init(
    _ unitCount: Int, activation: Activation = .tanh,
    normalization: RecurrentNormalization? = nil, hasBias: Bool = true,
    weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    self.activation = activation
    self.normalization = normalization
    norm = normalization?.layer(unitCount)
    super.init(
      unitCount, gates: 1, hasBias: hasBias && normalization == nil, weight: weight, bias: bias)
  }

  /// The parameters, and the normalisation's as those of `norm`.
  public override var namedContents: [(name: String, value: Any)] {
    super.namedContents + [("norm", norm as Any)]
  }

  override var settings: String {
    super.settings + (normalization.map { ", \($0.rawValue) norm" } ?? "")
  }

  /// Takes the number of inputs.
  public override func build(input: Shape) throws(ModelError) -> Shape {
    let output = try super.build(input: input)
    return try norm?.build(input: output) ?? output
  }

  override func next(_ input: Tensor, _ recurrent: Tensor, _ state: [Tensor]) -> [Tensor] {
    let sum = input + recurrent
    guard let norm else { return [activation(sum)] }
    guard let fusing = norm as? any ActivationFusingLayer else { return [activation(norm(sum))] }
    return [fusing(sum, then: activation)]
  }
}

/// What a recurrence is normalised by.
public enum RecurrentNormalization: String, CaseIterable, Sendable {
  /// Over the units of an example and step, alone: what suits recurrence.
  case layer
  /// Over the batch, with one running estimate for all steps.
  ///
  /// It does not suit recurrence: the sums of each step have statistics of their own, which the
  /// estimate blends, so that in evaluation no step is normalised by its own; and sequences may be
  /// longer than any that was trained on.
  case batch

  fileprivate func layer(_ unitCount: Int) -> any Layer {
    switch self {
    case .layer: LayerNorm([unitCount])
    case .batch: BatchNorm(unitCount)
    }
  }
}

/// A step of the long short-term memory, whose states are the output h and the cell c.
///
/// With p = W_ih·x + b_ih + W_hh·h + b_hh, whose parts are those of the input gate i, the forget
/// gate f, the candidate g and the output gate o, in this order:
/// c′ = σ(f)·c + σ(i)·tanh(g) and h′ = σ(o)·tanh(c′).
///
/// Source: S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997, with
/// the forget gate of F. A. Gers, J. Schmidhuber, F. Cummins, "Learning to forget", 2000.
public final class LSTMCell: RecurrentCell {
  /// Output and cell.
  public override var stateCount: Int { 2 }

  /// Creates a cell that learns the number of its inputs when it is built.
  public init(
    _ unitCount: Int, hasBias: Bool = true, weight: Initializer = .torchLinear(),
    bias: Initializer = .torchLinear()
  ) {
    super.init(unitCount, gates: 4, hasBias: hasBias, weight: weight, bias: bias)
  }

  override func next(_ input: Tensor, _ recurrent: Tensor, _ state: [Tensor]) -> [Tensor] {
    let sum = input + recurrent
    let cell = fused([gate(0, sum), gate(1, sum), gate(2, sum), state[1]]) { x in
      x[1].sigmoid * x[3] + x[0].sigmoid * x[2].tanh
    }
    return [fused([gate(3, sum), cell]) { $0[0].sigmoid * $0[1].tanh }, cell]
  }
}

/// A step of the gated recurrent unit.
///
/// With p = W_ih·x + b_ih and q = W_hh·h + b_hh, whose parts are those of the reset gate r, the
/// update gate z and the candidate n, in this order: r = σ(p_r + q_r), z = σ(p_z + q_z),
/// n = tanh(p_n + r·q_n) and h′ = (1 − z)·n + z·h. As in PyTorch the reset gate acts on the weighted
/// output, bias included, not on the output.
///
/// Source: K. Cho et al., "Learning phrase representations using RNN encoder–decoder", EMNLP 2014,
/// with the reset gate as cuDNN has it.
public final class GRUCell: RecurrentCell {
  /// Creates a cell that learns the number of its inputs when it is built.
  public init(
    _ unitCount: Int, hasBias: Bool = true, weight: Initializer = .torchLinear(),
    bias: Initializer = .torchLinear()
  ) {
    super.init(unitCount, gates: 3, hasBias: hasBias, weight: weight, bias: bias)
  }

  override func next(_ input: Tensor, _ recurrent: Tensor, _ state: [Tensor]) -> [Tensor] {
    let candidate = fused([
      gate(0, input), gate(0, recurrent), gate(2, input), gate(2, recurrent),
    ]) { x in
      (x[2] + (x[0] + x[1]).sigmoid * x[3]).tanh
    }
    return [
      fused([gate(1, input), gate(1, recurrent), candidate, state[0]]) { x in
        let update = (x[0] + x[1]).sigmoid
        return x[2] + update * (x[3] - x[2])
      }
    ]
  }
}
