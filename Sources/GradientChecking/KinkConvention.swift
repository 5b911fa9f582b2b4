public import Compute
public import Tensors

/// What is documented for points where a function jumps or has no derivative.
///
/// It is held to exactly: no difference can tell which value or which of the sub-gradients an
/// operation should give there.
public struct KinkConvention: Sendable {
  /// What is laid down, such as `relu′(0) = 0`.
  public let statement: String
  /// The points, one vector for each input.
  public let inputs: [[Double]]
  /// The function's elements, where they are laid down.
  public let values: [Double]?
  /// The gradient of each input, of the sum of the function's elements.
  public let gradients: [[Double]]
  /// The operation.
  public let function: @Sendable ([Tensor]) -> Tensor

  /// The operations it belongs to: a case of a family.
  let operation: any OperationFamily

  /// Lays down the gradient of a function at vectors, and its values if given.
  ///
  /// - Parameters:
  ///   - statement: The rule, for reports.
  ///   - operation: The operation in whose report it is counted.
  ///   - inputs: The points, one vector for each input.
  ///   - values: What the function's elements must be, exactly; nil to leave them open.
  ///   - gradients: What the gradients must be, exactly.
  ///   - function: The operation.
  public init(
    _ statement: String, of operation: any OperationFamily, at inputs: [[Double]],
    values: [Double]? = nil, gradients: [[Double]],
    function: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.statement = statement
    self.operation = operation
    self.inputs = inputs
    self.values = values
    self.gradients = gradients
    self.function = function
  }

  /// The conventions of the built-in operations.
  public static let all: [KinkConvention] =
    comparisons + [
      KinkConvention(
        "relu′(0) = 0", of: ActivationOperation.builtIn, at: [[-1, -0.0, 0, 1]],
        values: [0, 0, 0, 1], gradients: [[0, 0, 0, 1]]
      ) { relu($0[0]) },
      KinkConvention(
        "leakyReLU′(0) is the slope", of: ActivationOperation.builtIn, at: [[-1, -0.0, 0, 1]],
        values: [-0.25, 0, 0, 1], gradients: [[0.25, 0.25, 0.25, 1]]
      ) { Activation.leakyReLU(slope: 0.25)($0[0]) },
      KinkConvention(
        "elu′(0) = α", of: ActivationOperation.builtIn, at: [[-0.0, 0, 1]], values: [0, 0, 1],
        gradients: [[0.5, 0.5, 1]]
      ) { Activation.elu(alpha: 0.5)($0[0]) },
      KinkConvention(
        "|x|′(0) = 0", of: PointwiseOperation.magnitude, at: [[-2, -0.0, 0, 2]],
        values: [2, 0, 0, 2], gradients: [[-1, 0, 0, 1]]
      ) { $0[0].magnitude },
      KinkConvention(
        "the sign of 0 is 0", of: PointwiseOperation.sign, at: [[-2, -0.0, 0, 2]],
        values: [-1, 0, 0, 1], gradients: [[0, 0, 0, 0]]
      ) { $0[0].sign },
      KinkConvention(
        "of equals, min gives each half", of: PointwiseOperation.minimum,
        at: [[1, 2, 3], [1, 1, 4]], values: [1, 1, 3], gradients: [[0.5, 0, 1], [0.5, 1, 0]]
      ) { Tensors.min($0[0], $0[1]) },
      KinkConvention(
        "of equals, max gives each half", of: PointwiseOperation.maximum,
        at: [[1, 2, 3], [1, 1, 4]], values: [1, 2, 4], gradients: [[0.5, 1, 0], [0.5, 0, 1]]
      ) { Tensors.max($0[0], $0[1]) },
      KinkConvention(
        "clamped has derivative 1 on its bounds", of: PointwiseOperation.clamp,
        at: [[-0.75, -0.5, 0, 0.75, 1]], values: [-0.5, -0.5, 0, 0.75, 0.75],
        gradients: [[0, 1, 1, 1, 0]]
      ) { $0[0].clamped(-0.5, 0.75) },
      KinkConvention(
        "0ʸ has derivative 0 in y", of: PointwiseOperation.power, at: [[0, 0, 1], [2, 3, 2]],
        values: [0, 0, 1], gradients: [[0, 0, 2], [0, 0, 0]]
      ) { $0[0].power($0[1]) },
      KinkConvention(
        "the largest share the gradient", of: ReductionOperation.max, at: [[3, 1, 3, 3, 3]],
        values: [3], gradients: [[0.25, 0, 0.25, 0.25, 0.25]]
      ) { $0[0].max() },
      KinkConvention(
        "the smallest share the gradient", of: ReductionOperation.min, at: [[2, 1, 3, 1]],
        values: [1], gradients: [[0, 0.5, 0, 0.5]]
      ) { $0[0].min() },
      KinkConvention(
        "the largest of an expression share the gradient", of: ReductionOperation.maxOfExpression,
        at: [[1, -1, 0.5, 0]], values: [1], gradients: [[1, -1, 0, 0]]
      ) { maximum($0[0]) { $0 * $0 } },
      KinkConvention(
        "of equals, argmax takes the first", of: ReductionOperation.argmax, at: [[1, 3, 2, 3]],
        values: [1], gradients: [[0, 0, 0, 0]]
      ) { $0[0].argmax(axis: 0).cast(to: $0[0].dtype) },
      KinkConvention(
        "the absolute error has derivative 0 at 0", of: LossOperation.meanAbsoluteError,
        at: [[1, 2, 3, 0], [2, 2, 2, 0]], values: [0.5],
        gradients: [[-0.25, 0, 0.25, 0], [0.25, 0, -0.25, 0]]
      ) { meanAbsoluteError($0[0], $0[1]) },
      KinkConvention(
        "a class just at the hinge's margin costs nothing", of: LossOperation.multiclassHinge,
        at: [[2, 1, 3, 0]], values: [0.5], gradients: [[-0.25, 0, 0.25, 0]]
      ) {
        multiclassHinge(
          $0[0].expandingShape(at: 0), Tensor([0], dtype: .int32, on: $0[0].device)
        ).reshaped(to: [1])
      },
    ]

  /// Comparisons of a smaller, an equal and a larger number with another.
  private static let comparisons: [KinkConvention] = {
    func comparison(
      _ operation: PointwiseOperation, _ values: [Double],
      _ function: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> KinkConvention {
      KinkConvention(
        "\(operation.rawValue) of a smaller, an equal and a larger number", of: operation,
        at: [[1, 2, 3], [2, 2, 2]], values: values, gradients: [[0, 0, 0], [0, 0, 0]]
      ) { function($0[0], $0[1]) }
    }
    return [
      comparison(.less, [1, 0, 0]) { $0 .< $1 }, comparison(.lessOrEqual, [1, 1, 0]) { $0 .<= $1 },
      comparison(.greater, [0, 0, 1]) { $0 .> $1 },
      comparison(.greaterOrEqual, [0, 1, 1]) { $0 .>= $1 },
      comparison(.equal, [0, 1, 0]) { $0 .== $1 }, comparison(.notEqual, [1, 0, 1]) { $0 .!= $1 },
    ]
  }()

  /// Whether the convention is one of an operation.
  func isOf(_ other: any OperationFamily) -> Bool {
    type(of: operation) == type(of: other) && operation.rawValue == other.rawValue
  }

  /// Compares the function's values and gradient with the convention, exactly.
  public func check(_ dtype: DType, on device: Device) -> CheckReport {
    var report = CheckReport(statement, .convention)
    report.sampleCount = 1
    let points = inputs.map { Tensor($0, dtype: dtype, on: device) }
    let (value, gradientTensors) = valueWithGradient(at: points, of: function)
    var comparisons = zip(gradientTensors, gradients).enumerated().map { number, pair in
      (subject: "gradient of input \(number)", result: pair.0, expected: pair.1)
    }
    if let values { comparisons.insert(("value", value, values), at: 0) }
    for (subject, result, expected) in comparisons {
      compare(
        subject, result, expected, "\(statement) in \(dtype) on \(device.identifier)", &report)
    }
    return report
  }

  private func compare(
    _ subject: String, _ result: Tensor, _ expected: [Double], _ sample: String,
    _ report: inout CheckReport
  ) {
    do {
      let actual = try result.array(of: Double.self)
      guard actual.count == expected.count else {
        report.findings.append(
          Finding(
            .convention,
            "\(sample): the \(subject) has \(actual.count) elements, not \(expected.count)"))
        return
      }
      for (index, (given, right)) in zip(actual, expected).enumerated() {
        let discrepancy = Discrepancy(
          sample: sample, subject: subject, index: [index], actual: given, expected: right,
          error: abs(given - right), tolerance: 0)
        report.compare(discrepancy)
        if !discrepancy.isAccepted {
          report.findings.append(
            Finding(
              .convention, "\(discrepancy.place): it is \(given), by convention \(right)",
              discrepancy))
        }
      }
    } catch {
      report.findings.append(Finding(.execution, "\(sample): the device failed: \(error)"))
    }
  }
}
