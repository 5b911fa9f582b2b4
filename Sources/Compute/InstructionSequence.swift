/// Expressions as straight-line code: each distinct part is computed once, before it is used.
///
/// The order depends on the expressions alone, so equal expressions print as equal source.
public struct InstructionSequence: Sendable, Hashable {
  /// One step; the numbers are positions of earlier steps.
  public enum Instruction: Sendable, Hashable {
    /// Takes an operand's value.
    case input(Int)
    /// Takes a number.
    case constant(Double)
    /// Applies a function of one value.
    case unary(UnaryIntrinsic, Int)
    /// Applies a function of two values.
    case binary(BinaryIntrinsic, Int, Int)
    /// Takes the second where the first is not zero, else the third.
    case select(Int, Int, Int)
  }

  /// The steps in order.
  public private(set) var instructions: [Instruction] = []
  /// The step that holds each expression's value.
  public private(set) var results: [Int] = []

  /// Lays expressions out.
  public init(_ expressions: [Expression]) {
    var known: [Expression: Int] = [:]
    func visit(_ expression: Expression) -> Int {
      if let position = known[expression] { return position }
      let instruction: Instruction =
        switch expression.form {
        case .input(let number): .input(number)
        case .constant(let value): .constant(value)
        case .unary(let function, let x): .unary(function, visit(x))
        case .binary(let function, let x, let y): .binary(function, visit(x), visit(y))
        case .select(let condition, let x, let y): .select(visit(condition), visit(x), visit(y))
        }
      instructions.append(instruction)
      known[expression] = instructions.count - 1
      return instructions.count - 1
    }
    results = expressions.map(visit)
  }
}
