import Compute
public import Foundation
import OrderedCollections

extension Safetensors {
  /// Reads a file; throws a ``SafetensorsError`` when it cannot be read or is malformed.
  public init(contentsOf url: URL) throws {
    let data: Data
    do {
      data = try Data(contentsOf: url, options: .mappedIfSafe)
    } catch {
      throw SafetensorsError(
        file: url.relativePath, problem: .unreadable(reason: fileErrorReason(error)))
    }
    try self.init(data, file: url.relativePath)
  }

  /// Reads the bytes of a file, which errors call by the name given.
  ///
  /// Throws a ``SafetensorsError`` when they are malformed.
  public init(_ data: Data, file: String = "safetensors data") throws {
    do throws(SafetensorsError.Problem) {
      try self.init(parsing: data)
    } catch {
      throw SafetensorsError(file: file, problem: error)
    }
  }

  private init(parsing file: Data) throws(SafetensorsError.Problem) {
    guard file.count >= Self.lengthByteCount else {
      throw .noHeaderLength(fileByteCount: file.count)
    }
    let headerLength = file.prefix(Self.lengthByteCount).reversed().reduce(UInt64(0)) {
      $0 << 8 | UInt64($1)
    }
    guard headerLength <= UInt64(Self.headerLimit) else {
      throw .headerOverLimit(length: headerLength)
    }
    let rest = file.dropFirst(Self.lengthByteCount)
    guard headerLength <= UInt64(rest.count) else {
      throw .headerTruncated(length: Int(headerLength), available: rest.count)
    }
    let data = rest.dropFirst(Int(headerLength))

    var reader = HeaderReader([UInt8](rest.prefix(Int(headerLength))))
    let header = try reader.read()
    try Self.checkCoverage(of: data.count, by: header.arrays)

    self.init(metadata: header.metadata)
    for (name, entry) in header.arrays {
      let bytes = data.dropFirst(entry.offsets.lowerBound).prefix(entry.offsets.count)
      append(
        NamedArray(
          name: name, dtype: entry.element.dtype, shape: entry.shape,
          bytes: try Self.held(bytes, as: entry.element, of: name)))
    }
  }

  private static func held(
    _ bytes: Data, as element: StoredElement, of name: String
  ) throws(SafetensorsError.Problem) -> [UInt8] {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(StoredElement.Problem) in try element.held(bytes) }
    }
    switch result {
    case .success(let held): return held
    case .failure(.notABoolean(let position, let value)):
      throw .notABoolean(array: name, position: position, value: value)
    case .failure(.tooLarge(let position, let value)):
      throw .integerTooLarge(array: name, position: position, value: value)
    }
  }

  /// Each array must begin where the one before it ends, and the last end with the file.
  private static func checkCoverage(
    of byteCount: Int, by entries: OrderedDictionary<String, HeaderReader.Entry>
  ) throws(SafetensorsError.Problem) {
    var end = 0
    var previous: String?
    let byOffset = entries.sorted {
      ($0.value.offsets.lowerBound, $0.value.offsets.upperBound)
        < ($1.value.offsets.lowerBound, $1.value.offsets.upperBound)
    }
    for (name, entry) in byOffset {
      if let previous, entry.offsets.lowerBound < end {
        throw .overlap(array: name, begin: entry.offsets.lowerBound, other: previous, otherEnd: end)
      }
      guard entry.offsets.lowerBound == end else {
        throw .hole(array: name, begin: entry.offsets.lowerBound, expected: end)
      }
      guard entry.offsets.upperBound <= byteCount else {
        throw .dataTruncated(
          array: name, end: entry.offsets.upperBound, dataByteCount: byteCount)
      }
      end = entry.offsets.upperBound
      previous = name
    }
    guard end == byteCount else { throw .dataLeftOver(used: end, dataByteCount: byteCount) }
  }
}

/// Reads a header: the part of JSON that the format uses, with the names of what it is in.
///
/// General readers of JSON keep one of two equal keys and say nothing of the other, so this is one
/// of its own.
private struct HeaderReader {
  struct Entry {
    let element: StoredElement
    let shape: Shape
    let offsets: Range<Int>
  }

  typealias Problem = SafetensorsError.Problem

  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func read() throws(Problem) -> (
    arrays: OrderedDictionary<String, Entry>, metadata: [String: String]
  ) {
    guard bytes.first == UInt8(ascii: "{") else { throw .headerNotAnObject }
    guard String(validating: bytes, as: UTF8.self) != nil else { throw .headerNotUTF8 }
    var arrays: OrderedDictionary<String, Entry> = [:]
    var metadata: [String: String] = [:]
    try readObject(in: nil) { (reader, key) throws(Problem) in
      if key == Safetensors.metadataKey {
        metadata = try reader.readMetadata()
      } else {
        arrays[key] = try reader.readEntry(key)
      }
    }
    guard bytes[position...].allSatisfy({ $0 == UInt8(ascii: " ") }) else {
      throw .headerSyntax(offset: position, expected: "nothing but spaces after the header's '}'")
    }
    return (arrays, metadata)
  }

  private mutating func readMetadata() throws(Problem) -> [String: String] {
    guard peek() == UInt8(ascii: "{") else { throw .metadataNotStrings(key: nil) }
    var metadata: [String: String] = [:]
    try readObject(in: Safetensors.metadataKey) { (reader, key) throws(Problem) in
      guard reader.peek() == UInt8(ascii: "\"") else { throw .metadataNotStrings(key: key) }
      metadata[key] = try reader.readString()
    }
    return metadata
  }

  private mutating func readEntry(_ array: String) throws(Problem) -> Entry {
    guard peek() == UInt8(ascii: "{") else { throw .entryNotAnObject(array: array) }
    var dtypeName: String?
    var dimensions: [Int]?
    var offsets: [Int]?
    try readObject(in: array) { (reader, field) throws(Problem) in
      switch field {
      case "dtype":
        guard reader.peek() == UInt8(ascii: "\"") else { throw .dtypeNotAString(array: array) }
        dtypeName = try reader.readString()
      case "shape":
        guard let numbers = reader.readNumbers() else { throw .malformedShape(array: array) }
        dimensions = numbers
      case "data_offsets":
        guard let numbers = reader.readNumbers(), numbers.count == 2 else {
          throw .malformedOffsets(array: array)
        }
        offsets = numbers
      default: throw .unknownField(array: array, field: field)
      }
    }
    guard let dtypeName else { throw .missingField(array: array, field: "dtype") }
    guard let dimensions else { throw .missingField(array: array, field: "shape") }
    guard let offsets else { throw .missingField(array: array, field: "data_offsets") }
    guard let element = StoredElement(safetensorsName: dtypeName) else {
      throw .unknownDType(array: array, dtype: dtypeName)
    }
    guard offsets[0] <= offsets[1] else {
      throw .reversedOffsets(array: array, begin: offsets[0], end: offsets[1])
    }
    // Axes of length zero are left out, so that the strides of a shape fit as well as its size.
    var bound = element.dtype.byteCount
    for length in dimensions where length != 0 {
      let product = bound.multipliedReportingOverflow(by: length)
      guard !product.overflow else {
        throw .shapeOverflow(array: array, dtype: dtypeName, dimensions: dimensions)
      }
      bound = product.partialValue
    }
    let shape = Shape(dimensions)
    let byteCount = shape.count * element.byteCount
    guard offsets[1] - offsets[0] == byteCount else {
      throw .sizeMismatch(
        array: array, dtype: dtypeName, shape: shape, expected: byteCount,
        found: offsets[1] - offsets[0])
    }
    return Entry(element: element, shape: shape, offsets: offsets[0]..<offsets[1])
  }

  // MARK: JSON

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

  private mutating func readObject(
    in owner: String?, _ readValue: (inout HeaderReader, String) throws(Problem) -> Void
  ) throws(Problem) {
    guard skip("{") else { throw .headerSyntax(offset: position, expected: "'{'") }
    if skip("}") { return }
    var keys: Set<String> = []
    repeat {
      let key = try readString()
      guard keys.insert(key).inserted else { throw .duplicateKey(key, owner: owner) }
      guard skip(":") else { throw .headerSyntax(offset: position, expected: "':' after a key") }
      try readValue(&self, key)
    } while skip(",")
    guard skip("}") else {
      throw .headerSyntax(offset: position, expected: "',' or '}' after a value")
    }
  }

  private mutating func readString() throws(Problem) -> String {
    guard peek() == UInt8(ascii: "\"") else {
      throw .headerSyntax(offset: position, expected: "a string")
    }
    let start = position
    position += 1
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard position < bytes.count else {
      throw .headerSyntax(offset: start, expected: "a string that ends within the header")
    }
    position += 1
    // Foundation knows the escapes, surrogate pairs included.
    let literal = Data(bytes[start..<position])
    guard let string = try? JSONDecoder().decode(String.self, from: literal) else {
      throw .headerSyntax(
        offset: start, expected: "a string without control characters or unknown escapes")
    }
    return string
  }

  /// An array of whole numbers that fit an Int, or nil when something else stands here.
  private mutating func readNumbers() -> [Int]? {
    guard skip("[") else { return nil }
    if skip("]") { return [] }
    var numbers: [Int] = []
    repeat {
      guard peek() != nil else { return nil }
      let digits = bytes[position...].prefix {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
      }
      guard let number = Int(String(decoding: digits, as: UTF8.self)),
        digits.count == 1 || digits.first != UInt8(ascii: "0")
      else { return nil }
      numbers.append(number)
      position += digits.count
    } while skip(",")
    return skip("]") ? numbers : nil
  }
}
