public import Compute

/// A family of operations as the gradient check and the parity suite see it: one case for each
/// operation, each with the inputs on which it is tried.
///
/// `samples` is an exhaustive switch, so that an operation without samples does not compile.
public protocol OperationFamily: CaseIterable, RawRepresentable, Sendable
where RawValue == String {
  /// The operation on inputs of several shapes and layouts.
  func samples(_ source: inout SampleSource) -> [OperationSample]
}

/// Every family.
public enum OperationFamilies {
  /// The one list: the gradient check, the parity suite and `apus gradcheck` run over it.
  public static let all: [any OperationFamily.Type] = [
    PointwiseOperation.self, ActivationOperation.self, ShapeOperation.self,
    ReductionOperation.self, MatMulOperation.self, NormalizationOperation.self,
    LossOperation.self, IndexingOperation.self, RandomOperation.self,
  ]
}

/// One trial of an operation: its inputs and what is computed from them.
public struct OperationSample: Sendable {
  /// The inputs to draw.
  public let inputs: [SampleInput]
  /// What sets the sample apart from others of its operation; may be empty.
  public let label: String
  /// The operation, as a function of the inputs.
  public let function: @Sendable ([Tensor]) -> Tensor

  /// Creates a sample.
  public init(
    _ inputs: [SampleInput], label: String = "", function: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.inputs = inputs
    self.label = label
    self.function = function
  }
}

/// One input of a sample.
public struct SampleInput: Sendable {
  /// How the elements lie in memory; the values are the same in each.
  public enum Layout: String, Sendable, CaseIterable {
    /// Row-major without gaps.
    case contiguous
    /// As the transpose of a row-major tensor.
    case transposed
    /// As every second element of a larger tensor, from an offset.
    case sliced
  }

  /// The lengths of the axes.
  public let shape: Shape
  /// How the values are drawn.
  public let values: SampleValues
  /// How the elements lie in memory.
  public let layout: Layout
  /// Whether the operation has a gradient with respect to it.
  public var isDifferentiable: Bool { if case .labels = values { false } else { true } }

  /// Creates an input.
  public init(_ shape: Shape, _ values: SampleValues = .normal, layout: Layout = .contiguous) {
    self.shape = shape
    self.values = values
    self.layout = layout
  }
}

/// How the values of an input are drawn.
///
/// They are multiples of 2⁻¹⁰, so that float32 and float64 hold the same numbers, and stay at
/// least 2⁻⁴ away from kinks: ten steps of the coarsest difference.
public enum SampleValues: Sendable {
  /// Normal, standard deviation 1.
  case normal
  /// Between ¼ and 4.
  case positive
  /// Normal, but not near 0.
  case awayFromZero
  /// Normal, but not near any of the given kinks.
  case awayFrom([Double])
  /// All different: a shuffled arithmetic progression, so that the largest is unique by a margin.
  case distinct
  /// A shuffled arithmetic progression that never meets one of another phase.
  case distinctPhase(Double)
  /// Numbers of the given mean and standard deviation.
  case shifted(mean: Double, deviation: Double)
  /// Whole numbers 0..<count, as int32; not differentiated.
  case labels(Int)

  /// A pair whose elements are never equal to each other.
  static let apart = (left: SampleValues.distinctPhase(0), right: SampleValues.distinctPhase(0.5))
}

/// Where samples take their shapes from: a seed.
public struct SampleSource: Sendable {
  private var key: RandomKey
  private var draws = 0

  /// Shapes that no tile divides, with axes of one and of no element.
  public let shapes: [Shape]

  /// Creates the source of a seed; equal seeds give equal shapes.
  public init(seed: UInt64) {
    key = RandomKey(seed: seed)["samples"]
    let odd = [1, 3, 17, 33, 65, 127, 257]
    let random = key.permutation(odd.count).map { odd[$0] }
    shapes = [
      [], [1], [random[0]], [0], [3, random[1]], [random[2], 1], [2, 0, 3],
      [2, 3, random[3] % 32 + 1],
    ]
    self.key = key["sizes"]
  }

  /// A number from a range, another at each call.
  public mutating func size(in range: ClosedRange<Int>) -> Int {
    draws += 1
    let word = key.block(UInt64(draws)).x
    return range.lowerBound + Int(word) % range.count
  }
}
