public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// Copies rows: `output[i, :] = table[indices[i], :]`; NaN or 0 where there is no such row.
  ///
  /// Traps when shapes or dtypes do not fit.
  public func gather(_ table: View, indices: View, into output: View) throws {
    checkGather(table, indices: indices, output: output)
    guard output.count > 0 else { return }
    let index = profile.indexType([table, indices, output])
    let (kernel, groupSize) = try prepare(groupSize: profile.elementGroup) {
      GatherKernel(dtype: table.dtype, indices: indices.dtype, index: index, groupSize: $0)
    }
    let launch = Launch(
      kernel: kernel,
      arguments: [
        try .view(table), try .view(indices), try .view(output),
        index.argument(
          layout(rows: output, indices: indices, table: table, source: table, output: output),
          as: "struct rows"),
      ],
      items: WorkSize(output.count), local: WorkSize(groupSize), work: 2 * output.count)
    try submit([launch], writing: [output])
  }

  /// Adds rows up: `output[r, :] = Σ values[i, :]` over the i with `indices[i] == r`, in order.
  ///
  /// Traps when shapes or dtypes do not fit.
  public func scatterAdd(_ values: View, indices: View, into output: View) throws {
    checkScatterAdd(values, indices: indices, output: output)
    guard output.count > 0 else { return }
    guard values.count > 0 else { return try map([0], of: [], into: [output]) }
    let dtype: DType = ComputeType([values.dtype, output.dtype]) == .float64 ? .float64 : .float32
    if values.dtype != dtype || output.dtype != dtype {
      // Sums are not rounded to a narrow type before they are complete.
      let wideValues = try scratch(values.shape, dtype)
      let sums = try scratch(output.shape, dtype)
      try map([.input(0)], of: [.view(values)], into: [wideValues])
      try scatterAdd(wideValues, indices: indices, into: sums)
      return try map([.input(0)], of: [.view(sums)], into: [output])
    }

    let index = profile.indexType([values, indices, output])
    let lanes = profile.lanes(elementBytes: dtype.byteCount)
    let (rows, width) = (output.shape[0], output.shape[1])
    let blocks = width.dividedRoundingUp(by: lanes)
    let shares = min(
      rows, (profile.taskCount * profile.groupSize).dividedRoundingUp(by: blocks))
    let share = rows.dividedRoundingUp(by: shares)
    let (kernel, groupSize) = try prepare {
      ScatterKernel(
        dtype: dtype, indices: indices.dtype, index: index, lanes: lanes, groupSize: $0)
    }
    let items = blocks * rows.dividedRoundingUp(by: share)
    let launch = Launch(
      kernel: kernel,
      arguments: [
        try .view(values), try .view(indices), try .view(output),
        index.argument(
          layout(
            rows: values, indices: indices, table: output, source: values, output: output,
            share: share), as: "struct rows"),
      ],
      items: WorkSize(items), local: WorkSize(groupSize), work: output.count + 3 * values.count)
    try submit([launch], writing: [output])
  }

  /// The fields of the kernels' struct.
  private func layout(
    rows: View, indices: View, table: View, source: View, output: View, share: Int = 0
  ) -> [Int] {
    [
      table.shape[0], rows.shape[0], rows.shape[1], source.offset, output.offset, indices.offset,
      indices.strides[0], share,
    ]
  }
}

extension DType {
  /// The C type of an integer.
  var integerName: String {
    switch self {
    case .int64: "long"
    case .uint8: "uchar"
    default: "int"
    }
  }
}

/// A kernel that copies rows, by their bits.
private struct GatherKernel: KernelSpecification {
  let dtype: DType
  let indices: DType
  let index: IndexType
  let groupSize: Int

  var file: String { "indexing.cl" }
  var function: String { "gather" }
  var sharesWork: Bool { false }

  var definitions: Definitions {
    // Bits and no doubles, so that even a device without those can copy them.
    let (bits, missing) =
      switch dtype {
      case .float64: ("ulong", "0x7FF8000000000000")
      case .float32: ("uint", "0x7FC00000")
      case .float16: ("ushort", "0x7E00")
      case .bfloat16: ("ushort", "0x7FC0")
      case .int64: ("ulong", "0")
      case .int32: ("uint", "0")
      case .uint8: ("uchar", "0")
      }
    return [
      "INDEX": .code(index.name), "TYPE_INDICES": .code(indices.integerName),
      "BITS": .code(bits), "MISSING": .code(missing), "GROUP_SIZE": .integer(groupSize),
    ]
  }
}

/// A kernel that adds rows up.
private struct ScatterKernel: KernelSpecification {
  let dtype: DType
  let indices: DType
  let index: IndexType
  let lanes: Int
  let groupSize: Int

  var file: String { "indexing.cl" }
  var function: String { "scatter_add" }
  var sharesWork: Bool { false }

  var definitions: Definitions {
    var definitions = dtype.computeType.definitions(index)
    definitions.append([
      "TYPE_INDICES": .code(indices.integerName), "LANES": .integer(lanes),
      "GROUP_SIZE": .integer(groupSize),
    ])
    return definitions
  }
}
