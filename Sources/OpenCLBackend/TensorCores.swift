public import Compute
import Logging
import OpenCLRuntime

/// Fragments of matrices that a device multiplies at once, their elements rounded.
public struct TensorCores: Sendable, Hashable {
  /// To what elements are rounded: tf32 or bfloat16.
  public let precision: MatMulPrecision
  /// Whether the work-items of a warp multiply fragments together, slowly, as every device can.
  public let isEmulated: Bool

  /// Chooses the fragments of a precision; nil for float32, which has none.
  public init?(_ precision: MatMulPrecision, isEmulated: Bool = false) {
    guard precision != .float32 else { return nil }
    self.precision = precision
    self.isEmulated = isEmulated
  }

  /// The least rows, columns and depth of a product whose fragments are not mostly padding.
  static let leastLength = 16
}

// MARK: Whether a device has them

extension TensorCores {
  /// The fragments of a precision if the device multiplies them right; nil, with a line in the log,
  /// where float32 is to be multiplied as it is.
  ///
  /// - Parameter options: Those that the backend is opened with.
  static func proven(
    _ precision: MatMulPrecision, on device: OpenCLDevice, _ options: OpenCLBackend.Options
  ) -> TensorCores? {
    guard let cores = TensorCores(precision) else { return nil }
    if let reason = cores.obstacle(on: device, options) {
      Logger(label: "apus.matmul").notice(
        "\(device.name) multiplies float32 matrices without rounding them to \(precision): \(reason)"
      )
      return nil
    }
    return cores
  }

  /// Why the device cannot be trusted with fragments; nil where it can.
  ///
  /// The instructions are PTX, which no other compiler should even see. Products of small integers
  /// are exact in every precision, so that a right kernel gives exactly these.
  private func obstacle(on device: OpenCLDevice, _ options: OpenCLBackend.Options) -> String? {
    guard let capability = device.computeCapability else {
      return "it has no tensor cores that OpenCL can reach"
    }
    guard capability.major >= 8 else {
      return "its compute capability is \(capability.major).\(capability.minor); 8.0 is needed"
    }
    var options = options
    options.matMulPrecision = .float32
    var profile = options.profile ?? .gpu
    profile.tensorCores = self
    options.profile = profile
    do {
      return try OpenCLBackend(device: device, options: options).multipliesIntegersExactly()
        ? nil : "products of integers were not exact"
    } catch {
      return "\(error)"
    }
  }
}

extension OpenCLBackend {
  /// Whether products of integers are exact that take several fragments, warps and tiles: with tiles
  /// of either extent, and operands that lie either way.
  package func multipliesIntegersExactly() throws -> Bool {
    let (rows, columns, depth) = (130, 134, 70)
    func integers(_ count: Int, modulus: Int) -> [Float] {
      (0..<count).map { Float($0 * 7 % modulus - modulus / 2) }
    }
    let a = integers(rows * depth, modulus: 15)
    let b = integers(depth * columns, modulus: 13)
    let (left, right) = (try storage(of: a), try storage(of: b))
    for isTransposed in [false, true] {
      // The strides of rows and columns, whichever of them are neighbours.
      let aStrides = isTransposed ? [1, rows] : [depth, 1]
      let bStrides = isTransposed ? [1, depth] : [columns, 1]
      let expected = (0..<rows * columns).map { place in
        let (row, column) = (place / columns, place % columns)
        return (0..<depth).reduce(Float(0)) { sum, k in
          sum + a[row * aStrides[0] + k * aStrides[1]] * b[k * bStrides[0] + column * bStrides[1]]
        }
      }
      // One product has too few large tiles to keep the device busy; so many have enough.
      for batches in [1, device.computeUnits / 4 + 1] {
        let output = try storage(of: [Float](repeating: 0, count: batches * rows * columns))
        try multiply(
          View(left, dtype: .float32, shape: [batches, rows, depth], strides: [0] + aStrides),
          View(right, dtype: .float32, shape: [batches, depth, columns], strides: [0] + bStrides),
          epilogue: nil, into: View(output, dtype: .float32, shape: [batches, rows, columns]))
        var products = [Float](repeating: 0, count: batches * rows * columns)
        try products.withUnsafeMutableBytes { try read(output, atByte: 0, into: $0) }
        guard products.indices.allSatisfy({ products[$0] == expected[$0 % expected.count] }) else {
          return false
        }
      }
    }
    return true
  }

  private func storage(of values: [Float]) throws -> Storage {
    let storage = try allocate(byteCount: 4 * values.count)
    try values.withUnsafeBytes { try write($0, to: storage, atByte: 0) }
    return storage
  }
}

// MARK: The launch

extension OpenCLBackend {
  /// What multiplies a product's fragments; nil where its elements are multiplied one by one.
  func tensorCores(for product: MatrixProduct) -> TensorCores? {
    guard let cores = profile.tensorCores, product.dtype == .float32,
      min(product.rows, product.columns, product.depth) >= TensorCores.leastLength
    else { return nil }
    return cores
  }

  /// The launch for a product of fragments: the largest tiles of which there are enough to keep the
  /// device busy.
  func fragments(_ product: MatrixProduct, _ cores: TensorCores) throws -> Launch {
    let shapes = FragmentTile.all(isEmulated: cores.isEmulated)
    func count(_ shape: FragmentTile) -> (rows: Int, columns: Int) {
      (
        product.rows.dividedRoundingUp(by: shape.rows),
        product.columns.dividedRoundingUp(by: shape.columns)
      )
    }
    let shape =
      shapes.first {
        count($0).rows * count($0).columns * product.batches * product.parts
          >= device.computeUnits
      } ?? shapes[shapes.count - 1]
    let kernel = try stream.prepare(
      FragmentKernel(
        shape: shape, cores: cores, index: product.index,
        epilogue: EpilogueSource(product.epilogue),
        a: TileAccess(product.a, isAlongDepth: product.a.columnStride == 1),
        b: TileAccess(product.b, isAlongDepth: product.b.columnStride != 1)))
    let tiles = count(shape)
    return Launch(
      kernel: kernel, arguments: try product.arguments(aPanel: 0, bPanel: 0),
      items: WorkSize(
        tiles.columns * shape.groupSize, tiles.rows, product.batches * product.parts),
      local: WorkSize(shape.groupSize, 1, 1), work: product.work)
  }
}

/// The extent of the tile that a work-group of `multiply_fragments` computes.
private struct FragmentTile: Sendable, Hashable {
  /// The fragments of a warp, down and across.
  let warpRows: Int, warpColumns: Int
  /// The warps of a work-group, down and across.
  let groupRows: Int, groupColumns: Int

  var rows: Int { 16 * warpRows * groupRows }
  var columns: Int { 8 * warpColumns * groupColumns }
  var groupSize: Int { 32 * groupRows * groupColumns }

  /// From the one that reads least; what is emulated is small, for a group is a loop there.
  static func all(isEmulated: Bool) -> [FragmentTile] {
    isEmulated
      ? [FragmentTile(warpRows: 2, warpColumns: 2, groupRows: 1, groupColumns: 2)]
      : [
        FragmentTile(warpRows: 4, warpColumns: 4, groupRows: 2, groupColumns: 4),
        FragmentTile(warpRows: 2, warpColumns: 4, groupRows: 2, groupColumns: 2),
      ]
  }
}

/// The kernel that multiplies fragments.
private struct FragmentKernel: KernelSpecification {
  let shape: FragmentTile
  let cores: TensorCores
  let index: IndexType
  let epilogue: EpilogueSource
  let a: TileAccess
  let b: TileAccess

  var file: String { "tensor_cores.cl" }
  var function: String { "multiply_fragments" }
  var variantLabel: String { cores.precision.rawValue }
  var sharesWork: Bool { true }

  var definitions: Definitions {
    var definitions = ComputeType.float32.definitions(index)
    definitions.append(epilogue.definitions(in: .float32))
    if cores.precision == .bfloat16 { definitions.define("BFLOAT16") }
    if !cores.isEmulated { definitions.define("TENSOR_CORES") }
    definitions.append([
      "WARP_ROWS": .integer(shape.warpRows), "WARP_COLUMNS": .integer(shape.warpColumns),
      "GROUP_ROWS": .integer(shape.groupRows), "GROUP_COLUMNS": .integer(shape.groupColumns),
      "A_ALONG_DEPTH": .integer(a.isAlongDepth ? 1 : 0),
      "B_ALONG_DEPTH": .integer(b.isAlongDepth ? 1 : 0),
      "A_QUADS": .integer(a.isAligned ? 1 : 0), "B_QUADS": .integer(b.isAligned ? 1 : 0),
    ])
    return definitions
  }
}
