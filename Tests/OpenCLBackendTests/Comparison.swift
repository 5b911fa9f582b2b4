import Compute
import OpenCLBackend
import ReferenceBackend
import Testing

/// An operation that any backend can do.
typealias Operation = (
  _ backend: any Backend, _ inputs: [View], _ outputs: [View]
) throws -> Void

/// What an operation gave on a device and, from the same bits, on the reference.
struct Comparison {
  struct Output {
    let dtype: DType
    /// The device's bits.
    let bits: [UInt64]
    /// The reference's bits, in the same dtypes.
    let referenceBits: [UInt64]
    /// The reference's numbers, in float64 what was in float32.
    let truth: [Double]
    /// The numbers that the bits stand for.
    let device: [Double], reference: [Double]

    init(dtype: DType, bits: [UInt64], referenceBits: [UInt64], truth: [Double]) {
      self.dtype = dtype
      self.bits = bits
      self.referenceBits = referenceBits
      self.truth = truth
      device = bits.map(dtype.number)
      reference = referenceBits.map(dtype.number)
    }
  }

  let outputs: [Output]
  private let label: String

  /// Runs an operation on a target and on the reference.
  ///
  /// On the device each view lies in the middle of a storage whose other bytes have a pattern.
  /// Expects that the operation leaves them, and its inputs, as they were, and that with another
  /// pattern it gives the same bits: so nothing depends on what is beside the views.
  /// - Parameter inPlace: For outputs that take an input's place, the number of that input.
  init(
    on target: Target, _ inputs: [HostView], into outputs: [HostView], inPlace: [Int: Int] = [:],
    _ label: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation,
    _ operation: Operation
  ) throws {
    var outputs = outputs
    for (output, input) in inPlace { outputs[output] = inputs[input] }
    let arrangement = Arrangement(inputs: inputs, outputs: outputs, inPlace: inPlace)
    self.label = "\(target.name) \(label())"

    // All bits set are NaN, and −1.
    let first = try arrangement.run(operation, on: target.backend, pattern: 0xFF)
    let second = try arrangement.run(operation, on: target.backend, pattern: 0x5C)
    for run in [first, second] {
      #expect(
        run.changed.isEmpty,
        "\(self.label): changed outside the outputs: \(run.changed.joined(separator: ", "))",
        sourceLocation: sourceLocation)
    }
    #expect(
      first.bits == second.bits, "\(self.label): the same launch gave other bits",
      sourceLocation: sourceLocation)

    let reference = ReferenceBackend()
    let same = try arrangement.run(operation, on: reference, pattern: 0xFF)
    let isWider = (inputs + outputs).contains { $0.dtype == .float32 }
    let wide = Arrangement(
      inputs: inputs.map(\.widened), outputs: outputs.map(\.widened), inPlace: inPlace)
    let truth = isWider ? try wide.run(operation, on: reference, pattern: 0xFF) : same
    self.outputs = outputs.indices.map { number in
      Output(
        dtype: outputs[number].dtype, bits: first.bits[number], referenceBits: same.bits[number],
        truth: truth.bits[number].map(wide.outputs[number].dtype.number))
    }
  }

  // MARK: Expectations

  /// Expects the true numbers; signs of zero and kinds of NaN aside.
  func expectExact(sourceLocation: SourceLocation = #_sourceLocation) {
    expect(sourceLocation) { output, i in
      Self.isSame(output.device[i], output.truth[i]) ? 0 : .infinity
    }
  }

  /// Expects the bits of the reference in the same dtypes; kinds of NaN aside.
  func expectReferenceBits(sourceLocation: SourceLocation = #_sourceLocation) {
    expect(sourceLocation) { output, i in
      output.bits[i] == output.referenceBits[i]
        || (output.device[i].isNaN && output.reference[i].isNaN) ? 0 : .infinity
    }
  }

  /// Expects numbers within units in the last place of the true ones.
  ///
  /// There is a number of units for each output. A subnormal may be zero.
  func expectWithin(ulps: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
    expect(sourceLocation) { output, i, number in
      // The reference's own float64 functions are within one unit of theirs.
      let ulps = ulps[number] + (output.dtype == .float64 ? 1 : 0)
      return Self.error(output.device[i], output.truth[i], ulps: ulps, output.dtype)
    }
  }

  /// Expects each number within a distance of its own from the true one.
  func expectWithin(_ distances: [[Double]], sourceLocation: SourceLocation = #_sourceLocation) {
    expect(sourceLocation) { output, i, number in
      let (device, truth) = (output.device[i], output.truth[i])
      return Self.isSame(device, truth)
        ? 0 : abs(device - truth) / max(distances[number][i], output.dtype.leastNormal)
    }
  }

  /// Expects all of an output to be as near to the truth as the reference in the same dtype is:
  /// ‖device − truth‖ ≤ 4·‖reference − truth‖ + 8·ε·‖truth‖.
  /// - Parameters:
  ///   - condition: By how much the operation multiplies relative errors of its inputs.
  ///   - infinityIsNaN: Whether NaN may stand for infinity.
  func expectCloseAsReference(
    condition: Double = 1, infinityIsNaN: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    func norm(_ values: some Sequence<Double>) -> Double {
      values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
    for (number, output) in outputs.enumerated() {
      let finite = output.truth.indices.filter { output.truth[$0].isFinite }
      let error = norm(finite.map { output.device[$0] - output.truth[$0] })
      let yardstick = norm(finite.map { output.reference[$0] - output.truth[$0] })
      let size = norm(finite.map { output.truth[$0] })
      let bound = max(
        4 * yardstick + 8 * output.dtype.epsilon * condition * size, output.dtype.leastNormal)
      #expect(
        error <= bound, "\(label): output \(number) is off by \(error), \(error / bound) × allowed",
        sourceLocation: sourceLocation)
    }
    // What is not finite must be so in the same places.
    expect(sourceLocation) { output, i in
      let (device, truth) = (output.device[i], output.truth[i])
      return truth.isFinite || Self.isSame(device, truth) || (infinityIsNaN && device.isNaN)
        ? 0 : .infinity
    }
  }

  /// Equal, or both NaN.
  static func isSame(_ a: Double, _ b: Double) -> Bool { a == b || (a.isNaN && b.isNaN) }

  /// An error in units of what is allowed.
  static func error(_ value: Double, _ truth: Double, ulps: Double, _ dtype: DType) -> Double {
    if isSame(value, truth) { return 0 }
    let unit =
      dtype == .float64
      ? truth.ulp : Swift.max(Double(Float(truth).ulp), Double(Float.leastNonzeroMagnitude))
    // Beyond the range, the last unit is that of the largest number.
    let limit =
      dtype == .float64 ? Double.greatestFiniteMagnitude : Double(Float.greatestFiniteMagnitude)
    if abs(truth) > limit && value == (truth < 0 ? -.infinity : .infinity) { return 0 }
    let allowed = Swift.max(ulps * (unit.isFinite ? unit : limit.ulp), dtype.leastNormal)
    let error = abs(value - truth) / allowed
    return error.isNaN ? .infinity : error
  }

  private func expect(
    _ sourceLocation: SourceLocation, _ error: (Output, Int) -> Double
  ) {
    expect(sourceLocation) { output, i, _ in error(output, i) }
  }

  /// Expects errors of at most 1.
  private func expect(
    _ sourceLocation: SourceLocation, _ error: (Output, Int, _ number: Int) -> Double
  ) {
    for (number, output) in outputs.enumerated() {
      let errors = output.bits.indices.map { error(output, $0, number) }
      let wrong = errors.indices.filter { !(errors[$0] <= 1) }
      guard let first = wrong.first else { continue }
      Issue.record(
        """
        \(label): output \(number) has \(wrong.count) of \(errors.count) elements wrong; \
        element \(first) is \(output.device[first]) instead of \(output.truth[first]), \
        by \(errors[first]) × allowed
        """, sourceLocation: sourceLocation)
    }
  }
}

/// Inputs and outputs, to be laid out on a backend.
private struct Arrangement {
  let inputs: [HostView]
  let outputs: [HostView]
  let inPlace: [Int: Int]

  struct Run {
    /// The outputs' bits, row-major.
    var bits: [[UInt64]]
    /// The bytes that no output covers and yet have changed, for each storage that has any.
    var changed: [String]
  }

  func run(_ operation: Operation, on backend: any Backend, pattern: UInt8) throws -> Run {
    let own = outputs.indices.filter { inPlace[$0] == nil }
    let hosts = inputs + own.map { outputs[$0] }
    let contents = hosts.map { $0.bytes(pattern: pattern) }
    let views = try zip(hosts, contents).map { host, bytes in
      let storage = try backend.allocate(byteCount: bytes.count)
      try bytes.withUnsafeBytes { try backend.write($0, to: storage, atByte: 0) }
      return View(
        storage, dtype: host.dtype, shape: host.shape, strides: host.strides, offset: host.offset)
    }
    // The storage that each output is in.
    let places = outputs.indices.map { output in
      inPlace[output] ?? inputs.count + own.filter { $0 < output }.count
    }
    try operation(backend, Array(views[..<inputs.count]), places.map { views[$0] })

    let results = try views.map { view in
      try [UInt8](unsafeUninitializedCapacity: view.storage.byteCount) { buffer, count in
        try backend.read(view.storage, atByte: 0, into: UnsafeMutableRawBufferPointer(buffer))
        count = view.storage.byteCount
      }
    }
    var expected = contents
    for (output, place) in zip(outputs, places) {
      let size = output.dtype.byteCount
      for position in output.positions {
        for byte in position * size..<(position + 1) * size {
          expected[place][byte] = results[place][byte]
        }
      }
    }
    return Run(
      bits: zip(outputs, places).map { $0.bits(in: results[$1]) },
      changed: results.indices.compactMap { storage in
        let bytes = expected[storage].indices.filter {
          results[storage][$0] != expected[storage][$0]
        }
        guard let first = bytes.first, let last = bytes.last else { return nil }
        return "bytes \(first)...\(last) of storage \(storage), of \(expected[storage].count)"
      })
  }
}

/// Random inputs.
extension SeededGenerator {
  /// Whole numbers that every type with a sign holds, so that sums and products are exact.
  mutating func integers(
    _ shape: Shape, _ dtype: DType, _ layout: Layout = .contiguous,
    in range: ClosedRange<Int> = -4...4
  ) -> HostView {
    HostView(
      (0..<shape.count).map { _ in Double(Int.random(in: range, using: &self)) }, shape, dtype,
      layout)
  }

  /// Numbers that float32 and float64 hold alike.
  mutating func reals(
    _ shape: Shape, _ dtype: DType, _ layout: Layout = .contiguous,
    in range: ClosedRange<Float> = -2...2
  ) -> HostView {
    HostView(
      (0..<shape.count).map { _ in Double(Float.random(in: range, using: &self)) }, shape, dtype,
      layout)
  }
}
