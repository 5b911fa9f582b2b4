import Compute
import ReferenceBackend
import Testing

/// A backend with random views of any layout, each beside its values in row-major order.
final class Rig {
  let backend = ReferenceBackend()
  var generator: SeededGenerator

  init(seed: Int = 1) { generator = SeededGenerator(seed) }

  /// A contiguous view of given values.
  func view<T: BitwiseCopyable>(_ values: [T], _ dtype: DType, _ shape: Shape? = nil) throws -> View
  {
    precondition(MemoryLayout<T>.size == dtype.byteCount)
    let storage = try backend.allocate(byteCount: values.count * dtype.byteCount)
    try values.withUnsafeBytes { try backend.write($0, to: storage, atByte: 0) }
    return View(storage, dtype: dtype, shape: shape ?? [values.count])
  }

  func floats(_ values: [Float], _ shape: Shape? = nil) throws -> View {
    try view(values, .float32, shape)
  }

  func doubles(_ values: [Double], _ shape: Shape? = nil) throws -> View {
    try view(values, .float64, shape)
  }

  /// A contiguous view of numbers that float32, float64 and the integers hold.
  func numbers(_ values: [Double], _ dtype: DType, _ shape: Shape? = nil) throws -> View {
    switch dtype {
    case .float32: try view(values.map { Float($0) }, dtype, shape)
    case .float64: try view(values, dtype, shape)
    case .int32: try view(values.map { Int32($0) }, dtype, shape)
    case .int64: try view(values.map { Int64($0) }, dtype, shape)
    case .uint8: try view(values.map { UInt8($0) }, dtype, shape)
    case .float16, .bfloat16: fatalError("narrow floats have tests of their own")
    }
  }

  /// A contiguous view of zeros.
  func zeros(_ shape: Shape, _ dtype: DType) throws -> View {
    try view([UInt8](repeating: 0, count: shape.count * dtype.byteCount), .uint8).with(shape, dtype)
  }

  /// A view of random integers of a random layout: permuted, sliced, reversed, broadcast.
  func random(
    _ shape: Shape, _ dtype: DType, broadcast: Bool = true, range: ClosedRange<Int> = 0...9
  ) throws -> (view: View, values: [Double]) {
    let layout = randomLayout(shape, broadcast: broadcast)
    let raw = (0..<layout.length).map { _ in Double(Int.random(in: range, using: &generator)) }
    let base = try numbers(raw, dtype)
    let view = base.with(shape: shape, strides: layout.strides, offset: layout.offset)
    return (view, positions(view).map { raw[$0] })
  }

  /// Strides and an offset with gaps, and the number of elements they need.
  func randomLayout(
    _ shape: Shape, broadcast: Bool
  ) -> (strides: [Int], offset: Int, length: Int) {
    var strides = [Int](repeating: 0, count: shape.rank)
    var length = 1
    var offset = Int.random(in: 0..<3, using: &generator)
    for axis in (0..<shape.rank).shuffled(using: &generator) {
      if broadcast && Int.random(in: 0..<4, using: &generator) == 0 { continue }
      strides[axis] = length * Int.random(in: 1...2, using: &generator)
      length = strides[axis] * max(1, shape[axis])
      if Int.random(in: 0..<4, using: &generator) == 0 {
        offset += strides[axis] * max(0, shape[axis] - 1)
        strides[axis] = -strides[axis]
      }
    }
    return (strides, offset, offset + length)
  }

  /// Bytes read back from a storage.
  func elements<T: BitwiseCopyable>(_ storage: Storage, of type: T.Type = T.self) throws -> [T] {
    let count = storage.byteCount / MemoryLayout<T>.stride
    return try [T](unsafeUninitializedCapacity: count) { buffer, initialized in
      try backend.read(storage, atByte: 0, into: UnsafeMutableRawBufferPointer(buffer))
      initialized = count
    }
  }

  /// All numbers of a storage, whatever the layout of the view.
  func storageNumbers(_ view: View) throws -> [Double] {
    switch view.dtype {
    case .float32: try elements(view.storage, of: Float.self).map(Double.init)
    case .float64: try elements(view.storage, of: Double.self)
    case .int32: try elements(view.storage, of: Int32.self).map(Double.init)
    case .int64: try elements(view.storage, of: Int64.self).map(Double.init)
    case .uint8: try elements(view.storage, of: UInt8.self).map(Double.init)
    case .float16, .bfloat16: fatalError("narrow floats have tests of their own")
    }
  }

  /// The values of a view, row-major.
  func numbers(_ view: View) throws -> [Double] {
    let all = try storageNumbers(view)
    return positions(view).map { all[$0] }
  }
}

/// Where the elements of a view lie, row-major, from the definition of a view.
func positions(_ view: View) -> [Int] {
  zip(view.shape.dimensions, view.strides).reduce([view.offset]) { positions, axis in
    positions.flatMap { position in (0..<axis.0).map { position + $0 * axis.1 } }
  }
}

extension View {
  /// The storage as a contiguous view of another shape and type.
  func with(_ shape: Shape, _ dtype: DType) -> View { View(storage, dtype: dtype, shape: shape) }
}

/// Equal, or both NaN.
func same(_ a: Double, _ b: Double) -> Bool { a == b || (a.isNaN && b.isNaN) }
