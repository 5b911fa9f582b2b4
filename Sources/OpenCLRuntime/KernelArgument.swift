/// A value that can be an argument of a kernel.
///
/// Buffers, ``LocalMemory``, ``KernelBytes`` and the numbers of fixed size are. Int is not, since
/// OpenCL C has no type of the same meaning on every device: say Int32 for int, Int64 for long.
///
/// A struct that a kernel takes by value conforms by saying so; its fields must be laid out as the C
/// struct's are, which they are in the order of declaration, with the same types:
///
///     struct Window: KernelArgument, BitwiseCopyable { var height: Int32, width: Int32 }
public protocol KernelArgument {
  /// Tells OpenCL the value.
  func encode(to encoder: ArgumentEncoder) throws(OpenCLError)
}

/// Sets one argument of a kernel, unless it has the value already (clSetKernelArg).
public struct ArgumentEncoder {
  let kernel: KernelObject
  let index: Int

  /// Passes bytes, by value.
  /// - Throws: If the argument has another size, or is a buffer.
  public func encode(bytes: UnsafeRawBufferPointer) throws(OpenCLError) {
    try kernel.set(index, bytes: bytes)
  }

  /// Passes a buffer, or a null pointer.
  /// - Throws: If the argument is not a pointer to global or constant memory.
  public func encode(buffer: Buffer?) throws(OpenCLError) {
    try kernel.set(index, buffer: buffer)
  }

  /// Passes local memory.
  /// - Throws: If the argument is not a pointer to local memory.
  public func encode(localBytes: Int) throws(OpenCLError) {
    try kernel.set(index, localBytes: localBytes)
  }
}

extension KernelArgument where Self: BitwiseCopyable {
  /// Passes the value's bytes, padded to its stride as a C struct is.
  public func encode(to encoder: ArgumentEncoder) throws(OpenCLError) {
    let padding = MemoryLayout<Self>.stride - MemoryLayout<Self>.size
    try withUnsafeBytes(of: self) { bytes throws(OpenCLError) in
      if padding == 0 {
        try encoder.encode(bytes: bytes)
      } else {
        try KernelBytes(bytes + Array(repeating: 0, count: padding)).encode(to: encoder)
      }
    }
  }
}

/// An OpenCL C float.
extension Float: KernelArgument {}
/// An OpenCL C double.
extension Double: KernelArgument {}
/// An OpenCL C char.
extension Int8: KernelArgument {}
/// An OpenCL C uchar.
extension UInt8: KernelArgument {}
/// An OpenCL C short.
extension Int16: KernelArgument {}
/// An OpenCL C ushort.
extension UInt16: KernelArgument {}
/// An OpenCL C int.
extension Int32: KernelArgument {}
/// An OpenCL C uint.
extension UInt32: KernelArgument {}
/// An OpenCL C long.
extension Int64: KernelArgument {}
/// An OpenCL C ulong.
extension UInt64: KernelArgument {}

extension Buffer: KernelArgument {
  /// Passes the buffer as a pointer to global or constant memory.
  public func encode(to encoder: ArgumentEncoder) throws(OpenCLError) {
    try encoder.encode(buffer: self)
  }
}

/// A buffer, or a null pointer for a kernel that asks.
extension Optional: KernelArgument where Wrapped == Buffer {
  /// Passes the buffer, or a null pointer.
  public func encode(to encoder: ArgumentEncoder) throws(OpenCLError) {
    try encoder.encode(buffer: self)
  }
}

/// Local memory that each work-group gets, as a pointer argument.
public struct LocalMemory: KernelArgument, Hashable, Sendable {
  /// The size in bytes.
  public let bytes: Int

  /// Asks for memory of a size in bytes.
  public init(bytes: Int) {
    self.bytes = bytes
  }

  /// Passes the size.
  public func encode(to encoder: ArgumentEncoder) throws(OpenCLError) {
    try encoder.encode(localBytes: bytes)
  }
}

/// A struct whose layout is known only at run time, as its bytes.
public struct KernelBytes: KernelArgument, Hashable, Sendable {
  /// The bytes, padding included.
  public let bytes: [UInt8]

  /// Makes an argument of the bytes.
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// Passes the bytes.
  public func encode(to encoder: ArgumentEncoder) throws(OpenCLError) {
    try bytes.withUnsafeBufferPointer { bytes throws(OpenCLError) in
      try encoder.encode(bytes: UnsafeRawBufferPointer(bytes))
    }
  }
}
