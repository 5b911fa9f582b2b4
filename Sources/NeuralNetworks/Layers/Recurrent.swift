public import Compute
public import Tensors

/// A cell applied to one step of a sequence after the other.
///
/// x is `[n, steps, in]`, the batch first; the result is the last output, `[n, units]`, or every
/// step's, `[n, steps, units]`. Gradients pass back through all steps. Parameters have the names of
/// PyTorch's layers, `weight_ih_l0`, so that a state_dict of one layer loads; layers above it are
/// layers of their own here:
///
///     LSTM(64, returnsSequence: true)
///     LSTM(32)
///     Linear(10)
open class Recurrent: Module, Layer {
  /// What is done at each step.
  public let cell: RecurrentCell
  /// Whether the result is every step's output, not only the last.
  public let returnsSequence: Bool

  /// Creates a layer of a cell.
  public init(_ cell: RecurrentCell, returnsSequence: Bool = false) {
    self.cell = cell
    self.returnsSequence = returnsSequence
  }

  /// The cell's parameters, as those of a first layer.
  public override var namedContents: [(name: String, value: Any)] {
    cell.namedContents.map { ("\($0.name)_l0", $0.value) }
  }

  /// `LSTM(in, units)`.
  open override var summary: String {
    "\(Self.self)(\(cell.settings)\(returnsSequence ? ", sequence" : ""))"
  }

  /// The last output, or every step's.
  public func callAsFunction(_ x: Tensor) -> Tensor { run(x).output }

  /// The result from a state, or from zeros, and the state behind the last step.
  ///
  /// Traps when the input is not `[n, steps, in]`, or has no steps.
  public func run(
    _ x: Tensor, from state: [Tensor]? = nil
  ) -> (output: Tensor, state: [Tensor]) {
    require(
      x.rank == 3 && x.shape[1] >= 1,
      "\(place): the input has shape \(x.shape), not [n, steps, in] with a step or more")
    var state = state ?? cell.zeroState(x.shape[0], like: x)
    var outputs: [Tensor] = []
    for step in 0..<x.shape[1] {
      state = cell(x[.all, step], from: state)
      if returnsSequence { outputs.append(state[0].expandingShape(at: 1)) }
    }
    return (returnsSequence ? concatenate(outputs, axis: 1) : state[0], state)
  }

  /// Takes the number of inputs of a step from the last of two axes.
  public func build(input: Shape) throws(ModelError) -> Shape {
    guard input.rank == 2, input[0] >= 1 else {
      throw ModelError(
        "\(Self.self) needs an input [steps, in] for each example, not \(input)")
    }
    let output = try cell.build(input: [input[1]])
    return returnsSequence ? Shape([input[0]] + output.dimensions) : output
  }
}

/// A simple recurrent layer; see ``SimpleRNNCell``.
public final class SimpleRNN: Recurrent {
  /// Creates a layer that learns the number of its inputs when the model is built.
  public init(
    _ unitCount: Int, activation: Activation = .tanh,
    normalization: RecurrentNormalization? = nil, returnsSequence: Bool = false,
    hasBias: Bool = true, weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    super.init(
      SimpleRNNCell(
        unitCount, activation: activation, normalization: normalization, hasBias: hasBias,
        weight: weight, bias: bias),
      returnsSequence: returnsSequence)
  }
}

/// A layer of long short-term memory; see ``LSTMCell``.
public final class LSTM: Recurrent {
  /// Creates a layer that learns the number of its inputs when the model is built.
  public init(
    _ unitCount: Int, returnsSequence: Bool = false, hasBias: Bool = true,
    weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    super.init(
      LSTMCell(unitCount, hasBias: hasBias, weight: weight, bias: bias),
      returnsSequence: returnsSequence)
  }
}

/// A layer of gated recurrent units; see ``GRUCell``.
public final class GRU: Recurrent {
  /// Creates a layer that learns the number of its inputs when the model is built.
  public init(
    _ unitCount: Int, returnsSequence: Bool = false, hasBias: Bool = true,
    weight: Initializer = .torchLinear(), bias: Initializer = .torchLinear()
  ) {
    super.init(
      GRUCell(unitCount, hasBias: hasBias, weight: weight, bias: bias),
      returnsSequence: returnsSequence)
  }
}
