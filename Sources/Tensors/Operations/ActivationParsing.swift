public import Compute

extension Activation {
  /// Reads an activation that somebody wrote: an expression of x, such as `x + cos(3*x)`.
  ///
  /// The grammar is that of ``ExpressionParser``; besides the functions there, every built-in
  /// activation is a function of x, and of its setting where it has one: `gelu(2*x)`,
  /// `leakyReLU(x, 0.2)`. A name alone stands for the built-in activation itself. Kinks are found
  /// from the formula; see ``Expression/switchPoints(in:)``.
  ///
  /// Throws ``ExpressionSyntaxError``, which says in which column the text goes wrong, what was
  /// expected there, and which name was probably meant.
  public init(parsing text: String) throws(ExpressionSyntaxError) {
    let words = text.split(whereSeparator: \.isWhitespace)
    if words.count == 1, let known = Activation.named(String(words[0])) {
      self = known
      return
    }
    let expression = try Self.parser.parse(text)
    guard expression.inputCount > 0 else {
      throw ExpressionSyntaxError(
        "x does not occur; expected an expression of x, such as x + cos(3*x)", in: text)
    }
    self.init(
      words.joined(separator: " "), kinks: expression.switchPoints(in: -Self.reach...Self.reach)
    ) { _ in expression }
  }

  /// How far from 0 the kinks of a formula are looked for: inputs beyond are rare.
  private static let reach = 32.0

  private static let parser = ExpressionParser(
    variables: ["x"],
    functions: builtIn.map { activation in
      ExpressionParser.Function(
        activation.name, 1...(activation.setting == nil ? 1 : 2),
        expectation: activation.setting.map { "\($0.bounds.description) for its \($0.name)" } ?? ""
      ) { arguments in
        guard arguments.count == 2 else {
          return activation.activation()?.expression.substituting { _ in arguments[0] }
        }
        return arguments[1].constantValue.flatMap { activation.activation(setting: $0) }?
          .expression.substituting { _ in arguments[0] }
      }
    })
}
