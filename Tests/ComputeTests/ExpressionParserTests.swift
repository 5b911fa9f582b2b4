import Compute
import Testing

import func Foundation.cos
import func Foundation.exp

@Suite struct ExpressionParserTests {
  private static let parser = ExpressionParser(
    variables: ["x", "y"],
    functions: [
      .init("twice", 1...1) { 2 * $0[0] },
      .init("scaled", 1...2, expectation: "a constant for its factor") { arguments in
        if arguments.count == 1 { return arguments[0] }
        return arguments[1].constantValue.map { .constant($0) * arguments[0] }
      },
    ])

  /// The value of a text at x and y.
  private func value(_ text: String, x: Double = 0, y: Double = 0) throws -> Double {
    ComputeTests.value(try Self.parser.parse(text), [x, y])
  }

  @Test("Operators bind as in mathematics")
  func precedence() throws {
    #expect(try value("1 + 2*3 - 4/2") == 5)
    #expect(try value("(1 + 2)*(3 - 4)/2") == -1.5)
    #expect(try value("8 - 4 - 2") == 2)
    #expect(try value("8 / 4 / 2") == 1)
    #expect(try value("-x^2", x: 3) == -9)
    #expect(try value("2^3^2") == 512)
    #expect(try value("2**-1") == 0.5)
    #expect(try value("2*-x", x: 3) == -6)
    #expect(try value("--x - -+x", x: 3) == 6)
    #expect(try value("1 < 2 + 3*0") == 1)
    #expect(try value("(x > 0)*(x <= 1)", x: 1) == 1)
    #expect(try value("x*y", x: 3, y: 5) == 15)
  }

  @Test("Numbers, constants and signs are understood as people write them")
  func atoms() throws {
    #expect(try value("1.5") == 1.5)
    #expect(try value(".5 + 2.") == 2.5)
    #expect(try value("1e3 + 2.5E-1") == 1000.25)
    #expect(try value("pi + π - 2*pi") == 0)
    #expect(try value("log(e)") == 1)
    #expect(try value(" \t x\n+ 1 ", x: 1) == 2)
    #expect(try value("x² − x³·2×1", x: 2) == -12)
    #expect(try value("(1 ≤ 1) + (1 ≥ 2) + (1 ≠ 2)") == 2)
    #expect(try value("(1 >= 1) + (1 == 2) + (1 != 2)") == 2)
  }

  @Test("Functions are called by their usual names")
  func functions() throws {
    for intrinsic in UnaryIntrinsic.allCases {
      for name in intrinsic.usualNames {
        let argument = 0.3
        #expect(try value("\(name)(x)", x: argument) == intrinsic.evaluate(argument), "\(name)")
      }
    }
    #expect(try value("min(3, 1, 2) + max(1, 5)") == 6)
    #expect(try value("pow(x, 3)", x: 2) == 8)
    #expect(try value("clamp(x, -1, 1)", x: 7) == 1)
    #expect(try value("select(x > 0, 1, -1)", x: -3) == -1)
    #expect(try value("where(x > 0, 1, -1)", x: 3) == 1)
    #expect(try value("twice(x)", x: 3) == 6)
    #expect(try value("scaled(x, 1 + 2)", x: 3) == 9)
    #expect(try value("x + cos(3*x)", x: 0.7) == 0.7 + cos(3 * 0.7))
    #expect(try value("exp ( -x^2 )", x: 2) == exp(-4.0))
  }

  /// A text, the column of its mistake, and what is said of it.
  struct Mistake: Sendable, CustomTestStringConvertible {
    let text: String
    let column: Int
    let problem: String

    init(_ text: String, _ column: Int, _ problem: String) {
      self.text = text
      self.column = column
      self.problem = problem
    }

    var testDescription: String { text.isEmpty ? "(nothing)" : text }
  }

  private static let operand = "a number, x, y, a function or '('"

  static let mistakes: [Mistake] = [
    Mistake("", 1, "there is nothing; expected an expression, such as x + cos(3*x)"),
    Mistake("   ", 4, "there is nothing; expected an expression, such as x + cos(3*x)"),
    Mistake("x +", 4, "the text ends here; expected \(operand)"),
    Mistake("x + * 2", 5, "there is '*'; expected \(operand)"),
    Mistake("x + coz(3*x)", 5, "there is no 'coz' (did you mean 'cos'?)"),
    Mistake("X + 1", 1, "there is no 'X' (did you mean 'x'?)"),
    Mistake("3x", 2, "there is 'x'; expected an operator or the end; a product needs its *"),
    Mistake("2(x)", 2, "there is '('; expected an operator or the end; a product needs its *"),
    Mistake("2e", 2, "there is 'e'; expected an operator or the end; a product needs its *"),
    Mistake("(x + 1", 7, "the text ends here; expected ')' for the parenthesis of column 1"),
    Mistake(
      "cos(x 2)", 7,
      "there is '2'; expected an operator, or ')' for the parenthesis of column 4; a product needs its *"
    ),
    Mistake("x)", 2, "there is ')'; expected an operator or the end"),
    Mistake("cos", 1, "'cos' is a function; expected cos(x)"),
    Mistake("cos + 1", 1, "'cos' is a function; expected cos(x)"),
    Mistake("1 + cos()", 5, "'cos' has 0 arguments; expected 1"),
    Mistake("min(x)", 1, "'min' has 1 arguments; expected 2 to 16"),
    Mistake("scaled(x, y)", 1, "'scaled' expects a constant for its factor"),
    Mistake(
      "x = 1", 3, "there is '='; expected an operator or the end; a comparison is written =="),
    Mistake(
      "x > 0 ? x : 0", 7,
      "there is '?'; expected an operator or the end; a choice is written select(condition, a, b)"),
    Mistake(
      "0 < x < 1", 7,
      "comparisons do not chain; expected a product of two, such as (0 < x) * (x < 1)"),
    Mistake("x + 1e999", 5, "1e999 is too large a number"),
    Mistake("x * log(-1)", 5, "this comes to no number; expected a finite number"),
    Mistake("x + 1/0", 6, "this comes to infinity; expected a finite number"),
    Mistake("x + .", 5, "there is '.'; expected \(operand)"),
    Mistake("x + 😀", 5, "there is '😀'; expected \(operand)"),
    Mistake("x, 1", 2, "there is ','; expected an operator or the end"),
  ]

  @Test("A mistake is told with its column and what was expected", arguments: mistakes)
  func errors(mistake: Mistake) throws {
    let error = try #require(throws: ExpressionSyntaxError.self) {
      try Self.parser.parse(mistake.text)
    }
    #expect(error.column == mistake.column)
    #expect(error.problem == mistake.problem)
    #expect(error.description.hasPrefix("column \(mistake.column) of '"))
  }

  @Test("A name that is like no other gets the list of those there are")
  func unknownNames() throws {
    let error = try #require(throws: ExpressionSyntaxError.self) {
      try Self.parser.parse("x + frobnicate(x)")
    }
    #expect(
      error.problem.hasPrefix("there is no 'frobnicate'; expected x, y, e, pi or a function: abs, ")
    )
  }

  @Test("The caret is below the mistake, in long texts and in those of several lines")
  func caret() throws {
    func error(_ text: String) throws -> ExpressionSyntaxError {
      try #require(throws: ExpressionSyntaxError.self) { try Self.parser.parse(text) }
    }
    #expect(try error("x + coz(x)").caret == "x + coz(x)\n    ^")
    #expect(try error("x +\ncoz(x)").caret == "x + coz(x)\n    ^")
    #expect(
      try error("x + coz(x)").description
        == "column 5 of 'x + coz(x)': there is no 'coz' (did you mean 'cos'?)")
    let long =
      String(repeating: "x + ", count: 100) + "coz(x)" + String(repeating: " + x", count: 90)
    let lines = try error(long).caret.split(separator: "\n")
    #expect(lines[0].count < 100)
    let column = lines[1].count - 1
    #expect(lines[0].dropFirst(column).hasPrefix("coz(x)"))
  }

  @Test("No text makes it trap, however long or deep")
  func hostile() throws {
    func problem(_ text: String) throws -> String {
      try #require(throws: ExpressionSyntaxError.self) { try Self.parser.parse(text) }.problem
    }
    let deep = "this is nested more than 100 deep; expected less"
    #expect(try problem(String(repeating: "(", count: 5000)) == deep)
    #expect(try problem(String(repeating: "-", count: 5000) + "x") == deep)
    #expect(try problem(String(repeating: "cos(", count: 2000)) == deep)
    #expect(try problem(String(repeating: "x^", count: 2000) + "x") == deep)
    #expect(
      try problem(String(repeating: "x+", count: 2000) + "x")
        == "there are more than 500 operations; expected fewer")
    #expect(
      try problem(String(repeating: "x", count: 20_000))
        == "the text has 20000 characters; expected at most 10000")
    // What is allowed is taken all the way to a derivative.
    let widest = try Self.parser.parse(String(repeating: "x*", count: 400) + "x")
    #expect(ComputeTests.value(widest.derivative(withRespectTo: 0), [1]) == 401)
    let deepest = String(repeating: "sin(", count: 99) + "x" + String(repeating: ")", count: 99)
    #expect(try Self.parser.parse(deepest).derivative(withRespectTo: 0).inputCount == 1)
  }

  @Test("Random texts are read or refused, never worse", arguments: 0..<8)
  func noise(seed: Int) {
    var generator = SeededGenerator(seed)
    let pieces = [
      "x", "y", "1", ".5", "1e", "e", "pi", "+", "-", "*", "/", "^", "**", "(", ")", ",", "<", "<=",
      "==", "=", "cos", "min", "select", "twice", " ", "²", "é", "\u{301}", "😀", "\n", "\0", "?",
    ]
    var count = 0
    for _ in 0..<2000 {
      let text = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
        pieces.randomElement(using: &generator) ?? ""
      }.joined()
      do {
        _ = try Self.parser.parse(text).derivative(withRespectTo: 0)
        count += 1
      } catch {
        #expect((1...text.count + 1).contains(error.column), "\(text)")
        #expect(error.caret.contains("^"))
      }
    }
    #expect(count > 10)
  }
}
