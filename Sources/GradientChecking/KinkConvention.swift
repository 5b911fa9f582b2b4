public import Compute
public import Tensors

/// The gradient that is documented for points where a function has no derivative.
///
/// These are exact: no difference can tell which of the sub-gradients an operation should give.
public struct KinkConvention: Sendable {
  /// What is laid down, such as `relu′(0) = 0`.
  public let statement: String
  /// The points, one vector for each input.
  public let inputs: [[Double]]
  /// The gradient of each input, of the sum of the function's elements.
  public let gradients: [[Double]]
  /// The operation.
  public let function: @Sendable ([Tensor]) -> Tensor

  /// The operations it belongs to: a case of a family.
  let operation: any OperationFamily

  /// Lays down the gradient of a function at vectors.
  ///
  /// - Parameters:
  ///   - statement: The rule, for reports.
  ///   - operation: The operation in whose report it is counted.
  ///   - inputs: The points, one vector for each input.
  ///   - gradients: What the gradients must be, exactly.
  ///   - function: The operation.
  public init(
    _ statement: String, of operation: any OperationFamily, at inputs: [[Double]],
    gradients: [[Double]], function: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.statement = statement
    self.operation = operation
    self.inputs = inputs
    self.gradients = gradients
    self.function = function
  }

  /// The conventions of the built-in operations.
  public static let all: [KinkConvention] = [
    KinkConvention(
      "relu′(0) = 0", of: ActivationOperation.builtIn, at: [[-1, -0.0, 0, 1]],
      gradients: [[0, 0, 0, 1]]
    ) { relu($0[0]) },
    KinkConvention(
      "leakyReLU′(0) is the slope", of: ActivationOperation.builtIn, at: [[-1, -0.0, 0, 1]],
      gradients: [[0.25, 0.25, 0.25, 1]]
    ) { Activation.leakyReLU(slope: 0.25)($0[0]) },
    KinkConvention(
      "|x|′(0) = 0", of: PointwiseOperation.magnitude, at: [[-2, -0.0, 0, 2]],
      gradients: [[-1, 0, 0, 1]]
    ) { $0[0].magnitude },
    KinkConvention(
      "of equals, min gives each half", of: PointwiseOperation.minimum,
      at: [[1, 2, 3], [1, 1, 4]], gradients: [[0.5, 0, 1], [0.5, 1, 0]]
    ) { Tensors.min($0[0], $0[1]) },
    KinkConvention(
      "of equals, max gives each half", of: PointwiseOperation.maximum,
      at: [[1, 2, 3], [1, 1, 4]], gradients: [[0.5, 1, 0], [0.5, 0, 1]]
    ) { Tensors.max($0[0], $0[1]) },
    KinkConvention(
      "clamped has derivative 1 on its bounds", of: PointwiseOperation.clamp,
      at: [[-0.75, -0.5, 0, 0.75, 1]], gradients: [[0, 1, 1, 1, 0]]
    ) { $0[0].clamped(-0.5, 0.75) },
    KinkConvention(
      "the largest share the gradient", of: ReductionOperation.max, at: [[3, 1, 3, 3, 3]],
      gradients: [[0.25, 0, 0.25, 0.25, 0.25]]
    ) { $0[0].max() },
    KinkConvention(
      "the smallest share the gradient", of: ReductionOperation.min, at: [[2, 1, 3, 1]],
      gradients: [[0, 0.5, 0, 0.5]]
    ) { $0[0].min() },
    KinkConvention(
      "the largest of an expression share the gradient", of: ReductionOperation.maxOfExpression,
      at: [[1, -1, 0.5, 0]], gradients: [[1, -1, 0, 0]]
    ) { maximum($0[0]) { $0 * $0 } },
  ]

  /// The conventions of one operation.
  static func all(of operation: any OperationFamily) -> [KinkConvention] {
    all.filter { type(of: $0.operation) == type(of: operation) && $0.name == operation.rawValue }
  }

  private var name: String { operation.rawValue }

  /// Compares the function's gradient with the convention, exactly.
  public func check(_ dtype: DType, on device: Device) -> CheckReport {
    var report = CheckReport(statement, .convention)
    report.sampleCount = 1
    let sample = "\(statement) in \(dtype) on \(device.identifier)"
    let points = inputs.map { Tensor($0, dtype: dtype, on: device) }
    let (_, results) = valueWithGradient(at: points, of: function)
    do {
      for (input, (result, expected)) in zip(results, gradients).enumerated() {
        let actual = try result.array(of: Double.self)
        for (index, (given, right)) in zip(actual, expected).enumerated() {
          let discrepancy = Discrepancy(
            sample: sample, subject: "gradient of input \(input)", index: [index], actual: given,
            expected: right, error: abs(given - right), tolerance: 0)
          report.compare(discrepancy)
          guard !discrepancy.isAccepted else { continue }
          report.findings.append(
            Finding(
              .convention,
              """
              \(discrepancy.place): the gradient at \(inputs.map { $0[index] }) is \(given), \
              by convention \(right)
              """, discrepancy))
        }
      }
    } catch {
      report.findings.append(Finding(.execution, "\(sample): the device failed: \(error)"))
    }
    return report
  }
}
