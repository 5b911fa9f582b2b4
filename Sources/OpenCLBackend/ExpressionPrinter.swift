import Compute
import OpenCLRuntime

/// Prints expressions as OpenCL C: one statement for each instruction.
struct ExpressionPrinter {
  /// The statements; each defines a constant `t` with the number of its instruction.
  let statements: [String]
  /// The name of the constant that has the value of each expression.
  let results: [String]

  /// Prints expressions that are evaluated in a type.
  ///
  /// Traps when a function that integers do not have meets integers.
  ///
  /// - Parameters:
  ///   - isWide: Whether each value is a VECTOR rather than a SCALAR.
  ///   - input: The source of an input's value.
  init(
    _ expressions: [Expression], in type: ComputeType, isWide: Bool = false,
    input: (Int) -> String
  ) {
    let sequence = InstructionSequence(expressions)
    statements = sequence.instructions.enumerated().map { number, instruction in
      let value =
        switch instruction {
        case .input(let input_): input(input_)
        case .constant(let value): Self.literal(value, type)
        case .unary(let function, let x): Self.call(function, "t\(x)", type, isWide)
        case .binary(let function, let x, let y): function.openCL("t\(x)", "t\(y)", type)
        case .select(let condition, let x, let y): "t\(condition) != 0 ? t\(x) : t\(y)"
        }
      return isWide
        ? "const VECTOR t\(number) = (VECTOR)(\(value));" : "const SCALAR t\(number) = \(value);"
    }
    results = sequence.results.map { "t\($0)" }
  }

  private static func call(
    _ function: UnaryIntrinsic, _ x: String, _ type: ComputeType, _ isWide: Bool
  ) -> String {
    require(
      type != .int64 || function.evaluate(1) as Int64? != nil,
      "\(function.rawValue) came with integers alone; it is defined on floating-point numbers")
    return function.openCL(x, type, isWide: isWide)
  }

  /// A number that reads back as exactly this one in the type.
  static func literal(_ value: Double, _ type: ComputeType) -> String {
    if type == .int64 {
      let integer = Int64(saturating: value)
      return integer == .min ? "LONG_MIN" : "\(integer)L"
    }
    if value.isNaN { return "NAN" }
    let isInfinite = type == .float32 ? Float(value).isInfinite : value.isInfinite
    if isInfinite { return value < 0 ? "-INFINITY" : "INFINITY" }
    // Swift prints the fewest digits that tell a number from its neighbours.
    return type == .float32 ? "\(Float(value))f" : "\(value)"
  }
}

extension [Expression] {
  /// Whether vectors of all their functions are as exact as single values.
  var areExactOnVectors: Bool { !vectorForms.contains(.inexact) }

  /// Whether vectors of them are much faster than single values, and as exact.
  var gainFromVectors: Bool { vectorForms.contains(.faster) && areExactOnVectors }

  private var vectorForms: Set<VectorForm> {
    Set(
      InstructionSequence(self).instructions.map { instruction in
        switch instruction {
        case .unary(let function, _): function.vectorForm
        case .binary(let function, _, _): function.vectorForm
        case .input, .constant, .select: .alike
        }
      })
  }
}
