/// Reads expressions that people write, such as `x + cos(3*x)`.
///
///     comparison = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
///     sum        = product { ("+" | "-") product }
///     product    = signed { ("*" | "/") signed }
///     signed     = { "-" | "+" } power
///     power      = primary [ ("^" | "**") signed ]
///     primary    = number | name | name "(" comparison { "," comparison } ")" | "(" comparison ")"
///
/// A power binds more tightly than a sign on its left, and to the right: `-x^2` is −(x²) and
/// `2^3^2` is 2⁹. Comparisons give 1 or 0. Names are the variables, `pi`, `e`, and functions: the
/// intrinsics by their usual names, `min`, `max`, `pow`, `clamp`, `select`, `where`, and those that
/// the parser is given. The signs ·, ×, −, ≤, ≥, ≠, ², ³ and π are understood too.
///
/// No text makes it trap: what it cannot read is an ``ExpressionSyntaxError``.
public struct ExpressionParser: Sendable {
  /// A function that may be called by name.
  public struct Function: Sendable {
    /// The name.
    public let name: String
    /// The numbers of arguments that it takes.
    public let argumentCounts: ClosedRange<Int>
    /// The expression of the arguments; nil where they are none that it takes.
    public let build: @Sendable ([Expression]) -> Expression?
    /// What arguments are expected, for errors.
    public let expectation: String

    /// Creates a function of a number of expressions.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - argumentCounts: The numbers of arguments that it takes.
    ///   - expectation: What arguments are expected, where `build` may refuse them.
    ///   - build: The expression of the arguments; nil where they are none that it takes.
    public init(
      _ name: String, _ argumentCounts: ClosedRange<Int>, expectation: String = "",
      build: @escaping @Sendable ([Expression]) -> Expression?
    ) {
      self.name = name
      self.argumentCounts = argumentCounts
      self.expectation = expectation
      self.build = build
    }
  }

  /// The longest text that is read, in characters.
  public static let lengthLimit = 10_000
  /// The most operations of an expression: what is made of it is walked recursively.
  public static let operationLimit = 500
  /// The deepest nesting of parentheses, calls, signs and powers.
  public static let depthLimit = 100

  fileprivate let variables: [String]
  fileprivate let functions: [String: Function]

  /// Creates a parser.
  ///
  /// - Parameters:
  ///   - variables: The names of `input(0)`, `input(1)`, …
  ///   - functions: Functions besides those of every parser, which come first.
  public init(variables: [String], functions: [Function] = []) {
    self.variables = variables
    self.functions = Dictionary(
      (Self.commonFunctions + functions).map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Reads an expression.
  public func parse(_ text: String) throws(ExpressionSyntaxError) -> Expression {
    var reading = Reading(parser: self, text: text)
    return try reading.whole()
  }

  /// The numbers that have names.
  fileprivate static let constants = ["pi": Double.pi, "π": Double.pi, "e": 2.718281828459045]

  private static let commonFunctions: [Function] =
    UnaryIntrinsic.allCases.flatMap { intrinsic in
      intrinsic.usualNames.map { Function($0, 1...1) { intrinsic($0[0]) } }
    } + [
      Function("min", 2...16) { $0.dropFirst().reduce($0[0]) { Compute.min($0, $1) } },
      Function("max", 2...16) { $0.dropFirst().reduce($0[0]) { Compute.max($0, $1) } },
      Function("pow", 2...2) { $0[0].power($0[1]) },
      Function("clamp", 3...3) { $0[0].clamped($0[1], $0[2]) },
      Function("select", 3...3) { Compute.select($0[0], $0[1], $0[2]) },
      Function("where", 3...3) { Compute.select($0[0], $0[1], $0[2]) },
    ]
}

/// The reading of one text: what is left of it, and what was counted.
private struct Reading {
  private let parser: ExpressionParser
  private let text: String
  private let characters: [Character]
  private var position = 0
  private var depth = 0
  private var operationCount = 0

  init(parser: ExpressionParser, text: String) {
    self.parser = parser
    self.text = text
    characters = Array(text)
  }

  // MARK: - The grammar

  mutating func whole() throws(ExpressionSyntaxError) -> Expression {
    guard characters.count <= ExpressionParser.lengthLimit else {
      throw error(
        "the text has \(characters.count) characters; expected at most \(ExpressionParser.lengthLimit)",
        at: ExpressionParser.lengthLimit)
    }
    skipSpace()
    guard position < characters.count else {
      throw error("there is nothing; expected an expression, such as \(example)", at: position)
    }
    let expression = try comparison()
    if position < characters.count { throw unexpected() }
    return expression
  }

  private static let comparisons: [(String, @Sendable (Expression, Expression) -> Expression)] = [
    ("<=", { $0 .<= $1 }), (">=", { $0 .>= $1 }), ("==", { $0 .== $1 }), ("!=", { $0 .!= $1 }),
    ("≤", { $0 .<= $1 }), ("≥", { $0 .>= $1 }), ("≠", { $0 .!= $1 }),
    ("<", { $0 .< $1 }), (">", { $0 .> $1 }),
  ]

  private mutating func comparison() throws(ExpressionSyntaxError) -> Expression {
    let left = try sum()
    let place = position
    guard let operation = takeFirst(of: Self.comparisons) else { return left }
    let result = try apply(operation, left, try sum(), at: place)
    let next = position
    if takeFirst(of: Self.comparisons) != nil {
      throw error(
        "comparisons do not chain; expected a product of two, such as (0 < x) * (x < 1)", at: next)
    }
    return result
  }

  private mutating func sum() throws(ExpressionSyntaxError) -> Expression {
    var result = try product()
    while true {
      let place = position
      if take("+") {
        result = try apply({ $0 + $1 }, result, try product(), at: place)
      } else if take("-") || take("−") {
        result = try apply({ $0 - $1 }, result, try product(), at: place)
      } else {
        return result
      }
    }
  }

  private mutating func product() throws(ExpressionSyntaxError) -> Expression {
    var result = try signed()
    while true {
      let place = position
      // Two stars are a power, which was taken with what it belongs to.
      if take("*") || take("·") || take("×") {
        result = try apply({ $0 * $1 }, result, try signed(), at: place)
      } else if take("/") {
        result = try apply({ $0 / $1 }, result, try signed(), at: place)
      } else {
        return result
      }
    }
  }

  private mutating func signed() throws(ExpressionSyntaxError) -> Expression {
    let place = position
    if take("-") || take("−") {
      let operand = try nested { (reading) throws(ExpressionSyntaxError) in try reading.signed() }
      return try checked(-operand, at: place)
    }
    if take("+") {
      return try nested { (reading) throws(ExpressionSyntaxError) in try reading.signed() }
    }
    return try power()
  }

  private mutating func power() throws(ExpressionSyntaxError) -> Expression {
    let base = try primary()
    let place = position
    if take("²") { return try checked(base.power(2), at: place) }
    if take("³") { return try checked(base.power(3), at: place) }
    guard take("^") || take("**") else { return base }
    let exponent = try nested { (reading) throws(ExpressionSyntaxError) in try reading.signed() }
    return try apply({ $0.power($1) }, base, exponent, at: place)
  }

  private mutating func primary() throws(ExpressionSyntaxError) -> Expression {
    guard position < characters.count else {
      throw error("the text ends here; expected \(operand)", at: position)
    }
    let place = position
    if take("(") {
      let inside = try nested { (reading) throws(ExpressionSyntaxError) in
        try reading.comparison()
      }
      try close(place)
      return inside
    }
    let character = characters[position]
    if character.isASCIIDigit || character == "." { return .constant(try number()) }
    if character.isLetter || character == "_" { return try named() }
    throw unexpected(expecting: operand)
  }

  // MARK: - Numbers and names

  private mutating func number() throws(ExpressionSyntaxError) -> Double {
    let place = position
    var end = position
    func digits(from start: Int) -> Int {
      characters[start...].firstIndex { !$0.isASCIIDigit } ?? characters.count
    }
    end = digits(from: end)
    if end < characters.count, characters[end] == "." { end = digits(from: end + 1) }
    if end < characters.count, characters[end] == "e" || characters[end] == "E" {
      var start = end + 1
      if start < characters.count, "+-".contains(characters[start]) { start += 1 }
      let exponentEnd = start < characters.count ? digits(from: start) : start
      // Without digits the letter is the number e, and the operator before it is missing.
      if exponentEnd > start { end = exponentEnd }
    }
    let written = String(characters[place..<end])
    let padded = written.last == "." ? written + "0" : written
    guard written != ".", let value = Double(padded) else {
      throw error("there is '\(written)'; expected \(operand)", at: place)
    }
    guard value.isFinite else { throw error("\(written) is too large a number", at: place) }
    position = end
    skipSpace()
    return value
  }

  private mutating func named() throws(ExpressionSyntaxError) -> Expression {
    let place = position
    let end =
      characters[position...].firstIndex { !($0.isLetter || $0.isASCIIDigit || $0 == "_") }
      ?? characters.count
    let name = String(characters[position..<end])
    position = end
    skipSpace()
    if let variable = parser.variables.firstIndex(of: name) { return .input(variable) }
    if let value = ExpressionParser.constants[name] { return .constant(value) }
    guard let function = parser.functions[name] else { throw unknown(name, at: place) }
    let parenthesis = position
    guard take("(") else {
      let variable = parser.variables.first ?? "1"
      throw error("'\(name)' is a function; expected \(name)(\(variable))", at: place)
    }
    var arguments: [Expression] = []
    if !(position < characters.count && characters[position] == ")") {
      repeat {
        arguments.append(
          try nested { (reading) throws(ExpressionSyntaxError) in try reading.comparison() })
      } while take(",")
    }
    try close(parenthesis)
    return try call(function, arguments, at: place)
  }

  private mutating func call(
    _ function: ExpressionParser.Function, _ arguments: [Expression], at place: Int
  ) throws(ExpressionSyntaxError) -> Expression {
    let counts = function.argumentCounts
    guard counts.contains(arguments.count) else {
      let expected =
        counts.count == 1
        ? "\(counts.lowerBound)" : "\(counts.lowerBound) to \(counts.upperBound)"
      throw error(
        "'\(function.name)' has \(arguments.count) arguments; expected \(expected)", at: place)
    }
    guard let result = function.build(arguments) else {
      throw error("'\(function.name)' expects \(function.expectation)", at: place)
    }
    return try checked(result, at: place)
  }

  // MARK: - Steps

  private mutating func apply(
    _ operation: (Expression, Expression) -> Expression, _ x: Expression, _ y: Expression,
    at place: Int
  ) throws(ExpressionSyntaxError) -> Expression {
    try checked(operation(x, y), at: place)
  }

  /// Counts an operation, and refuses what is no number.
  private mutating func checked(
    _ expression: Expression, at place: Int
  ) throws(ExpressionSyntaxError) -> Expression {
    operationCount += 1
    guard operationCount <= ExpressionParser.operationLimit else {
      throw error(
        "there are more than \(ExpressionParser.operationLimit) operations; expected fewer",
        at: place)
    }
    if let value = expression.constantValue, !value.isFinite {
      throw error(
        "this comes to \(value.isNaN ? "no number" : "infinity"); expected a finite number",
        at: place)
    }
    return expression
  }

  private mutating func nested(
    _ body: (inout Reading) throws(ExpressionSyntaxError) -> Expression
  ) throws(ExpressionSyntaxError) -> Expression {
    depth += 1
    guard depth <= ExpressionParser.depthLimit else {
      throw error(
        "this is nested more than \(ExpressionParser.depthLimit) deep; expected less", at: position)
    }
    let result = try body(&self)
    depth -= 1
    return result
  }

  private mutating func close(_ parenthesis: Int) throws(ExpressionSyntaxError) {
    if take(")") { return }
    let opening = "the parenthesis of column \(parenthesis + 1)"
    if position == characters.count {
      throw error("the text ends here; expected ')' for \(opening)", at: position)
    }
    throw unexpected(expecting: "an operator, or ')' for \(opening)")
  }

  private mutating func skipSpace() {
    while position < characters.count, characters[position].isWhitespace { position += 1 }
  }

  /// Takes a sign, if it is next, and the space behind it.
  private mutating func take(_ sign: String) -> Bool {
    let end = position + sign.count
    guard end <= characters.count, String(characters[position..<end]) == sign else { return false }
    if sign == "*", end < characters.count, characters[end] == "*" { return false }
    position = end
    skipSpace()
    return true
  }

  private mutating func takeFirst<Value>(of choices: [(String, Value)]) -> Value? {
    for (sign, value) in choices where take(sign) { return value }
    return nil
  }

  // MARK: - Errors

  private var example: String {
    parser.variables.first.map { "\($0) + cos(3*\($0))" } ?? "1 + cos(3)"
  }

  private var operand: String {
    (["a number"] + parser.variables + ["a function or '('"]).joined(separator: ", ")
  }

  private func error(_ problem: String, at position: Int) -> ExpressionSyntaxError {
    ExpressionSyntaxError(problem, in: text, column: position + 1)
  }

  /// The error of a character that cannot stand where it does.
  private func unexpected(
    expecting expected: String = "an operator or the end"
  ) -> ExpressionSyntaxError {
    let character = characters[position]
    let hint: String
    switch character {
    case "=": hint = "; a comparison is written =="
    case "?": hint = "; a choice is written select(condition, a, b)"
    case "|": hint = "; a magnitude is written abs(x), and 'or' as max of two comparisons"
    case "&": hint = "; 'and' is written as a product of two comparisons"
    case "(": hint = "; a product needs its *"
    case let character where character.isLetter || character.isASCIIDigit:
      hint = expected.contains("operator") ? "; a product needs its *" : ""
    default: hint = ""
    }
    return error("there is '\(character)'; expected \(expected)\(hint)", at: position)
  }

  private func unknown(_ name: String, at place: Int) -> ExpressionSyntaxError {
    let values = parser.variables + ExpressionParser.constants.keys.filter { $0 != "π" }.sorted()
    let functions = parser.functions.keys.sorted()
    if let near = nearestName(to: name, among: values + functions) {
      return error("there is no '\(name)' (did you mean '\(near)'?)", at: place)
    }
    return error(
      """
      there is no '\(name)'; expected \(values.joined(separator: ", ")) or a function: \
      \(functions.joined(separator: ", "))
      """, at: place)
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}
