/// What becomes of each element of a result before it is written: `output = expression(element,
/// operand)`.
///
/// A layer's bias and activation, or the derivative by which a gradient is multiplied on its way
/// back, so that neither reads and writes every element again.
public struct Epilogue: Sendable {
  /// A function of the result's element, `input(0)`, and of the operand's at its place, `input(1)`.
  public let expression: Expression
  /// A view of the result's shape and dtype; nil where the function has no `input(1)`.
  public let operand: View?

  /// Creates an epilogue; traps when the function has an input that is not there.
  public init(_ expression: Expression, operand: View? = nil) {
    let inputs = operand == nil ? 1 : 2
    for case .input(let number) in InstructionSequence([expression]).instructions {
      require(
        number < inputs,
        "Epilogue: the function has input(\(number)); "
          + (operand == nil ? "without an operand there is input(0) alone" : "there are two inputs")
      )
    }
    self.expression = expression
    self.operand = operand
  }

  /// `activation(element + bias)`; nil where there is neither.
  ///
  /// - Parameters:
  ///   - bias: A view of the result's shape, usually with strides of 0.
  ///   - activation: An expression of `input(0)`.
  public init?(bias: View?, activation: Expression?) {
    guard bias != nil || activation != nil else { return nil }
    let biased: Expression = bias == nil ? .input(0) : .input(0) + .input(1)
    self.init(activation?.substituting { _ in biased } ?? biased, operand: bias)
  }

  /// The expression where every element of the result is 0, of the operand as `input(0)`.
  public var ofZero: Expression { expression.substituting { $0 == 0 ? 0 : .input(0) } }

  /// The epilogue of the same result in another shape; traps if the operand's strides do not allow it.
  package func reshaped(to shape: Shape) -> Epilogue {
    guard let operand else { return self }
    guard let view = operand.reshaped(to: shape) else {
      fatalError(
        "Epilogue: an operand \(operand.shape) with strides \(operand.strides) is not a view of \(shape)"
      )
    }
    return Epilogue(expression, operand: view)
  }
}
