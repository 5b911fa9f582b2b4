extension Expression {
  /// The partial derivative with respect to an input, by the chain rule.
  ///
  /// At a kink it is what the formula as written gives: `select(x .> 0, x, 0)` has 0 at 0.
  public func derivative(withRespectTo input: Int) -> Expression {
    var done: [ObjectIdentifier: Expression] = [:]
    func visit(_ expression: Expression) -> Expression {
      if let known = done[expression.identity] { return known }
      let result: Expression
      switch expression.form {
      case .input(let number):
        result = number == input ? 1 : 0
      case .constant:
        result = 0
      case .unary(let function, let x):
        result = visit(x).times { function.derivative(x, value: expression) }
      case .binary(let function, let x, let y):
        let partials = function.derivatives(x, y, value: expression)
        result = visit(x).times { partials.x() }.plus(visit(y).times { partials.y() })
      case .select(let condition, let x, let y):
        result = select(condition, visit(x), visit(y))
      }
      done[expression.identity] = result
      return result
    }
    return visit(self)
  }

  /// The product, without the other factor where this one is zero by its form.
  ///
  /// The zero comes from an input that does not occur, so 0·∞ does not arise.
  private func times(_ other: () -> Expression) -> Expression {
    constantValue == 0 ? 0 : self * other()
  }

  private func plus(_ other: Expression) -> Expression {
    if constantValue == 0 { return other }
    return other.constantValue == 0 ? self : self + other
  }
}
