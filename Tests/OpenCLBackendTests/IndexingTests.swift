import Compute
import OpenCLBackend
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct IndexingTests {
  /// Row numbers, some of which name no row.
  private func indices(
    _ count: Int, rows: Int, _ dtype: DType, _ generator: inout SeededGenerator
  ) -> HostView {
    let numbers = (0..<count).map { _ -> Int64 in
      switch Int.random(in: 0..<8, using: &generator) {
      case 0 where dtype == .int64: [.min, .max, 1 << 32, -1].randomElement(using: &generator) ?? 0
      case 0 where dtype == .int32: Bool.random(using: &generator) ? -1 : Int64(Int32.max)
      case 1: Int64(rows)
      default: rows == 0 ? 0 : Int64.random(in: 0..<Int64(rows), using: &generator)
      }
    }
    return HostView(bits: numbers.map { UInt64(bitPattern: $0) }, [count], dtype, .sliced)
  }

  private static let sizes = [
    (rows: 1, count: 1, width: 1), (3, 5, 2), (7, 0, 3), (0, 4, 3), (5, 5, 0), (17, 33, 31),
    (33, 2, 65), (2, 129, 1), (64, 17, 17), (129, 65, 3), (3, 40, 129), (1, 64, 257),
  ]

  @Test(arguments: Target.own, DType.allCases)
  func gather(target: Target, dtype: DType) throws {
    // The bits of doubles can be copied on every device.
    var generator = SeededGenerator(41)
    // Every type of indices once, and the type of most with every type of elements.
    let indexTypes: [DType] = dtype == .uint8 ? [.int32, .int64, .uint8] : [.int64]
    for indexType in indexTypes {
      for (rows, count, width) in Self.sizes {
        try gather(rows, count, width, dtype, indexType, target, &generator)
      }
    }
  }

  @Test(arguments: Target.lanes + Target.groups)
  func gatherByOtherProfiles(target: Target) throws {
    var generator = SeededGenerator(44)
    for (rows, count, width) in Self.sizes {
      try gather(rows, count, width, .float32, .int32, target, &generator)
    }
  }

  private func gather(
    _ rows: Int, _ count: Int, _ width: Int, _ dtype: DType, _ indexType: DType, _ target: Target,
    _ generator: inout SeededGenerator
  ) throws {
    let mask: UInt64 = dtype.byteCount == 8 ? .max : 1 << (8 * UInt64(dtype.byteCount)) - 1
    let table = HostView(
      bits: (0..<rows * width).map { _ in generator.next() & mask }, [rows, width], dtype)
    let result = try Comparison(
      on: target, [table, indices(count, rows: rows, indexType, &generator)],
      into: [HostView([count, width], dtype)], "\(count) of \(rows) × \(width)"
    ) { backend, inputs, outputs in
      try backend.gather(inputs[0], indices: inputs[1], into: outputs[0])
    }
    result.expectReferenceBits()
  }

  /// Rows are added in order, so the bits are the reference's.
  @Test(arguments: Setting.all)
  func scatterAdd(setting: Setting) throws {
    try scatterAdd(setting, .int32)
  }

  @Test(arguments: Target.own, [DType.int64, .uint8])
  func scatterAddByOtherIndices(target: Target, indexType: DType) throws {
    try scatterAdd(Setting(target: target, dtype: .float32), indexType)
  }

  private func scatterAdd(_ setting: Setting, _ indexType: DType) throws {
    var generator = SeededGenerator(42)
    for (rows, count, width) in Self.sizes {
      let result = try Comparison(
        on: setting.target,
        [
          generator.reals([count, width], setting.dtype),
          indices(count, rows: rows, indexType, &generator),
        ], into: [HostView([rows, width], setting.dtype)], "\(count) into \(rows) × \(width)"
      ) { backend, inputs, outputs in
        try backend.scatterAdd(inputs[0], indices: inputs[1], into: outputs[0])
      }
      result.expectReferenceBits()
    }
  }

  /// Sums of narrow types are rounded once, when they are complete.
  @Test(
    arguments: Target.own,
    [(.bfloat16, .bfloat16), (.float32, .float16), (.float16, .float32)] as [(DType, DType)])
  func narrowTypes(target: Target, dtypes: (DType, DType)) throws {
    var generator = SeededGenerator(43)
    let values = HostView(
      bits: (0..<50 * 7).map { _ in
        let number = Double(Int.random(in: 1...255, using: &generator))
        // A float16 of the same bits is another number, and as good.
        return dtypes.0 == .float16 ? DType.bfloat16.bits(number) & 0x3FFF : dtypes.0.bits(number)
      }, [50, 7], dtypes.0)
    let result = try Comparison(
      on: target, [values, indices(50, rows: 4, .int32, &generator)],
      into: [HostView([4, 7], dtypes.1)], "\(dtypes)"
    ) { backend, inputs, outputs in
      try backend.scatterAdd(inputs[0], indices: inputs[1], into: outputs[0])
    }
    result.expectReferenceBits()
  }
}
