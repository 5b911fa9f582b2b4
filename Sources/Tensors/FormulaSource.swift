import Compute

/// Random formulas of x as people write them, for the check of what is made of such text.
///
/// They are tame, so that finite differences can tell a right derivative from a wrong one: what
/// grows fast is only applied to what is bounded, and pieces meet at multiples of ¼.
struct FormulaSource {
  private let key: RandomKey
  private var draws = 0

  /// Creates a source; equal keys give equal formulas.
  init(_ key: RandomKey) { self.key = key }

  /// The next formula.
  mutating func next() -> String {
    // At least one x, wherever else the draws end in numbers.
    "x * \(bounded(2)) + \(sum(2))"
  }

  private mutating func draw(_ count: Int) -> Int {
    draws += 1
    return Int(key[draws].block(0).x % UInt32(count))
  }

  private mutating func pick(_ choices: [String]) -> String { choices[draw(choices.count)] }

  /// A multiple of ¼, not 0, from −2 to 2.
  private mutating func number() -> String {
    let quarters = [-8, -6, -5, -3, -2, 1, 2, 3, 4, 7][draw(10)]
    return quarters < 0 ? "(-\(Double(-quarters) / 4))" : "\(Double(quarters) / 4)"
  }

  /// Something whose derivatives do not grow: a line, or a bounded function.
  private mutating func gentle(_ depth: Int) -> String {
    depth == 0 || draw(2) == 0 ? "\(number()) * x + \(number())" : bounded(depth - 1)
  }

  private mutating func bounded(_ depth: Int) -> String {
    let inside = gentle(depth)
    return switch draw(6) {
    case 0: "exp(-(\(inside))^2)"
    case 1: "(\(inside)) / (1 + (\(inside))**2)"
    case 2: "1 / sqrt(1 + (\(inside))²)"
    default: "\(pick(["sin", "cos", "tanh", "sigmoid", "erf", "softsign"]))(\(inside))"
    }
  }

  private mutating func smooth(_ depth: Int) -> String {
    let inside = gentle(depth)
    return switch draw(4) {
    case 0: "log(1 + (\(inside))^2)"
    case 1: "sqrt(0.5 + (\(inside))^2)"
    case 2: "\(pick(["gelu", "silu", "mish", "expm1", "log1p"]))(\(bounded(depth)) / 2)"
    default: bounded(depth)
    }
  }

  private mutating func piecewise(_ depth: Int) -> String {
    let edge = number()
    return switch draw(5) {
    case 0: "max(x, \(edge))"
    case 1: "min(\(edge), x)"
    case 2: "abs(x - \(edge))"
    case 3: "\(pick(["relu", "elu"]))(x - \(edge))"
    default: "\(pick(["select", "where"]))(x > \(edge), \(smooth(depth)), \(smooth(depth)))"
    }
  }

  private mutating func sum(_ depth: Int) -> String {
    let terms = (0...draw(2)).map { _ in
      draw(3) == 0 ? piecewise(depth) : "\(number()) * \(smooth(depth))"
    }
    return terms.joined(separator: draw(2) == 0 ? " + " : " - ")
  }
}
