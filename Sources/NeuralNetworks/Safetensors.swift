public import Compute
public import Foundation
import OrderedCollections

/// Named arrays and string metadata, as a safetensors file holds them.
///
/// Reading is strict: a file that the format does not allow is refused with a ``SafetensorsError``
/// that names the file, the array and what would be right, before any array is made. Arrays of types
/// that no ``DType`` is are read without loss as a wider one: BOOL as uint8; I8, I16 and U16 as
/// int32; U32 as int64, and U64 too unless a value is above the greatest int64, which is refused.
/// Complex numbers and floats of 8 bits and fewer are refused by name. Writing gives the same bytes
/// for the same arrays and metadata.
///
/// The format: <https://github.com/huggingface/safetensors#format>.
public struct Safetensors: Equatable, Sendable {
  /// An array with its name, as little-endian bytes in row-major order.
  public struct NamedArray: Hashable, Sendable {
    /// The name, such as `0.weight`.
    public let name: String
    /// The type of an element.
    public let dtype: DType
    /// The lengths of the axes; none for a scalar.
    public let shape: Shape
    /// The elements, each little-endian, without gaps.
    public let bytes: [UInt8]

    /// Creates an array; traps unless there are exactly the bytes that shape and dtype take.
    public init(name: String, dtype: DType, shape: Shape, bytes: [UInt8]) {
      require(
        bytes.count == shape.count * dtype.byteCount,
        "Safetensors: \(name): shape \(shape) of \(dtype) takes \(shape.count * dtype.byteCount) "
          + "bytes, not \(bytes.count)")
      self.name = name
      self.dtype = dtype
      self.shape = shape
      self.bytes = bytes
    }
  }

  /// What PyTorch's readers expect to find in the metadata of a file.
  public static let defaultMetadata = ["format": "pt"]

  private var arraysByName: OrderedDictionary<String, NamedArray> = [:]

  /// The strings under `__metadata__`.
  public var metadata: [String: String]

  /// Creates the contents of a file; traps on two arrays of one name.
  public init(_ arrays: [NamedArray] = [], metadata: [String: String] = Self.defaultMetadata) {
    self.metadata = metadata
    for array in arrays { append(array) }
  }

  /// The arrays, in the order in which they were given or stand in the header.
  public var arrays: [NamedArray] { Array(arraysByName.values) }

  /// The array of a name, or nil.
  public subscript(name: String) -> NamedArray? { arraysByName[name] }

  /// Adds an array at the end; traps when its name is taken or is the format's `__metadata__`.
  public mutating func append(_ array: NamedArray) {
    require(
      array.name != Self.metadataKey, "Safetensors: \(Self.metadataKey) cannot name an array")
    require(
      arraysByName.updateValue(array, forKey: array.name) == nil,
      "Safetensors: two arrays are named \(array.name)")
  }
}

// MARK: - The format

extension Safetensors {
  /// The most bytes that a header may have, as in the format's own library.
  static let headerLimit = 100_000_000

  static let metadataKey = "__metadata__"
  static let lengthByteCount = 8
  static let alignment = 8
}

extension DType {
  var safetensorsName: String { element.safetensorsName }

  private var element: StoredElement {
    switch self {
    case .float64: .float64
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .int64: .int64
    case .int32: .int32
    case .uint8: .uint8
    }
  }
}

extension StoredElement {
  var safetensorsName: String {
    switch self {
    case .bool: "BOOL"
    case .uint8: "U8"
    case .int8: "I8"
    case .uint16: "U16"
    case .int16: "I16"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .uint32: "U32"
    case .int32: "I32"
    case .float32: "F32"
    case .uint64: "U64"
    case .int64: "I64"
    case .float64: "F64"
    }
  }

  init?(safetensorsName: String) {
    guard let element = Self.allCases.first(where: { $0.safetensorsName == safetensorsName }) else {
      return nil
    }
    self = element
  }
}

// MARK: - Writing

extension Safetensors {
  /// The bytes of the file.
  ///
  /// The header lists the arrays in their order; their data lies by element size, the widest
  /// first. Without holes, which the format forbids, this is what aligns each array to its elements.
  public func serialized() -> Data {
    let layout = arraysByName.values.enumerated().sorted {
      ($1.element.dtype.byteCount, $0.offset) < ($0.element.dtype.byteCount, $1.offset)
    }.map(\.element)
    var begins: [String: Int] = [:]
    var dataByteCount = 0
    for array in layout {
      begins[array.name] = dataByteCount
      dataByteCount += array.bytes.count
    }

    var fields: [String] = []
    if !metadata.isEmpty {
      let strings = metadata.sorted { $0.key < $1.key }.map {
        "\(Self.json($0.key)):\(Self.json($0.value))"
      }
      fields.append("\"\(Self.metadataKey)\":{\(strings.joined(separator: ","))}")
    }
    for array in arraysByName.values {
      let shape = array.shape.dimensions.map(String.init).joined(separator: ",")
      let begin = begins[array.name, default: 0]
      fields.append(
        "\(Self.json(array.name)):{\"dtype\":\"\(array.dtype.safetensorsName)\","
          + "\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(begin + array.bytes.count)]}")
    }
    var header = Data("{\(fields.joined(separator: ","))}".utf8)
    let padding = (Self.alignment - header.count % Self.alignment) % Self.alignment
    header.append(Data(repeating: UInt8(ascii: " "), count: padding))

    var file = Data(capacity: Self.lengthByteCount + header.count + dataByteCount)
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { file.append(contentsOf: $0) }
    file.append(header)
    for array in layout { file.append(contentsOf: array.bytes) }
    return file
  }

  /// Writes the file under a temporary name and renames it.
  ///
  /// When that fails nothing of it is left, an older file of that name stays as it was, and a
  /// ``SafetensorsError`` is thrown.
  public func write(to url: URL) throws {
    do {
      try serialized().write(to: url, options: .atomic)
    } catch {
      throw SafetensorsError(
        file: url.relativePath, problem: .unwritable(reason: fileErrorReason(error)))
    }
  }

  private static func json(_ string: String) -> String {
    var result = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
