public import Compute
public import Foundation
import NeuralNetworks
public import Tensors

/// An array of a `.npy` file, as NumPy's `save` writes it.
///
/// Versions 1 to 3, both orders of axes and of bytes are read, and numbers of all types that some
/// ``DType`` holds without loss: booleans as uint8; integers of 8 and 16 bits as int32; unsigned ones
/// of 32 as int64, and of 64 too unless a value is above the greatest int64. Everything else is
/// refused with a ``DataError``, before any tensor is made.
///
/// The form: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
public struct NumPyArray: Hashable, Sendable {
  /// The type of an element.
  public let dtype: DType
  /// The lengths of the axes; none for a scalar.
  public let shape: Shape
  /// The elements, each little-endian, row-major without gaps.
  public let bytes: [UInt8]

  /// Creates an array; traps unless there are exactly the bytes that shape and dtype take.
  public init(dtype: DType, shape: Shape, bytes: [UInt8]) {
    require(
      bytes.count == shape.count * dtype.byteCount,
      "NumPyArray: \(bytes.count) bytes for shape \(shape) of \(dtype)")
    self.dtype = dtype
    self.shape = shape
    self.bytes = bytes
  }

  /// Reads a file; throws a ``DataError`` when it cannot be read or is malformed.
  public init(contentsOf url: URL) throws {
    try self.init(readData(url, options: .mappedIfSafe), file: url.relativePath)
  }

  /// Reads the bytes of a file, which errors call by the name given.
  ///
  /// Throws a ``DataError`` when they are malformed.
  public init(_ data: Data, file: String) throws {
    do throws(ArrayFileProblem) {
      try self.init(parsing: data)
    } catch {
      throw DataError(file: file, problem: .array(error))
    }
  }

  /// A tensor of the elements, converted to a dtype unless it is theirs.
  public func tensor(dtype: DType? = nil, on device: Device = .current) -> Tensor {
    bytes.withUnsafeBytes {
      Tensor.converting($0, from: self.dtype, shape: shape, to: dtype ?? self.dtype, on: device)
    }
  }
}

// MARK: - Reading

extension NumPyArray {
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  init(parsing file: Data) throws(ArrayFileProblem) {
    guard file.starts(with: Self.magic) else { throw .notAnArrayFile }
    var rest = file.dropFirst(Self.magic.count)
    guard rest.count >= 2 else { throw .headerTruncated(length: 2, available: rest.count) }
    let (major, minor) = (rest[rest.startIndex], rest[rest.startIndex + 1])
    guard (1...3).contains(major), minor == 0 else {
      throw .unknownVersion(major: major, minor: minor)
    }
    rest = rest.dropFirst(2)
    // The length has two bytes in the first version and four in the others.
    let lengthByteCount = major == 1 ? 2 : 4
    guard rest.count >= lengthByteCount else {
      throw .headerTruncated(length: lengthByteCount, available: rest.count)
    }
    let length = rest.prefix(lengthByteCount).reversed().reduce(0) { $0 << 8 | Int($1) }
    rest = rest.dropFirst(lengthByteCount)
    guard length <= rest.count else {
      throw .headerTruncated(length: length, available: rest.count)
    }
    let header = try NumPyHeader(rest.prefix(length))
    try self.init(header, rest.dropFirst(length))
  }

  private init(_ header: NumPyHeader, _ data: Data) throws(ArrayFileProblem) {
    let (element, order) = try header.element()
    // Axes of length zero are left out, so that the strides of a shape fit as well as its size.
    var bound = max(element.byteCount, element.dtype.byteCount)
    for length in header.dimensions where length != 0 {
      let product = bound.multipliedReportingOverflow(by: length)
      guard !product.overflow else {
        throw .shapeOverflow(shape: header.dimensions, descriptor: header.descriptor)
      }
      bound = product.partialValue
    }
    let shape = Shape(header.dimensions)
    let byteCount = shape.count * element.byteCount
    guard data.count == byteCount else {
      throw .sizeMismatch(
        shape: header.dimensions, descriptor: header.descriptor, expected: byteCount,
        found: data.count)
    }
    let held = data.withUnsafeBytes { bytes in
      Result { () throws(StoredElement.Problem) in try element.held(bytes, order) }
    }
    let bytes: [UInt8]
    switch held {
    case .success(let held): bytes = held
    case .failure(.notABoolean(let position, let value)):
      throw .notABoolean(position: position, value: value)
    case .failure(.tooLarge(let position, let value)):
      throw .integerTooLarge(position: position, value: value)
    }
    self.init(
      dtype: element.dtype, shape: shape,
      bytes: header.isFortranOrder
        ? Self.rowMajor(bytes, shape, width: element.dtype.byteCount) : bytes)
  }

  /// The elements of an array that lie with the first axis innermost, in the order of the last.
  private static func rowMajor(_ bytes: [UInt8], _ shape: Shape, width: Int) -> [UInt8] {
    guard shape.rank > 1, !bytes.isEmpty else { return bytes }
    // The stride of each axis in the file, in bytes.
    var strides: [Int] = []
    for length in [width] + shape.dimensions.dropLast() {
      strides.append((strides.last ?? 1) * length)
    }
    return [UInt8](unsafeUninitializedCapacity: bytes.count) { result, count in
      bytes.withUnsafeBytes { bytes in
        var index = [Int](repeating: 0, count: shape.rank)
        var source = 0
        for target in stride(from: 0, to: bytes.count, by: width) {
          for byte in 0..<width { result[target + byte] = bytes[source + byte] }
          // The next index, row-major.
          for axis in stride(from: shape.rank - 1, through: 0, by: -1) {
            index[axis] += 1
            source += strides[axis]
            if index[axis] < shape[axis] { break }
            source -= strides[axis] * shape[axis]
            index[axis] = 0
          }
        }
      }
      count = bytes.count
    }
  }
}

/// The bytes of a file; throws a ``DataError`` when the system does not give them.
func readData(_ url: URL, options: Data.ReadingOptions = []) throws -> Data {
  do {
    return try Data(contentsOf: url, options: options)
  } catch {
    throw DataError(file: url.relativePath, problem: .unreadable(reason: fileErrorReason(error)))
  }
}
