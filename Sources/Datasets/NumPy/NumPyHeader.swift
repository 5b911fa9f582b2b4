import Foundation
import NeuralNetworks

/// The header of a `.npy` file: a dictionary written in Python, of which only these keys are read.
struct NumPyHeader {
  /// The type of an element, such as `<f8`.
  let descriptor: String
  /// Whether the first axis is the innermost, rather than the last.
  let isFortranOrder: Bool
  /// The lengths of the axes.
  let dimensions: [Int]

  init(_ bytes: Data) throws(ArrayFileProblem) {
    // Latin-1 in the first two versions; all that a header of numbers has is ASCII.
    guard bytes.allSatisfy({ $0 < 0x80 }) else { throw .headerNotText }
    var reader = PythonReader([UInt8](bytes))
    self = try reader.readHeader()
  }

  fileprivate init(
    descriptor: String?, isFortranOrder: Bool?, dimensions: [Int]?
  ) throws(ArrayFileProblem) {
    guard let descriptor else { throw .missingKey("descr") }
    guard let isFortranOrder else { throw .missingKey("fortran_order") }
    guard let dimensions else { throw .missingKey("shape") }
    self.descriptor = descriptor
    self.isFortranOrder = isFortranOrder
    self.dimensions = dimensions
  }

  /// The type of an element and the order of its bytes.
  func element() throws(ArrayFileProblem) -> (StoredElement, StoredElement.ByteOrder) {
    var type = Substring(descriptor)
    var order = StoredElement.ByteOrder.littleEndian
    if let mark = type.first, "<>=|".contains(mark) {
      if mark == ">" { order = .bigEndian }
      type.removeFirst()
    }
    if type.hasPrefix("O") { throw .objects }
    if type.hasPrefix("V") { throw .structuredElements }
    guard let element = Self.elements[String(type)] else { throw .unsupportedElements(descriptor) }
    return (element, order)
  }

  private static let elements: [String: StoredElement] = [
    "b1": .bool, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64, "u1": .uint8,
    "u2": .uint16, "u4": .uint32, "u8": .uint64, "f2": .float16, "f4": .float32, "f8": .float64,
  ]
}

/// Reads the part of Python's notation that headers use.
private struct PythonReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func readHeader() throws(ArrayFileProblem) -> NumPyHeader {
    var descriptor: String?
    var isFortranOrder: Bool?
    var dimensions: [Int]?
    try expect("{", "'{'")
    while !skip("}") {
      let key = try readString("a key in quotes, or '}'")
      try expect(":", "':' after a key")
      switch key {
      case "descr":
        guard descriptor == nil else { throw .duplicateKey(key) }
        if peek() == UInt8(ascii: "[") { throw .structuredElements }
        descriptor = try readString("the type of the elements in quotes")
      case "fortran_order":
        guard isFortranOrder == nil else { throw .duplicateKey(key) }
        isFortranOrder = try readFlag()
      case "shape":
        guard dimensions == nil else { throw .duplicateKey(key) }
        dimensions = try readTuple()
      default: throw .unknownKey(key)
      }
      guard skip(",") || peek() == UInt8(ascii: "}") else {
        throw .headerSyntax(offset: position, expected: "',' or '}' after a value")
      }
    }
    guard peek() == nil else {
      throw .headerSyntax(offset: position, expected: "nothing after the header's '}'")
    }
    return try NumPyHeader(
      descriptor: descriptor, isFortranOrder: isFortranOrder, dimensions: dimensions)
  }

  /// The next byte that is not white space, which stays to be read; nil at the end.
  private mutating func peek() -> UInt8? {
    while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) {
      position += 1
    }
    return position < bytes.count ? bytes[position] : nil
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(
    _ character: Unicode.Scalar, _ description: String
  ) throws(ArrayFileProblem) {
    guard skip(character) else {
      throw .headerSyntax(offset: position, expected: description)
    }
  }

  /// Text in quotes of either kind; a backslash, which no header needs, is not read.
  private mutating func readString(_ description: String) throws(ArrayFileProblem) -> String {
    guard let quote = peek(), [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(quote) else {
      throw .headerSyntax(offset: position, expected: description)
    }
    let start = position + 1
    guard
      let end = bytes[start...].firstIndex(where: { $0 == quote || $0 == UInt8(ascii: "\\") }),
      bytes[end] == quote
    else {
      throw .headerSyntax(offset: position, expected: "text that ends in the quote it begins with")
    }
    position = end + 1
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  private mutating func readFlag() throws(ArrayFileProblem) -> Bool {
    for (word, value) in [("True", true), ("False", false)] {
      _ = peek()
      if bytes[position...].starts(with: word.utf8) {
        position += word.utf8.count
        return value
      }
    }
    throw .headerSyntax(offset: position, expected: "True or False")
  }

  /// The whole numbers of a tuple; those of Python 2 may end with an L.
  private mutating func readTuple() throws(ArrayFileProblem) -> [Int] {
    try expect("(", "'(' before the lengths of the axes")
    var numbers: [Int] = []
    while !skip(")") {
      let digits = bytes[position...].prefix {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
      }
      guard let number = Int(String(decoding: digits, as: UTF8.self)) else {
        throw .headerSyntax(
          offset: position, expected: "the length of an axis, a whole number from 0")
      }
      numbers.append(number)
      position += digits.count
      _ = skip("L")
      guard skip(",") || peek() == UInt8(ascii: ")") else {
        throw .headerSyntax(offset: position, expected: "',' or ')' after the length of an axis")
      }
    }
    return numbers
  }
}
