import Compute
import OpenCLRuntime

/// What a kernel is made from: a function of a source file, specialised by definitions.
///
/// Its value is the key under which the kernel is kept, so it says everything that changes the
/// source, and nothing that is an argument; the source is printed only when the kernel is new.
protocol KernelSpecification: Hashable, Sendable {
  /// The source file in the kernels' folder.
  var file: String { get }
  /// The kernel function.
  var function: String { get }
  /// The macros that specialise the source.
  var definitions: Definitions { get }
  /// Whether the work-items of a group work together, through local memory and barriers.
  var sharesWork: Bool { get }
  /// What sets it apart from other kernels of its function, for people; may be empty.
  var variantLabel: String { get }
}

extension KernelSpecification {
  var variantLabel: String { "" }

  /// The definitions with which only the kernel itself is compiled, out of all those of its file.
  var ownDefinitions: Definitions {
    var definitions = definitions
    definitions.append(["ONE_KERNEL": .integer(1), "KERNEL_\(function)": .integer(1)])
    return definitions
  }

  /// The family, the function and the variant, for people.
  var label: String {
    let family = file.hasSuffix(".cl") ? String(file.dropLast(3)) : file
    let name = family == function ? function : "\(family).\(function)"
    return variantLabel.isEmpty ? name : "\(name) \(variantLabel)"
  }
}

/// A kernel that has been built, by its place in the stream that has it.
struct PreparedKernel: Sendable {
  /// The place.
  let number: Int
  /// The most work-items that a work-group of it may have.
  let workGroupLimit: Int
}

/// A kernel with its arguments and sizes, ready to be enqueued.
struct Launch: Sendable {
  /// The kernel.
  var kernel: PreparedKernel
  /// Its arguments in order.
  var arguments: [LaunchArgument]
  /// The number of work-items that have something to do.
  var items: WorkSize
  /// The number of work-items in a work-group.
  var local: WorkSize
  /// How much there is to do: roughly, the elements that one core computes in the same time.
  var work: Int
  /// Whether it writes what the operation is for, rather than scratch memory of its own.
  var writesOutput = true
  /// What it moves, if it does nothing else.
  var copy: CopiedRegion?

  /// The number of work-items that are launched: whole work-groups.
  var global: WorkSize { items.rounded(upToMultipleOf: local) }
}

/// An argument of a kernel.
enum LaunchArgument: KernelArgument, Sendable {
  case storage(OpenCLStorage?)
  case float(Float)
  case double(Double)
  case long(Int64)
  /// A struct of positions that the kernel knows by a name, or one of them.
  case positions([Int], IndexType, name: String)
  /// Two words of a Philox key or counter.
  case words(SIMD2<UInt32>)

  func encode(to encoder: ArgumentEncoder) throws(OpenCLError) {
    switch self {
    case .storage(let storage): try encoder.encode(buffer: storage?.buffer)
    case .float(let value): try value.encode(to: encoder)
    case .double(let value): try value.encode(to: encoder)
    case .long(let value): try value.encode(to: encoder)
    case .positions(let values, let type, _):
      try KernelBytes(type.bytes(values)).encode(to: encoder)
    case .words(let words):
      try KernelBytes(withUnsafeBytes(of: words) { Array($0) }).encode(to: encoder)
    }
  }

  /// The view's storage.
  static func view(_ view: View?) throws -> LaunchArgument { .storage(try view?.onDevice()) }

  /// Whether both are the same number; storages are not compared.
  func hasEqualValue(_ other: LaunchArgument) -> Bool {
    switch (self, other) {
    case (.storage, .storage): true
    case (.float(let x), .float(let y)): x.bitPattern == y.bitPattern
    case (.double(let x), .double(let y)): x.bitPattern == y.bitPattern
    case (.long(let x), .long(let y)): x == y
    case (.positions(let x, let type, _), .positions(let y, let other, _)):
      x == y && type == other
    case (.words(let x), .words(let y)): x == y
    default: false
    }
  }

  /// A number as a SCALAR; an integer is what C's cast gives, ended at its range.
  static func scalar(_ value: Double, _ type: ComputeType) -> LaunchArgument {
    switch type {
    case .float32: .float(Float(value))
    case .float64: .double(value)
    case .int64: .long(Int64(saturating: value))
    }
  }
}

extension Int64 {
  /// The number truncated towards zero, or the end of the range that it lies beyond; 0 for NaN.
  init(saturating value: Double) {
    let whole = value.rounded(.towardZero)
    self = value.isNaN ? 0 : Int64(exactly: whole) ?? (value < 0 ? .min : .max)
  }
}

/// The type of positions in a kernel: INDEX.
enum IndexType: Sendable, Hashable {
  case narrow, wide

  /// The name in OpenCL C.
  var name: String { self == .narrow ? "uint" : "ulong" }
  /// The size in bytes.
  var byteCount: Int { self == .narrow ? 4 : 8 }

  /// A struct of positions, by the name that the kernel has for it.
  func argument(_ values: [Int], as name: String) -> LaunchArgument {
    .positions(values, self, name: name)
  }

  /// A single position.
  func argument(_ value: Int) -> LaunchArgument { .positions([value], self, name: name) }

  /// Positions as they lie in memory; negative ones wrap around, as they do in the kernel.
  func bytes(_ values: [Int]) -> [UInt8] {
    switch self {
    case .narrow: values.map { UInt32(truncatingIfNeeded: $0) }.withUnsafeBytes { Array($0) }
    case .wide: values.withUnsafeBytes { Array($0) }
    }
  }
}

extension OpenCLBackend {
  /// A kernel whose work-items share their work, with the largest group that the device takes.
  func prepare<Specification: KernelSpecification>(
    groupSize: Int? = nil, _ specification: (_ groupSize: Int) -> Specification
  ) throws -> (kernel: PreparedKernel, groupSize: Int) {
    var size = groupSize ?? profile.groupSize
    while true {
      let kernel = try stream.prepare(specification(size))
      if size <= max(1, kernel.workGroupLimit) { return (kernel, size) }
      size /= 2
    }
  }
}

extension DeviceProfile {
  /// The type in which all positions of the views, and counts up to `limit`, can be counted.
  func indexType(_ views: [View], upTo limit: Int = 0) -> IndexType {
    // Half the range of a uint, so that sums with the size of a work-group fit too.
    let narrow = 1 << 31
    let fits =
      limit < narrow
      && views.allSatisfy {
        $0.storage.byteCount / $0.dtype.byteCount < narrow && $0.count < narrow
      }
    return prefersWideIndices || !fits ? .wide : .narrow
  }
}

extension DType {
  /// The type in which a kernel computes with elements that are not converted.
  var computeType: ComputeType { self == .float64 ? .float64 : .float32 }
}

extension ComputeType {
  /// The type in OpenCL C.
  var name: String {
    switch self {
    case .float32: "float"
    case .float64: "double"
    case .int64: "long"
    }
  }
  /// The size in bytes.
  var byteCount: Int { self == .float32 ? 4 : 8 }

  /// The macros of `common.clh`.
  ///
  /// - Parameter dtypes: The dtypes of what the kernel reads and writes.
  func definitions(_ index: IndexType, dtypes: some Sequence<DType> = []) -> Definitions {
    var definitions: Definitions = ["SCALAR": .code(name), "INDEX": .code(index.name)]
    if self == .float64 || dtypes.contains(.float64) { definitions.define("FLOAT64") }
    if self == .int64 { definitions.define("INTEGER") }
    return definitions
  }
}
