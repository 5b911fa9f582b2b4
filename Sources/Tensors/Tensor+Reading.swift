import Compute

import func Foundation.log10
import func Foundation.pow

extension Tensor {
  /// The elements, row-major, converted to a Swift type.
  ///
  /// Waits for the device. Throws what went wrong in computing the tensor.
  public func array<Scalar: TensorScalar>(of type: Scalar.Type = Scalar.self) throws -> [Scalar] {
    let source = isContiguous ? self.detached : contiguous().detached
    if let failure = source.view.storage.failure { throw failure }
    guard count > 0 else { return [] }
    var bytes = [UInt64](repeating: 0, count: (count * dtype.byteCount + 7) / 8)
    return try bytes.withUnsafeMutableBytes { whole in
      let target = UnsafeMutableRawBufferPointer(rebasing: whole[..<(count * dtype.byteCount)])
      let view = source.view
      try device.read(view, into: target)
      if let failure = view.storage.failure { throw failure }
      return dtype.values(UnsafeRawBufferPointer(target), as: type)
    }
  }

  /// The only element, converted to a Swift type; traps unless there is exactly one.
  ///
  /// Waits for the device. Throws what went wrong in computing the tensor.
  public func item<Scalar: TensorScalar>(of type: Scalar.Type = Scalar.self) throws -> Scalar {
    require(count == 1, "item(of:): the tensor has shape \(shape), not one element")
    return try array(of: type)[0]
  }

  /// Waits until the tensor is computed; throws what went wrong.
  public func wait() throws {
    if let failure = view.storage.failure { throw failure }
    try device.wait()
    if let failure = view.storage.failure { throw failure }
  }

  /// The bytes of the elements, row-major, in the host's byte order.
  ///
  /// Waits for the device. Throws what went wrong in computing the tensor.
  public func bytes() throws -> [UInt8] {
    let source = isContiguous ? self.detached : contiguous().detached
    if let failure = source.view.storage.failure { throw failure }
    var bytes = [UInt8](repeating: 0, count: count * dtype.byteCount)
    guard count > 0 else { return bytes }
    let view = source.view
    try bytes.withUnsafeMutableBytes {
      try device.read(view, into: $0)
    }
    if let failure = view.storage.failure { throw failure }
    return bytes
  }

  /// Whether the elements lie row-major without gaps.
  public var isContiguous: Bool { view.isContiguous }
}

extension Device {
  /// Reads the bytes of a contiguous view.
  ///
  /// Traps within a recording: a replay could not read.
  fileprivate func read(_ view: View, into bytes: UnsafeMutableRawBufferPointer) throws {
    Recorder.trapIfRecording("a tensor's elements are read")
    try backend.read(view.storage, atByte: view.offset * view.dtype.byteCount, into: bytes)
  }
}

extension Tensor: CustomStringConvertible {
  /// The shape, dtype and device, and the elements as NumPy would print them.
  ///
  /// Of a long axis the first and last three entries are shown. Waits for the device.
  public var description: String {
    let head = "Tensor(shape: \(shape), dtype: \(dtype), device: \(device.identifier))"
    do {
      return head + "\n" + (try elements(edge: 3))
    } catch {
      return head + "\nfailed: \(error)"
    }
  }

  private func elements(edge: Int) throws -> String {
    // Only the corners are read, so that printing a large tensor moves little.
    var corners = self.detached
    var isCut = [Bool](repeating: false, count: rank)
    for axis in 0..<rank where shape[axis] > 2 * edge {
      isCut[axis] = true
      let last = shape[axis]
      corners = concatenate(
        [
          corners.slice(axis: axis, 0..<edge),
          corners.slice(axis: axis, (last - edge)..<last),
        ], axis: axis)
    }
    let words =
      dtype.isFloatingPoint
      ? try corners.array(of: Double.self).map(Tensor.format)
      : try corners.array(of: Int64.self).map { String($0) }
    let width = words.map(\.count).max() ?? 0
    var position = 0
    func render(_ axis: Int) -> String {
      if axis == corners.rank {
        defer { position += 1 }
        return String(repeating: " ", count: width - words[position].count) + words[position]
      }
      let isLast = axis == corners.rank - 1
      var parts: [String] = []
      for index in 0..<corners.shape[axis] {
        if isCut[axis] && index == edge { parts.append("…") }
        parts.append(render(axis + 1))
      }
      let separator =
        isLast
        ? ", "
        : "," + String(repeating: "\n", count: corners.rank - 1 - axis)
          + String(repeating: " ", count: axis + 1)
      return "[" + parts.joined(separator: separator) + "]"
    }
    return render(0)
  }

  private static func format(_ value: Double) -> String {
    guard value.isFinite, value != 0 else {
      return value == 0 ? (value.sign == .minus ? "-0." : "0.") : "\(value)"
    }
    if value.magnitude >= 0.01 && value.magnitude < 1e9 {
      let scaled = (value * 10_000).rounded() / 10_000
      return scaled == scaled.rounded() ? String(Int64(scaled)) + "." : "\(scaled)"
    }
    // Four decimals would show too little, or too much: four digits.
    let exponent = Int(log10(value.magnitude).rounded(.down)) - 3
    let digits = (value / pow(10, Double(exponent))).rounded()
    return "\(digits.isFinite ? Double("\(Int64(digits))e\(exponent)") ?? value : value)"
  }
}
