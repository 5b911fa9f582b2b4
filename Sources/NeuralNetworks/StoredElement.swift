package import Compute

/// An element type that array files may have and that can be read without loss.
///
/// Types that are a ``DType`` are taken as they are. Booleans become uint8; narrow integers become
/// the narrowest DType that has all their values: int32 for 8 and 16 bits, int64 for unsigned ones
/// of 32. Unsigned ones of 64 bits become int64, and are refused where a value does not fit.
package enum StoredElement: CaseIterable, Sendable {
  case bool
  case int8, int16, int32, int64
  case uint8, uint16, uint32, uint64
  case float16, bfloat16, float32, float64

  /// The bytes of one element in the file.
  package var byteCount: Int {
    switch self {
    case .bool, .int8, .uint8: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .int64, .uint64, .float64: 8
    }
  }

  /// What the elements are held as.
  package var dtype: DType {
    switch self {
    case .bool, .uint8: .uint8
    case .int8, .int16, .int32, .uint16: .int32
    case .int64, .uint32, .uint64: .int64
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .float32: .float32
    case .float64: .float64
    }
  }

  /// The order of the bytes within an element.
  package enum ByteOrder: Sendable {
    case littleEndian, bigEndian
  }

  /// An element that cannot be held.
  package enum Problem: Error {
    /// A boolean that is neither 0 nor 1.
    case notABoolean(position: Int, value: UInt8)
    /// An unsigned integer above the greatest int64.
    case tooLarge(position: Int, value: UInt64)
  }

  /// The elements as little-endian bytes of ``dtype``; traps unless there are whole ones.
  package func held(
    _ bytes: UnsafeRawBufferPointer, _ order: ByteOrder = .littleEndian
  ) throws(Problem) -> [UInt8] {
    require(
      bytes.count.isMultiple(of: byteCount), "\(bytes.count) bytes are not whole elements")
    switch self {
    case .bool:
      if let position = bytes.firstIndex(where: { $0 > 1 }) {
        throw .notABoolean(position: position, value: bytes[position])
      }
      return Array(bytes)
    case .int8: return widened(bytes, Int8.self, Int32.self, order)
    case .int16: return widened(bytes, Int16.self, Int32.self, order)
    case .uint16: return widened(bytes, UInt16.self, Int32.self, order)
    case .uint32: return widened(bytes, UInt32.self, Int64.self, order)
    case .uint64:
      for (position, value) in elements(bytes, UInt64.self, order).enumerated()
      where value > UInt64(Int64.max) {
        throw .tooLarge(position: position, value: value)
      }
      return copied(bytes, order)
    case .uint8, .int32, .int64, .float16, .bfloat16, .float32, .float64:
      return copied(bytes, order)
    }
  }

  private func elements<Source: FixedWidthInteger & BitwiseCopyable>(
    _ bytes: UnsafeRawBufferPointer, _ type: Source.Type, _ order: ByteOrder
  ) -> some Sequence<Source> {
    stride(from: 0, to: bytes.count, by: byteCount).lazy.map { offset in
      let element = bytes.loadUnaligned(fromByteOffset: offset, as: type)
      return order == .bigEndian ? Source(bigEndian: element) : Source(littleEndian: element)
    }
  }

  private func widened<
    Source: FixedWidthInteger & BitwiseCopyable, Target: FixedWidthInteger & BitwiseCopyable
  >(
    _ bytes: UnsafeRawBufferPointer, _ source: Source.Type, _ target: Target.Type,
    _ order: ByteOrder
  ) -> [UInt8] {
    let values = elements(bytes, source, order).map { Target($0).littleEndian }
    return values.withUnsafeBytes { Array($0) }
  }

  private func copied(_ bytes: UnsafeRawBufferPointer, _ order: ByteOrder) -> [UInt8] {
    guard order == .bigEndian, byteCount > 1 else { return Array(bytes) }
    var result = Array(bytes)
    for start in stride(from: 0, to: result.count, by: byteCount) {
      result[start..<start + byteCount].reverse()
    }
    return result
  }
}
