public import Compute
public import Tensors

/// Examples of any shape, from an array whose first axis counts them.
public struct ExampleArray: Sendable {
  /// The file, as errors name it.
  public let file: String
  private let array: NumPyArray
  /// The example of the array that each row is.
  private let rows: [Int]

  /// Takes the inputs of a model from an archive.
  ///
  /// Throws a ``DataError`` when the array is not there, is no array of examples, has a number that
  /// is not finite, or is of another shape than a trained model's.
  public init(_ archive: NumPyArchive, named name: String, exampleShape: Shape? = nil) throws {
    let array = try archive.array(name)
    func refuse(_ problem: String) -> DataError {
      DataError(file: archive.file, problem: .unsuitableArray(name, problem))
    }
    guard array.shape.rank >= 2 else {
      throw refuse("it has shape \(array.shape); expected [examples, …] with two axes or more")
    }
    let shape = Shape(Array(array.shape.dimensions.dropFirst()))
    if let exampleShape, shape != exampleShape {
      throw refuse(
        "its examples have shape \(shape), but the model was trained on examples of \(exampleShape)"
      )
    }
    guard array.shape.count > 0 else {
      throw refuse("it has shape \(array.shape), which is empty")
    }
    self.file = archive.file
    self.array = array
    rows = Array(0..<array.shape[0])
    if let position = firstNonFinite {
      let index = array.shape.contiguousStrides.enumerated().map { axis, stride in
        position / stride % array.shape[axis]
      }
      throw refuse("its element \(index) is not a finite number")
    }
  }

  private init(file: String, array: NumPyArray, rows: [Int]) {
    self.file = file
    self.array = array
    self.rows = rows
  }

  private var firstNonFinite: Int? {
    guard array.dtype.isFloatingPoint else { return nil }
    for row in rows {
      let position = numbers(ofRow: row).firstIndex { !$0.isFinite }
      if let position { return row * exampleShape.count + position }
    }
    return nil
  }

  /// The number of examples.
  public var rowCount: Int { rows.count }

  /// The shape of one example.
  public var exampleShape: Shape { Shape(Array(array.shape.dimensions.dropFirst())) }

  /// The examples of the given numbers, in the given order; the numbers themselves are shared.
  func selecting(rows numbers: [Int]) -> ExampleArray {
    ExampleArray(file: file, array: array, rows: numbers.map { rows[$0] })
  }

  /// The mean and deviation of each element of an example; traps where there are none.
  func standardization() -> Standardization {
    Standardization(featureCount: exampleShape.count, rowCount: rowCount) {
      numbers(ofRow: rows[$0])
    }
  }

  /// The examples on a device, `[rows, …]`, standardised if need be.
  public func tensor(
    _ standardization: Standardization? = nil, dtype: DType, on device: Device = .current
  ) -> Tensor {
    let shape = Shape([rowCount] + exampleShape.dimensions)
    func values<Scalar: TensorScalar>(as type: Scalar.Type) -> Tensor {
      var values: [Scalar] = []
      values.reserveCapacity(shape.count)
      for row in rows {
        let numbers = numbers(ofRow: row)
        values += (standardization?.applied(toRow: numbers) ?? numbers).map(Scalar.init(nearest:))
      }
      return Tensor(values, shape: shape, on: device)
    }
    return dtype == .float64 ? values(as: Double.self) : values(as: Float.self)
  }

  /// The numbers of one example of the array.
  private func numbers(ofRow row: Int) -> [Double] {
    let count = exampleShape.count
    return array.numbers(row * count..<(row + 1) * count)
  }
}

extension NumPyArray {
  /// Some of the elements, row-major.
  func numbers(_ range: Range<Int>) -> [Double] {
    bytes.withUnsafeBytes { bytes in
      func unpack<Element: BitwiseCopyable>(
        _ type: Element.Type, _ convert: (Element) -> Double
      ) -> [Double] {
        range.map {
          convert(
            bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.size, as: type))
        }
      }
      return switch dtype {
      case .float64: unpack(UInt64.self) { Double(bitPattern: UInt64(littleEndian: $0)) }
      case .float32: unpack(UInt32.self) { Double(Float(bitPattern: UInt32(littleEndian: $0))) }
      case .float16: unpack(UInt16.self) { Double(Float16(bitPattern: UInt16(littleEndian: $0))) }
      case .bfloat16:
        unpack(UInt16.self) { Double(Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16)) }
      case .int64: unpack(Int64.self) { Double(Int64(littleEndian: $0)) }
      case .int32: unpack(Int32.self) { Double(Int32(littleEndian: $0)) }
      case .uint8: unpack(UInt8.self) { Double($0) }
      }
    }
  }
}
