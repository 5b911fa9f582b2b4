import Compute

/// Walks the elements of a view in row-major order, converting them from and to scalars.
///
/// Only the number of elements matters to who walks several views together, so one may see the
/// same elements through another shape than the next.
struct Cursor {
  private let storage: ReferenceStorage
  private let dtype: DType
  /// The axes, with neighbours merged where one stride serves both; never empty.
  private var lengths: [Int] = []
  private var strides: [Int] = []
  private var indices: [Int]
  private var offset: Int

  /// Stands at the first element of a view.
  init(_ view: View) {
    storage = view.storage.onHost
    dtype = view.dtype
    offset = view.offset
    for (length, stride) in zip(view.shape.dimensions, view.strides) where length != 1 {
      if let last = strides.last, last == stride * length {
        lengths[lengths.count - 1] *= length
        strides[strides.count - 1] = stride
      } else {
        lengths.append(length)
        strides.append(stride)
      }
    }
    if lengths.isEmpty {
      lengths = [1]
      strides = [0]
    }
    indices = [Int](repeating: 0, count: lengths.count)
  }

  /// Takes the next `count` elements.
  mutating func load<S: Scalar>(_ count: Int, into values: UnsafeMutablePointer<S>) {
    withElementType(of: dtype) { load(count, of: $0, into: values) }
  }

  /// Writes the next `count` elements.
  mutating func store<S: Scalar>(_ count: Int, from values: UnsafePointer<S>) {
    withElementType(of: dtype) { store(count, as: $0, from: values) }
  }

  private mutating func load<E: Element, S: Scalar>(
    _ count: Int, of type: E.Type, into values: UnsafeMutablePointer<S>
  ) {
    storage.withBytes { bytes in
      let elements = bytes.assumingMemoryBound(to: E.self)
      forEachRun(count) { done, first, stride, length in
        let source = elements + first
        let target = values + done
        if stride == 1 {
          for i in 0..<length { target[i] = S(loading: source[i]) }
        } else {
          for i in 0..<length { target[i] = S(loading: source[i * stride]) }
        }
      }
    }
  }

  private mutating func store<E: Element, S: Scalar>(
    _ count: Int, as type: E.Type, from values: UnsafePointer<S>
  ) {
    storage.withBytes { bytes in
      let elements = bytes.assumingMemoryBound(to: E.self)
      forEachRun(count) { done, first, stride, length in
        let source = values + done
        let target = elements + first
        if stride == 1 {
          for i in 0..<length { target[i] = source[i].stored(as: E.self) }
        } else {
          for i in 0..<length { target[i * stride] = source[i].stored(as: E.self) }
        }
      }
    }
  }

  /// Steps over the next `count` elements by runs along the innermost axis.
  @inline(__always)
  private mutating func forEachRun(
    _ count: Int, _ body: (_ done: Int, _ first: Int, _ stride: Int, _ length: Int) -> Void
  ) {
    let inner = lengths.count - 1
    var done = 0
    while done < count {
      let length = min(count - done, lengths[inner] - indices[inner])
      body(done, offset, strides[inner], length)
      done += length
      indices[inner] += length
      offset += length * strides[inner]
      var axis = inner
      while indices[axis] == lengths[axis] {
        offset -= lengths[axis] * strides[axis]
        indices[axis] = 0
        if axis == 0 { break }
        axis -= 1
        indices[axis] += 1
        offset += strides[axis]
      }
    }
  }
}

/// The elements of a view in row-major order.
func elements<S: Scalar>(of view: View, as type: S.Type = S.self) -> [S] {
  [S](unsafeUninitializedCapacity: view.count) { buffer, count in
    guard let values = buffer.baseAddress, view.count > 0 else { return }
    var cursor = Cursor(view)
    cursor.load(view.count, into: values)
    count = view.count
  }
}

/// Writes the elements of a view in row-major order.
func store<S: Scalar>(_ values: [S], to view: View) {
  values.withUnsafeBufferPointer { buffer in
    guard let first = buffer.baseAddress, buffer.count > 0 else { return }
    var cursor = Cursor(view)
    cursor.store(buffer.count, from: first)
  }
}
