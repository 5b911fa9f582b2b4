public import Compute
public import Tensors

extension ONNXGraph {
  /// Adds the nodes of an activation: a single operator where ONNX has one, else its expression.
  public func apply(_ activation: Activation, to input: ONNXValue) -> ONNXValue {
    if activation.isIdentity { return input }
    if let known = KnownOperator(activation.expression) {
      let bounds = known.constantInputs.map { constant($0) }
      return node(known.name, [input] + bounds, attributes: known.attributes)
    }
    return apply(activation.expression, to: [input])
  }

  /// Adds the nodes of a scalar expression of the elements of the inputs, the first of which has the
  /// shape of the result.
  ///
  /// What ONNX has no operator for is made of others that are as accurate.
  public func apply(_ expression: Expression, to inputs: [ONNXValue]) -> ONNXValue {
    let code = InstructionSequence([expression])
    var values: [ExpressionValue] = []
    for instruction in code.instructions {
      let value: ExpressionValue =
        switch instruction {
        case .input(let number): .number(inputs[number])
        case .constant(let number): .constant(number)
        case .unary(let function, let x): unary(function, values[x])
        case .binary(let function, let x, let y): binary(function, values[x], values[y])
        case .select(let condition, let x, let y):
          .number(
            node("Where", truth(values[condition]), number(values[x]), number(values[y])))
        }
      values.append(value)
    }
    let result = values[code.results[0]]
    let shape = inputs[0].shape
    if case .constant = result {
      let axes = node("Shape", inputs[0], shape: [shape.rank + 1])
      return node("Expand", number(result), axes, shape: shape)
    }
    return ONNXValue(name: number(result).name, shape: shape)
  }

  // MARK: - Kinds of values

  /// A value as a tensor of numbers: 1 and 0 for true and false.
  private func number(_ value: ExpressionValue) -> ONNXValue {
    switch value {
    case .number(let value): value
    case .constant(let number): constant(number)
    case .truth(let condition): number(condition)
    }
  }

  /// A value as a tensor of truths: whether it is not zero.
  private func truth(_ value: ExpressionValue) -> ONNXValue {
    if case .truth(let condition) = value { return condition }
    return node("Not", node("Equal", number(value), constant(0)))
  }

  // MARK: - Functions

  private func unary(_ function: UnaryIntrinsic, _ operand: ExpressionValue) -> ExpressionValue {
    let x = number(operand)
    return switch function {
    case .negate: .number(node("Neg", x))
    case .exp: .number(node("Exp", x))
    case .expMinusOne: .number(expMinusOne(x))
    case .log: .number(node("Log", x))
    case .logOnePlus: .number(logOnePlus(x))
    case .squareRoot: .number(node("Sqrt", x))
    case .reciprocalSquareRoot: .number(node("Reciprocal", node("Sqrt", x)))
    case .magnitude: .number(node("Abs", x))
    case .sign: .number(node("Sign", x))
    case .sin: .number(node("Sin", x))
    case .cos: .number(node("Cos", x))
    case .tanh: .number(node("Tanh", x))
    case .sigmoid: .number(node("Sigmoid", x))
    case .erf: .number(node("Erf", x))
    case .isFinite: .truth(node("Not", node("Or", node("IsInf", x), node("IsNaN", x))))
    }
  }

  /// eˣ − 1 as tanh(x/2)·(eˣ + 1), which is as accurate near 0 as elsewhere.
  private func expMinusOne(_ x: ONNXValue) -> ONNXValue {
    let half = node("Tanh", node("Mul", x, constant(0.5)))
    return node("Mul", half, node("Add", node("Exp", x), constant(1)))
  }

  /// log(1 + x), below 1 as log(u)·x/(u − 1) of the rounded sum u, where the errors of u cancel.
  ///
  /// Source: N. Higham, "Accuracy and stability of numerical algorithms", 2nd edition, SIAM 2002,
  /// section 1.14.1 (after W. Kahan).
  private func logOnePlus(_ x: ONNXValue) -> ONNXValue {
    let one = constant(1)
    let sum = node("Add", x, one)
    let log = node("Log", sum)
    let corrected = node("Mul", log, node("Div", x, node("Sub", sum, one)))
    let small = node("Where", node("Equal", sum, one), x, corrected)
    return node("Where", node("Less", x, one), small, log)
  }

  private func binary(
    _ function: BinaryIntrinsic, _ left: ExpressionValue, _ right: ExpressionValue
  ) -> ExpressionValue {
    let x = number(left)
    let y = number(right)
    return switch function {
    case .add: .number(node("Add", x, y))
    case .subtract: .number(node("Sub", x, y))
    case .multiply: .number(node("Mul", x, y))
    case .divide: .number(node("Div", x, y))
    case .power: .number(node("Pow", x, y))
    case .minimum: .number(node("Min", x, y))
    case .maximum: .number(node("Max", x, y))
    case .less: .truth(node("Less", x, y))
    case .lessOrEqual: .truth(node("LessOrEqual", x, y))
    case .equal: .truth(node("Equal", x, y))
    case .notEqual: .truth(node("Not", node("Equal", x, y)))
    }
  }
}

/// What an instruction of an expression gives.
private enum ExpressionValue {
  case number(ONNXValue)
  case truth(ONNXValue)
  case constant(Double)
}

/// An operator that is a whole activation.
private struct KnownOperator {
  let name: String
  var attributes: [String: ONNXAttribute] = [:]
  /// Inputs after the first.
  var constantInputs: [Double] = []

  /// The operator of an expression, or nil when ONNX has none.
  init?(_ expression: Expression) {
    for (activation, known) in Self.withoutSettings where activation.expression == expression {
      self = known
      return
    }
    // A setting is a constant of the expression, or 1 where that left no trace.
    let constants = InstructionSequence([expression]).instructions.compactMap { instruction in
      if case .constant(let number) = instruction { number } else { nil }
    }
    for number in constants + [1] {
      for (make, name) in Self.withAlpha where make(number).expression == expression {
        self.init(name: name, attributes: ["alpha": .float(number)])
        return
      }
    }
    return nil
  }

  private init(name: String, attributes: [String: ONNXAttribute]) {
    self.name = name
    self.attributes = attributes
  }

  private init(name: String, bounds: ClosedRange<Double>) {
    self.name = name
    constantInputs = [bounds.lowerBound, bounds.upperBound]
  }

  private static let withoutSettings: [(Activation, KnownOperator)] = [
    (.relu, .init(name: "Relu", attributes: [:])),
    (.sigmoid, .init(name: "Sigmoid", attributes: [:])),
    (.tanh, .init(name: "Tanh", attributes: [:])),
    (.softplus, .init(name: "Softplus", attributes: [:])),
    (.sin, .init(name: "Sin", attributes: [:])),
    (.cos, .init(name: "Cos", attributes: [:])),
    (.softsign, .init(name: "Softsign", attributes: [:])),
    (.hardSigmoid, .init(name: "HardSigmoid", attributes: ["alpha": .float(1.0 / 6)])),
    (.hardSwish, .init(name: "HardSwish", attributes: [:])),
    (.relu6, .init(name: "Clip", bounds: 0...6)),
    (.hardTanh, .init(name: "Clip", bounds: -1...1)),
    // Its two numbers are the operator's own.
    (.selu, .init(name: "Selu", attributes: [:])),
  ]

  private static let withAlpha: [(make: @Sendable (Double) -> Activation, name: String)] = [
    ({ .leakyReLU(slope: $0) }, "LeakyRelu"),
    ({ .elu(alpha: $0) }, "Elu"),
  ]
}
