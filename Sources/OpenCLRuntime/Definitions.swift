/// Macros that specialise a program, written as `#define` lines in front of its source.
///
///     let definitions: Definitions = ["TILE": 8, "HAS_BIAS": .flag, "EPILOGUE(x)": "max(x, 0.0f)"]
///
/// They are not handed to the compiler as -D options, whose quoting of spaces and parentheses differs
/// between drivers. The order is kept, so that a later one can use an earlier one, and so that the
/// same definitions always give the same text.
public struct Definitions: Hashable, Sendable {
  /// What a macro stands for.
  public enum Value: Hashable, Sendable {
    /// Nothing: the macro is only asked for with #ifdef.
    case flag
    /// An integer.
    case integer(Int)
    /// OpenCL C.
    case code(String)
  }

  /// A macro and what it stands for.
  public struct Definition: Hashable, Sendable {
    /// The macro's name, with its parameters if it has any: `TILE`, `EPILOGUE(x, channel)`.
    public let name: String
    /// What it stands for.
    public let value: Value
  }

  /// The definitions in order.
  public private(set) var all: [Definition] = []

  /// Makes an empty list.
  public init() {}

  /// Adds a macro.
  ///
  /// Traps if `name` is not a C identifier, with or without a parameter list, or is defined already.
  public mutating func define(_ name: String, _ value: Value = .flag) {
    let identifier = Self.identifier(of: name)
    require(
      Self.isIdentifier(identifier),
      "'\(name)' cannot be defined: a macro's name is a C identifier, with or without parameters")
    require(
      !all.contains { Self.identifier(of: $0.name) == identifier },
      "'\(identifier)' is defined twice")
    all.append(Definition(name: name, value: value))
  }

  /// Adds all macros of another list.
  ///
  /// Traps if one of them is defined already.
  public mutating func append(_ other: Definitions) {
    for definition in other.all { define(definition.name, definition.value) }
  }

  /// The `#define` lines, each with its newline.
  public var text: String {
    all.map { definition in
      switch definition.value {
      case .flag: "#define \(definition.name)\n"
      case .integer(let value): "#define \(definition.name) \(value)\n"
      case .code(let code):
        "#define \(definition.name) \(code.split(separator: "\n").joined(separator: " \\\n"))\n"
      }
    }.joined()
  }

  private static func identifier(of name: String) -> Substring {
    name.prefix { $0 != "(" }
  }

  private static func isIdentifier(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    else { return false }
    return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
  }
}

extension Definitions: ExpressibleByDictionaryLiteral {
  /// Makes a list in the order of the literal.
  ///
  /// Traps if a name is not a C identifier or comes twice.
  public init(dictionaryLiteral elements: (String, Value)...) {
    for (name, value) in elements { define(name, value) }
  }
}

extension Definitions.Value: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
  /// An integer.
  public init(integerLiteral value: Int) {
    self = .integer(value)
  }

  /// OpenCL C.
  public init(stringLiteral value: String) {
    self = .code(value)
  }
}
