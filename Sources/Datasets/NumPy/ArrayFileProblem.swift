/// What is wrong with a file of NumPy's, `.npy` or `.npz`.
public enum ArrayFileProblem: Error, Hashable, Sendable {
  // MARK: Arrays

  /// The file does not begin as every `.npy` file does.
  case notAnArrayFile
  /// The version of the form is none that is known.
  case unknownVersion(major: UInt8, minor: UInt8)
  /// The header claims to be longer than the file.
  case headerTruncated(length: Int, available: Int)
  /// The header is not text.
  case headerNotText
  /// The header is not a Python dictionary of the expected form.
  case headerSyntax(offset: Int, expected: String)
  /// A key of the header is there twice.
  case duplicateKey(String)
  /// The header has a key that the form does not know.
  case unknownKey(String)
  /// A key of the header is not there.
  case missingKey(String)
  /// The elements are records of several fields.
  case structuredElements
  /// The elements are Python objects, which only Python could restore.
  case objects
  /// The elements are of a type that no tensor has.
  case unsupportedElements(String)
  /// A number of elements does not fit 64 bits.
  case shapeOverflow(shape: [Int], descriptor: String)
  /// The data is shorter or longer than the shape takes.
  case sizeMismatch(shape: [Int], descriptor: String, expected: Int, found: Int)
  /// An element of an array of booleans is neither 0 nor 1.
  case notABoolean(position: Int, value: UInt8)
  /// An element of an array of unsigned integers is above the greatest int64.
  case integerTooLarge(position: Int, value: UInt64)

  // MARK: Archives

  /// The file does not end as every zip archive does.
  case notAnArchive
  /// The archive is one part of several.
  case dividedArchive
  /// A record of the archive lies outside of the file, or is not where it is said to be.
  case misplacedRecord(String)
  /// The list of members is not as long as it is said to be.
  case malformedDirectory
  /// Two members have the same name.
  case duplicateMember(String)
  /// A member is encrypted.
  case encrypted
  /// A member is compressed by a method that NumPy does not use.
  case unknownCompression(method: Int)
  /// A member claims to be larger than its compressed bytes can become.
  case impossibleSize(size: UInt64, compressed: UInt64)
  /// The compressed bytes of a member are damaged.
  case damagedCompression
  /// The checksum of a member is not that of its bytes.
  case wrongChecksum(expected: UInt32, found: UInt32)
  /// The archive has no member of a name.
  case noSuchArray(String, names: [String])
}

extension ArrayFileProblem: CustomStringConvertible {
  /// What is wrong and what was expected, in one line.
  public var description: String {
    switch self {
    case .notAnArrayFile: "this is not a .npy file: it does not begin with \"\\x93NUMPY\""
    case .unknownVersion(let major, let minor):
      "the file is of version \(major).\(minor); those known are 1.0, 2.0 and 3.0"
    case .headerTruncated(let length, let available):
      "the header is said to have \(length) bytes, but only \(available) follow"
    case .headerNotText: "the header is not text"
    case .headerSyntax(let offset, let expected):
      "byte \(offset) of the header: expected \(expected)"
    case .duplicateKey(let key): "\(quoted(key)) is in the header twice"
    case .unknownKey(let key):
      "the header has the unknown key \(quoted(key)); there are 'descr', 'fortran_order', 'shape'"
    case .missingKey(let key): "the header lacks \(quoted(key))"
    case .structuredElements:
      "its elements are records of several fields; save each field as an array of its own"
    case .objects:
      "its elements are Python objects, which only Python reads; save an array of numbers"
    case .unsupportedElements(let descriptor):
      "its elements are of type \(quoted(descriptor)); those that can be read are float16, float32, "
        + "float64, int8 to int64, uint8 to uint64 and bool"
    case .shapeOverflow(let shape, let descriptor):
      "shape \(shape) of \(quoted(descriptor)) is larger than any memory"
    case .sizeMismatch(let shape, let descriptor, let expected, let found):
      "shape \(shape) of \(quoted(descriptor)) takes \(expected) bytes, but \(found) follow"
        + (found < expected ? " (is the file truncated?)" : "")
    case .notABoolean(let position, let value):
      "element \(position) of its booleans is \(value), neither 0 nor 1"
    case .integerTooLarge(let position, let value):
      "element \(position) is \(value), which does not fit int64"
    case .notAnArchive:
      "this is not a .npz file: it does not end as a zip archive (is it truncated?)"
    case .dividedArchive: "the archive is one part of several"
    case .misplacedRecord(let name): "\(name) is not where the archive says"
    case .malformedDirectory: "the archive's list of members is not as long as it is said to be"
    case .duplicateMember(let name): "two members are named \(quoted(name))"
    case .encrypted: "it is encrypted"
    case .unknownCompression(let method):
      "it is compressed by method \(method); those known are 0 (stored) and 8 (deflated)"
    case .impossibleSize(let size, let compressed):
      "it is said to have \(size) bytes, which cannot come from \(compressed)"
    case .damagedCompression: "its compressed bytes are damaged"
    case .wrongChecksum(let expected, let found):
      "its checksum is \(hexadecimal(found)) in place of \(hexadecimal(expected)): it is damaged"
    case .noSuchArray(let name, let names):
      "there is no array \(quoted(name))\(suggestion(for: name, among: names)); "
        + (names.isEmpty ? "there are none" : "the arrays are \(listed(names))")
    }
  }

  private func hexadecimal(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
}
