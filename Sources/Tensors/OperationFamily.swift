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

extension OperationFamily {
  /// The family's name, such as `matMul` of `MatMulOperation`.
  public static var name: String {
    let type = String(describing: Self.self)
    let stem = type.hasSuffix("Operation") ? String(type.dropLast("Operation".count)) : type
    return stem.prefix(1).lowercased() + stem.dropFirst()
  }

  /// The operation's name with its family's, such as `matMul.nn`.
  public var qualifiedName: String { "\(Self.name).\(rawValue)" }
}

/// Every family.
public enum OperationFamilies {
  /// The one list: the gradient check, the parity suite and `apus gradcheck` run over it.
  public static let all: [any OperationFamily.Type] = [
    PointwiseOperation.self, ActivationOperation.self, ShapeOperation.self,
    ReductionOperation.self, MatMulOperation.self, ConvolutionOperation.self,
    PoolingOperation.self, NormalizationOperation.self,
    LossOperation.self, IndexingOperation.self, RandomOperation.self, SoftmaxOperation.self,
    FeatureActivationOperation.self,
  ]

  /// The names of all families, in the list's order.
  public static var names: [String] { all.map { $0.name } }

  /// The families of the given names, in the list's order; upper and lower case are one.
  ///
  /// Throws ``UnknownFamilyError`` for a name that no family has.
  public static func named(_ names: [String]) throws(UnknownFamilyError)
    -> [any OperationFamily.Type]
  {
    let wanted = Set(names.map { $0.lowercased() })
    let known = Set(all.map { $0.name.lowercased() })
    for name in names where !known.contains(name.lowercased()) {
      throw UnknownFamilyError(name: name)
    }
    return all.filter { wanted.contains($0.name.lowercased()) }
  }
}

/// A family of operations was asked for that there is none of.
public struct UnknownFamilyError: Error, Hashable, CustomStringConvertible {
  /// The name that was given.
  public let name: String

  /// One line that says what was asked for and which families there are.
  public var description: String {
    "there is no family '\(name)'; the families are \(OperationFamilies.names.joined(separator: ", "))"
  }
}

/// One trial of an operation: its inputs and what is computed from them.
public struct OperationSample: Sendable {
  /// The inputs to draw.
  public let inputs: [SampleInput]
  /// What sets the sample apart from others of its operation; may be empty.
  public let label: String
  /// How near a device's result must be to the reference's.
  public let accuracy: SampleAccuracy
  /// The operation, as a function of the inputs.
  public let function: @Sendable ([Tensor]) -> Tensor

  /// Creates a sample.
  public init(
    _ inputs: [SampleInput], label: String = "", accuracy: SampleAccuracy = .yardstick,
    function: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.inputs = inputs
    self.label = label
    self.accuracy = accuracy
    self.function = function
  }
}

/// How near a device's values and gradients must be to those of the reference in Float64.
///
/// A tolerance follows from how the numbers come about; what fits best is chosen.
public enum SampleAccuracy: Sendable {
  /// The reference's numbers rounded once: elements are moved, compared or counted, or the
  /// arithmetic is exact for the samples' numbers.
  case exact
  /// For each element, what OpenCL allows the functions of an expression of the inputs.
  ///
  /// The derivatives are those with respect to each input; the gradient is their product with the
  /// cotangent. Behind the inputs the expressions may refer to numbers. No input is broadcast.
  case pointwise(Expression, derivatives: [Expression], scalars: [Double] = [])
  /// For each element, the error of a sum of products of the inputs, of at most so many terms in
  /// the value and so many in a gradient.
  case sums(terms: Int, back: Int)
  /// For each tensor, a multiple of the error that the reference makes in Float32.
  case yardstick

  /// What OpenCL allows a pointwise function of the inputs and of numbers.
  static func pointwise(
    _ function: PointwiseFunction, inputs count: Int, scalars: [Double] = []
  ) -> SampleAccuracy {
    .pointwise(
      function.expression, derivatives: (0..<count).map(function.partial), scalars: scalars)
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
  /// Normal with a standard deviation of 4, but not near any of the given kinks.
  case wide(awayFrom: [Double])
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
