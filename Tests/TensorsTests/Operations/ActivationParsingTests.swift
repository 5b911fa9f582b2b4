import Compute
import Tensors
import TestSupport
import Testing

import func Foundation.cos

@Suite struct ActivationParsingTests {
  @Test("A formula is the activation that it says", arguments: Setting.all)
  func formulas(setting: Setting) throws {
    let wave = try Activation(parsing: "x + cos(3*x)")
    #expect(wave.name == "x + cos(3*x)")
    #expect(wave.kinks == [])
    let points = [-2, 0, 0.5, 3]
    let x = setting.tensor(points)
    try expectClose(wave(x), points.map { $0 + cos(3 * $0) }, .ulps(32))
    let own = Activation("own") { $0 + (3 * $0).cos }
    #expect(wave.expression == own.expression)
    #expect(wave.derivative == own.derivative)
  }

  @Test("Built-in activations are functions, with their settings, or stand alone")
  func builtIn() throws {
    func isSame(_ text: String, _ activation: Activation) throws -> Bool {
      try Activation(parsing: text).expression == activation.expression
    }
    #expect(try isSame("gelu(x)", .gelu))
    #expect(try isSame("leakyReLU(x, 0.2)", .leakyReLU(slope: 0.2)))
    #expect(try isSame("leakyReLU(x)", .leakyReLU()))
    #expect(
      try isSame(
        "relu(2*x)",
        Activation("") { x in
          Activation.relu.expression.substituting { _ in 2 * x }
        }))
    #expect(try Activation(parsing: " relu ").name == "relu")
    #expect(try Activation(parsing: "relu").derivative == Activation.relu.derivative)
    for activation in Activation.builtIn {
      #expect(
        try Activation(parsing: "\(activation.name)(x)").expression
          == activation.activation()?.expression, "\(activation.name)")
    }
  }

  @Test("Kinks are found from the formula")
  func kinks() throws {
    #expect(try Activation(parsing: "relu(x - 1) + abs(x + 2)").kinks == [-2, 1])
    #expect(try Activation(parsing: "select(x > 0.5, x, 0.5)").kinks == [0.5])
    for activation in Activation.all
    where activation.name != "mish" && activation.name != "softsign" {
      // Softsign's kink is one of its second derivative, mish is held where it is a line already.
      let parsed = try Activation(parsing: "0 + 1 * \(activation.name.split(separator: "(")[0])(x)")
      #expect(Set(activation.kinks).isSubset(of: parsed.kinks), "\(activation.name)")
    }
  }

  @Test("What is no activation is refused at its column")
  func errors() throws {
    func error(_ text: String) throws -> ExpressionSyntaxError {
      try #require(throws: ExpressionSyntaxError.self) { try Activation(parsing: text) }
    }
    #expect(try error("x + coss(x)").problem == "there is no 'coss' (did you mean 'cos'?)")
    #expect(try error("x + coss(x)").column == 5)
    #expect(try error("geluu").problem == "there is no 'geluu' (did you mean 'gelu'?)")
    #expect(
      try error("1 + 2").problem
        == "x does not occur; expected an expression of x, such as x + cos(3*x)")
    #expect(try error("celu(x, -1)").problem == "'celu' expects a number above 0 for its alpha")
    #expect(try error("celu(x, x)").problem == "'celu' expects a number above 0 for its alpha")
    #expect(try error("relu(x, 1)").problem == "'relu' has 2 arguments; expected 1")
  }
}
