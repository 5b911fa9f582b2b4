import Compute

/// How the time of a training step grows as one of its sizes doubles and the others stay.
///
/// The step is that of fully connected rectified layers of one width, and of 10 classes.
public struct CostGrowth: Sendable, Codable {
  /// What doubles.
  public enum Quantity: String, Sendable, Codable, CaseIterable {
    /// The examples of a step: its work doubles.
    case batch
    /// The units of each layer: the work quadruples.
    case width
    /// The layers: the work doubles.
    case depth
  }

  /// A step of one size.
  public struct Step: Sendable, Codable {
    /// The size of what doubles.
    public let size: Int
    /// The floating-point operations of its matrix products.
    public let operations: Double
    /// The median of its time.
    public let seconds: Double

    /// Creates a record.
    public init(size: Int, operations: Double, seconds: Double) {
      self.size = size
      self.operations = operations
      self.seconds = seconds
    }
  }

  /// What doubles.
  public let quantity: Quantity
  /// The steps, the smallest first.
  public let steps: [Step]

  /// Creates a record.
  public init(_ quantity: Quantity, _ steps: [Step]) {
    self.quantity = quantity
    self.steps = steps
  }

  /// How many times the one before each step takes; nil for the first.
  public var growth: [Double?] {
    steps.indices.map { $0 == 0 ? nil : steps[$0].seconds / steps[$0 - 1].seconds }
  }

  /// Whether the device is full at each step: from the first on that has half of the best rate.
  ///
  /// Before that a larger step costs less than its work, since there was room; after it, a step
  /// that costs more than its work points to something that does not fit.
  public var isFull: [Bool] {
    let rates = steps.map { $0.operations / $0.seconds }
    let first = rates.firstIndex { 2 * $0 >= rates.max() ?? 0 } ?? 0
    return steps.indices.map { $0 >= first }
  }
}

extension CostGrowth.Quantity {
  /// The sizes that are published.
  public var sizes: [Int] {
    switch self {
    case .batch: (4...11).map { 1 << $0 }
    case .width: (5...11).map { 1 << $0 }
    case .depth: (0...5).map { 1 << $0 }
    }
  }

  /// The step of a size: else 256 examples, 256 units and 4 layers.
  public func benchmarkCase(size: Int) -> BenchmarkCase {
    let (batch, width, depth) =
      switch self {
      case .batch: (size, 256, 4)
      case .width: (256, size, 4)
      case .depth: (256, 256, size)
      }
    return .train(
      widths: [Int](repeating: width, count: depth + 1) + [10], hasBatchNorm: false, batch: batch)
  }
}

extension Benchmark {
  /// Measures steps of several sizes.
  ///
  /// Throws what goes wrong on the device. `willMeasure` is told of each case before it is measured.
  public func measureGrowth(
    of quantity: CostGrowth.Quantity, sizes: [Int]? = nil,
    willMeasure: (BenchmarkCase) throws -> Void = { _ in }
  ) throws -> CostGrowth {
    CostGrowth(
      quantity,
      try (sizes ?? quantity.sizes).map { size in
        let step = quantity.benchmarkCase(size: size)
        try willMeasure(step)
        return CostGrowth.Step(
          size: size, operations: step.stepOperationCount ?? 0, seconds: try medianSeconds(of: step)
        )
      })
  }
}

extension BenchmarkCase {
  /// The floating-point operations of a training step's products: one forward, two backward, less
  /// the gradient of the inputs, which nobody asks for; nil for what is not fully connected.
  public var stepOperationCount: Double? {
    guard case .train(let widths, _, let batch) = self else { return nil }
    let products = zip(widths, widths.dropFirst()).map { Double($0 * $1) }
    return 2 * Double(batch) * (3 * products.reduce(0, +) - products[0])
  }
}
