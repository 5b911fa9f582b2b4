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

  private struct Entry {
    let inputs: [Int?]
    let inputShapes: [Shape]
    let pullback: Pullback?
  }

  private let entries = Mutex<[Entry]>([])

  /// Puts a tensor at the start of the record: gradients with respect to it can be asked for.
  func track(_ tensor: Tensor) -> Tensor {
    append(Entry(inputs: [], inputShapes: [], pullback: nil), tensor)
  }

  fileprivate func record(_ output: Tensor, inputs: [Tensor], pullback: @escaping Pullback)
    -> Tensor
  {
    append(
      Entry(
        inputs: inputs.map { $0.node?.index }, inputShapes: inputs.map(\.shape),
        pullback: pullback),
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
    let wanted = Set(sources.compactMap { $0.node?.index })
    var reaches = [Bool](repeating: false, count: end + 1)
    for index in 0...end {
      reaches[index] =
        wanted.contains(index)
        || record[index].inputs.contains { input in input.map { reaches[$0] } ?? false }
    }
    var gradients: [Int: Tensor] = [end: cotangent]
    for index in stride(from: end, through: 0, by: -1) where reaches[index] {
      let entry = record[index]
      guard let pullback = entry.pullback else { continue }
      guard let cotangent = gradients.removeValue(forKey: index) else { continue }
      let isNeeded = entry.inputs.map { input in input.map { reaches[$0] } ?? false }
      let parts = pullback(cotangent, isNeeded)
      for (position, input) in entry.inputs.enumerated() where isNeeded[position] {
        guard let input, let part = parts[position] else { continue }
        let gradient = part.summed(to: entry.inputShapes[position])
        gradients[input] = gradients[input].map { $0 + gradient } ?? gradient
      }
    }
    return sources.map { source in source.node.flatMap { gradients[$0.index] } }
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
  func recorded(_ operation: String, from inputs: [Tensor], pullback: @escaping Tape.Pullback)
    -> Tensor
  {
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
    return tape.map { $0.record(self, inputs: inputs, pullback: pullback) } ?? self
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
