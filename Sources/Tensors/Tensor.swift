public import Compute

/// An array of numbers on a device: an immutable value.
///
/// A tensor has a shape, a dtype and a device. Its elements are strided over a storage that may
/// be shared, so reshaping, transposing, slicing and broadcasting cost nothing. Operations are
/// asynchronous and never throw: they return at once, and a tensor whose computation failed
/// carries the error until it is read. Reading (``array(of:)``, ``item(of:)``, ``wait()``) waits
/// and throws.
///
/// A wrong shape, a mix of devices or of dtypes is a mistake in the program and traps with a
/// message that names the operation, what came and what was expected.
public struct Tensor: Sendable {
  /// The lengths of the axes.
  public let shape: Shape
  /// The type of the elements.
  public let dtype: DType
  /// Where the elements are.
  public let device: Device

  package let strides: [Int]
  package let offset: Int
  let buffer: TensorBuffer
  /// Where the tensor stands on a tape; nil for a tensor that is not being differentiated.
  let node: TapeNode?

  init(
    buffer: TensorBuffer, dtype: DType, shape: Shape, strides: [Int], offset: Int,
    device: Device, node: TapeNode? = nil
  ) {
    self.buffer = buffer
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
    self.offset = offset
    self.device = device
    self.node = node
  }

  /// The number of axes.
  public var rank: Int { shape.rank }

  /// The number of elements.
  public var count: Int { shape.count }

  /// Why the tensor has no values, or nil; see ``wait()``.
  package var failure: (any Error)? { view.storage.failure }

  /// What a backend reads.
  package var view: View {
    View(buffer.storage, dtype: dtype, shape: shape, strides: strides, offset: offset)
  }

  /// The same values outside of any differentiation: a constant.
  public var detached: Tensor { node == nil ? self : with(node: nil) }

  /// Whether the tensor is being differentiated.
  public var isTracked: Bool { node != nil }

  func with(node: TapeNode?) -> Tensor {
    Tensor(
      buffer: buffer, dtype: dtype, shape: shape, strides: strides, offset: offset,
      device: device, node: node)
  }

  /// The untracked tensor that looks at the same storage through another view.
  func with(_ view: View) -> Tensor {
    Tensor(
      buffer: buffer, dtype: dtype, shape: view.shape, strides: view.strides,
      offset: view.offset, device: device)
  }
}

// MARK: - Making tensors

extension Tensor {
  /// A tensor of the given numbers, row-major, converted to `dtype`.
  ///
  /// Traps unless there are as many values as the shape has elements.
  public init<Scalar: TensorScalar>(
    _ values: [Scalar], shape: Shape, dtype: DType = Scalar.dtype, on device: Device = .current
  ) {
    require(
      values.count == shape.count,
      "Tensor: \(values.count) values for shape \(shape), which has \(shape.count) elements")
    if dtype == Scalar.dtype {
      self = values.withUnsafeBytes { device.upload($0, dtype: dtype, shape: shape) }
    } else {
      let bytes = dtype.bytes(of: values)
      self = bytes.withUnsafeBytes { device.upload($0, dtype: dtype, shape: shape) }
    }
  }

  /// A vector of the given numbers.
  public init(_ values: [Double], dtype: DType = .float32, on device: Device = .current) {
    self.init(values, shape: [values.count], dtype: dtype, on: device)
  }

  /// A matrix of the given rows; traps when they differ in length.
  public init(_ rows: [[Double]], dtype: DType = .float32, on device: Device = .current) {
    let width = rows.first?.count ?? 0
    require(
      rows.allSatisfy { $0.count == width },
      "Tensor: rows of different lengths: \(rows.map(\.count))")
    self.init(
      rows.flatMap { $0 }, shape: [rows.count, width], dtype: dtype, on: device)
  }

  /// A tensor without axes that holds one number.
  public init(_ value: Double, dtype: DType = .float32, on device: Device = .current) {
    self.init([value], shape: .scalar, dtype: dtype, on: device)
  }

  /// A tensor of the bytes of its elements, row-major, in the host's byte order.
  ///
  /// Traps unless there are `shape.count` elements of `dtype`.
  public init(
    bytes: UnsafeRawBufferPointer, dtype: DType, shape: Shape, on device: Device = .current
  ) {
    require(
      bytes.count == shape.count * dtype.byteCount,
      "Tensor: \(bytes.count) bytes for shape \(shape) of \(dtype)")
    self = device.upload(bytes, dtype: dtype, shape: shape)
  }

  /// A tensor filled with one number.
  public static func full(
    _ shape: Shape, _ value: Double, dtype: DType = .float32, on device: Device = .current
  ) -> Tensor {
    let result = device.allocate(dtype, shape)
    device.launch(reading: [], writing: [result.view]) { backend in
      try backend.map([.input(0)], of: [.scalar(value)], into: [result.view])
    }
    return result
  }

  /// A tensor of zeros.
  public static func zeros(
    _ shape: Shape, dtype: DType = .float32, on device: Device = .current
  ) -> Tensor { full(shape, 0, dtype: dtype, on: device) }

  /// A tensor of ones.
  public static func ones(
    _ shape: Shape, dtype: DType = .float32, on device: Device = .current
  ) -> Tensor { full(shape, 1, dtype: dtype, on: device) }

  /// The numbers 0, 1, …, count − 1.
  public static func range(
    _ count: Int, dtype: DType = .float32, on device: Device = .current
  ) -> Tensor {
    Tensor((0..<count).map(Double.init), shape: [count], dtype: dtype, on: device)
  }
}

extension DType {
  /// The bytes of numbers converted to this type, in the host's byte order.
  func bytes<Scalar: TensorScalar>(of values: [Scalar]) -> [UInt8] {
    func pack<Element: BitwiseCopyable>(_ convert: (Scalar) -> Element) -> [UInt8] {
      values.map(convert).withUnsafeBytes { Array($0) }
    }
    return switch self {
    case .float32: pack { Float($0.doubleValue) }
    case .float64: pack { $0.doubleValue }
    case .float16: pack { Float16($0.doubleValue) }
    case .bfloat16: pack { HalfPrecision.bfloat16($0.doubleValue) }
    case .int32: pack { Int32(nearest: $0.doubleValue) }
    case .int64: pack { Int64(nearest: $0.doubleValue) }
    case .uint8: pack { UInt8(nearest: $0.doubleValue) }
    }
  }

  /// The numbers that bytes of this type stand for.
  func values<Scalar: TensorScalar>(_ bytes: UnsafeRawBufferPointer, as type: Scalar.Type)
    -> [Scalar]
  {
    if Scalar.dtype == self { return Array(bytes.bindMemory(to: Scalar.self)) }
    func unpack<Element: BitwiseCopyable>(
      _ element: Element.Type, _ convert: (Element) -> Double
    ) -> [Scalar] {
      bytes.bindMemory(to: element).map { Scalar(nearest: convert($0)) }
    }
    return switch self {
    case .float32: unpack(Float.self) { Double($0) }
    case .float64: unpack(Double.self) { $0 }
    case .float16: unpack(Float16.self) { Double($0) }
    case .bfloat16: unpack(UInt16.self) { Double(HalfPrecision.float(bfloat16: $0)) }
    case .int32: unpack(Int32.self) { Double($0) }
    case .int64: unpack(Int64.self) { Double($0) }
    case .uint8: unpack(UInt8.self) { Double($0) }
    }
  }
}

extension Tensor {
  /// A tensor of bytes that hold elements of another dtype, converted on the host.
  package static func converting(
    _ bytes: UnsafeRawBufferPointer, from source: DType, shape: Shape, to dtype: DType,
    on device: Device
  ) -> Tensor {
    if source == dtype { return Tensor(bytes: bytes, dtype: dtype, shape: shape, on: device) }
    return Tensor(
      source.values(bytes, as: Double.self), shape: shape, dtype: dtype, on: device)
  }
}
