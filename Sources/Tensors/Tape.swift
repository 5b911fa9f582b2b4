import Compute
import Synchronization

/// The record of one differentiation: the operations in the order they were done.
///
/// Tensors point into the tape by index, so a long chain of operations is an array and not a
/// chain of references that would have to be released one inside the other.
final class Tape: Sendable {
  /// Computes the gradients of an operation's inputs from the gradient of its result.
  ///
  /// The second argument says which inputs need one; the others may be nil. A gradient may have
  /// a shape that the input was broadcast to: the tape sums it back.
  typealias Pullback = @Sendable (_ cotangent: Tensor, _ isNeeded: [Bool]) -> [Tensor?]

  /// The gradient of an operation's input, as its pullback gives it.
  enum InputGradient: Sendable {
    case made(Tensor)
    /// One of a shape whose launch is yet to be made, and has an epilogue if the tape has one for it.
    case pending(Shape, make: @Sendable (Epilogue?) -> Tensor)
  }

  private struct Entry {
    var inputs: [Int?] = []
    var inputShapes: [Shape] = []
    /// What the cotangent is multiplied by before the pullback has it.
    var derivative: PointwiseDerivative?
    /// Whether the gradient is the cotangent in another shape.
    var isReshape = false
    var pullback: (@Sendable (_ cotangent: Tensor, _ isNeeded: [Bool]) -> [InputGradient?])?
  }

  private let entries = Mutex<[Entry]>([])

  /// Puts a tensor at the start of the record: gradients with respect to it can be asked for.
  func track(_ tensor: Tensor) -> Tensor { append(Entry(), tensor) }

  fileprivate func record(
    _ output: Tensor, inputs: [Tensor], derivative: PointwiseDerivative?, isReshape: Bool,
    pullback: @escaping @Sendable (_ cotangent: Tensor, _ isNeeded: [Bool]) -> [InputGradient?]
  ) -> Tensor {
    append(
      Entry(
        inputs: inputs.map { $0.node?.index }, inputShapes: inputs.map(\.shape),
        derivative: derivative, isReshape: isReshape, pullback: pullback),
      output)
  }

  private func append(_ entry: Entry, _ tensor: Tensor) -> Tensor {
    let index = entries.withLock { entries in
      entries.append(entry)
      return entries.count - 1
    }
    return tensor.with(node: TapeNode(tape: self, index: index))
  }

  /// Carries the cotangent of a result back to the tracked tensors.
  ///
  /// Returns the gradient of each; nil where the result does not depend on it.
  func gradients(of result: Tensor, cotangent: Tensor, at sources: [Tensor]) -> [Tensor?] {
    guard let end = result.node?.index else { return sources.map { _ in nil } }
    let record = entries.withLock { $0 }
    let paths = Paths(record, from: Set(sources.compactMap { $0.node?.index }), to: end)
    var gradients: [Int: Tensor] = [end: cotangent]
    var areMultiplied: Set<Int> = []
    for index in stride(from: end, through: 0, by: -1) where paths.reach[index] {
      let entry = record[index]
      guard let pullback = entry.pullback else { continue }
      guard var cotangent = gradients.removeValue(forKey: index) else { continue }
      if let derivative = entry.derivative, !areMultiplied.contains(index) {
        cotangent = derivative(cotangent)
      }
      let isNeeded = entry.inputs.map { input in input.map { paths.reach[$0] } ?? false }
      let parts = pullback(cotangent, isNeeded)
      for (position, input) in entry.inputs.enumerated() where isNeeded[position] {
        guard let input, let part = parts[position] else { continue }
        let shape = entry.inputShapes[position]
        let gradient: Tensor
        switch part {
        case .made(let part): gradient = part.summed(to: shape)
        case .pending(let made, let make):
          let factor = made == shape ? paths.factor(of: input) : nil
          let epilogue = factor?.derivative.epilogue(of: shape)
          if let factor, epilogue != nil { areMultiplied.insert(factor.entry) }
          gradient = make(epilogue).summed(to: shape)
        }
        gradients[input] = gradients[input].map { $0 + gradient } ?? gradient
      }
    }
    return sources.map { source in source.node.flatMap { gradients[$0.index] } }
  }

  /// What of a record lies between sources and a result.
  private struct Paths {
    /// Whether an entry depends on a source.
    let reach: [Bool]
    /// How many gradients are added up to an entry's cotangent.
    private let counts: [Int]
    private let record: [Entry]

    init(_ record: [Entry], from sources: Set<Int>, to end: Int) {
      var reach = [Bool](repeating: false, count: end + 1)
      for index in 0...end {
        reach[index] =
          sources.contains(index)
          || record[index].inputs.contains { input in input.map { reach[$0] } ?? false }
      }
      var counts = [Int](repeating: 0, count: end + 1)
      for index in stride(from: end, through: 0, by: -1)
      where reach[index] && (index == end || counts[index] > 0) {
        for case let input? in record[index].inputs where reach[input] { counts[input] += 1 }
      }
      (self.reach, self.counts, self.record) = (reach, counts, record)
    }

    /// The entry whose derivative is to multiply a gradient of another's, for that alone becomes its
    /// cotangent, be it in another shape.
    func factor(of input: Int) -> (entry: Int, derivative: PointwiseDerivative)? {
      var next: Int? = input
      while let entry = next, counts[entry] == 1 {
        if let derivative = record[entry].derivative { return (entry, derivative) }
        next = record[entry].isReshape ? record[entry].inputs[0] : nil
      }
      return nil
    }
  }
}

/// A place on a tape.
struct TapeNode: Sendable {
  let tape: Tape
  let index: Int
}

extension Tensor {
  /// The result of an operation, recorded on the tape of its inputs if they have one.
  ///
  /// What the pullback captures must be detached, lest the tape hold itself.
  ///
  /// - Parameters:
  ///   - operation: The operation, for messages.
  ///   - inputs: What it was computed from.
  ///   - derivative: What the cotangent is multiplied by before the pullback has it.
  ///   - pullback: Computes the gradient of each input; nil where none is needed.
  func recorded(
    _ operation: String, from inputs: [Tensor], derivative: PointwiseDerivative? = nil,
    pullback: @escaping Tape.Pullback
  ) -> Tensor {
    recorded(operation, from: inputs, derivative: derivative) { cotangent, isNeeded in
      pullback(cotangent, isNeeded).map { $0.map(Tape.InputGradient.made) }
    }
  }

  /// The result of an operation that only gives its input's elements another shape, as
  /// ``recorded(_:from:derivative:pullback:)``.
  func recordedReshape(of input: Tensor) -> Tensor {
    let shape = input.shape
    return recorded("reshaped", from: [input], isReshape: true) { cotangent, _ in
      [.made(cotangent.reshaped(to: shape))]
    }
  }

  /// The result of an operation of whose gradients some are made when it is known what is to become of
  /// them, as ``recorded(_:from:derivative:pullback:)``.
  func recorded(
    _ operation: String, from inputs: [Tensor], derivative: PointwiseDerivative? = nil,
    isReshape: Bool = false,
    gradients:
      @escaping @Sendable (_ cotangent: Tensor, _ isNeeded: [Bool]) ->
      [Tape.InputGradient?]
  ) -> Tensor {
    var tape: Tape?
    for input in inputs {
      guard let node = input.node else { continue }
      require(
        tape == nil || tape === node.tape,
        """
        \(operation): its operands belong to two differentiations, one inside the other; \
        gradients are first order, so the gradient of a gradient cannot be taken
        """)
      tape = node.tape
    }
    return tape.map {
      $0.record(
        self, inputs: inputs, derivative: derivative, isReshape: isReshape, pullback: gradients)
    } ?? self
  }

  /// The sum over the axes along which a tensor of `shape` was broadcast to this one's shape.
  func summed(to shape: Shape) -> Tensor {
    guard shape != self.shape else { return self }
    let lead = rank - shape.rank
    let axes = (0..<rank).filter { axis in
      axis < lead || (shape.dimensions[axis - lead] == 1 && self.shape.dimensions[axis] != 1)
    }
    return sum(axes: axes, keepsDimensions: true).reshaped(to: shape)
  }
}
