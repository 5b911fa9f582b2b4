import Compute
import OpenCLRuntime

/// What of an epilogue a kernel is built for: all but where its operand lies.
struct EpilogueSource: Hashable, Sendable {
  private let expression: Expression?
  private let hasOperand: Bool

  /// The source of an epilogue; of none where elements are written as they are.
  init(_ epilogue: Epilogue?) {
    expression = epilogue?.expression
    hasOperand = epilogue?.operand != nil
  }

  /// The source of an activation.
  init(activation: Expression?) { self.init(activation.map { Epilogue($0) }) }

  /// The definitions that give `expression.clh` the epilogue, of vectors where the kernel has them and
  /// they are as exact.
  func definitions(in type: ComputeType, onVectors: Bool = false) -> Definitions {
    guard let expression else { return [:] }
    let isWide = onVectors && [expression].areExactOnVectors
    let printer = ExpressionPrinter([expression], in: type, isWide: isWide) { "x\($0)" }
    let statements = printer.statements + ["return \(printer.results[0]);"]
    var definitions: Definitions = ["EPILOGUE": .code(statements.joined(separator: "\n"))]
    if hasOperand { definitions.define("HAS_OPERAND") }
    if isWide { definitions.define("WIDE_EXPRESSIONS") }
    return definitions
  }
}
