import Compute
public import Tensors

/// How thoroughly a gradient is compared with finite differences.
public enum GradientCheckMode: Sendable, Hashable {
  /// Every entry of every input.
  case full
  /// A few random directions through each input; every entry only to name the wrong one.
  case fast
  /// Full for inputs of up to this many entries, fast for larger ones.
  case automatic(fullUpTo: Int = 256)

  func isFull(_ count: Int) -> Bool {
    switch self {
    case .full: true
    case .fast: false
    case .automatic(let limit): count <= limit
    }
  }
}

extension GradientCheckMode: CustomStringConvertible {
  /// The mode in words.
  public var description: String {
    switch self {
    case .full: "full"
    case .fast: "fast"
    case .automatic(let limit): "full up to \(limit) entries"
    }
  }
}

/// Checks the gradient of a function against finite differences.
///
///     let report = checkGradients(at: [x, w]) { x in tanh(x[0].matmul(x[1])) }
///     print(report)            // what was compared, the worst error, and what is wrong
///     precondition(report.passed)
///
/// With random weights v for the outputs, the gradient of ⟨v, f(x)⟩ is taken by the pullback and,
/// entry by entry or along random directions, by central differences with Richardson's
/// extrapolation. An entry is right when
///
///     |analytic − numeric| ≤ 10·e + 10⁻¹⁰·m
///
/// where e is the error that the difference reports of itself, and m the magnitude of the input's
/// gradient: of its largest entry, or of the projection's terms. Where 10·e exceeds 10⁻⁷·m the
/// difference proves nothing, and that is a failure too.
///
/// Besides, each gradient must have its input's shape, dtype and device, be zero for a zero
/// cotangent, be linear in the cotangent and equal in every bit when taken again; an input that
/// has no influence must have a gradient of exact zeros; and the function's value must be the same
/// whether it is being differentiated or not.
///
/// Check away from kinks such as relu's at 0: there are no derivatives there.
///
/// - Parameters:
///   - inputs: Where to check, float64 tensors; traps on another dtype.
///   - name: What is checked, for the report.
///   - mode: Every entry, or random directions.
///   - seed: Of the weights and directions.
///   - function: A function of the inputs that gives float64, without randomness or state.
/// - Returns: The report; failures of the device are among its findings.
public func checkGradients(
  at inputs: [Tensor], name: String = "function", mode: GradientCheckMode = .automatic(),
  seed: UInt64 = 0, of function: ([Tensor]) -> Tensor
) -> CheckReport {
  checkGradients(
    at: inputs, names: inputs.indices.map { "input \($0)" }, subject: name, mode: mode, seed: seed,
    of: function)
}

/// Checks the gradient of a function of one tensor; see
/// ``checkGradients(at:name:mode:seed:of:)-([Tensor],_,_,_,_)``.
public func checkGradients(
  at input: Tensor, name: String = "function", mode: GradientCheckMode = .automatic(),
  seed: UInt64 = 0, of function: (Tensor) -> Tensor
) -> CheckReport {
  checkGradients(at: [input], name: name, mode: mode, seed: seed) { function($0[0]) }
}

func checkGradients(
  at inputs: [Tensor], names: [String], subject: String, mode: GradientCheckMode, seed: UInt64,
  of function: ([Tensor]) -> Tensor
) -> CheckReport {
  var report = CheckReport(subject, .gradient)
  guard let device = inputs.first?.device else { return report }
  for (name, input) in zip(names, inputs) {
    require(
      input.dtype == .float64,
      """
      checkGradients: \(name) is \(input.dtype); finite differences need float64, which \
      cast(to: .float64) gives a tensor, and initialize(seed:dtype: .float64) a module
      """)
  }
  do {
    let points = try zip(names, inputs).map { name, input in
      HostInput(
        name: name, shape: input.shape, layout: .contiguous, isDifferentiable: true,
        values: try input.array(of: Double.self))
    }
    let outcome = try withoutActuallyEscaping(function) { function in
      try GradientCheck(
        points: points, device: device, mode: mode, key: RandomKey(seed: seed)["gradient check"],
        function: function
      ).run(subject, sample: points.map(\.summary).joined(separator: ", "))
    }
    report.merge(outcome)
  } catch {
    report.sampleCount += 1
    report.findings.append(Finding(.execution, "the device failed: \(error)"))
  }
  return report
}

/// The check of one function at one point.
struct GradientCheck {
  let points: [HostInput]
  let device: Device
  let mode: GradientCheckMode
  let key: RandomKey
  let function: ([Tensor]) -> Tensor
  private let tensors: [Tensor]

  init(
    points: [HostInput], device: Device, mode: GradientCheckMode, key: RandomKey,
    function: @escaping ([Tensor]) -> Tensor
  ) {
    self.points = points
    self.device = device
    self.mode = mode
    self.key = key
    self.function = function
    tensors = points.map { $0.tensor(.float64, on: device) }
  }

  /// How many times its own error a difference may be off.
  private static let errorFactor = 10.0
  /// The error, relative to the gradient's magnitude, that is allowed whatever the difference says
  /// of itself: it does not see the rounding of what cancels inside the function.
  private static let relativeTolerance = 1e-10
  /// The relative uncertainty up to which a difference is a proof.
  private static let conclusiveness = 1e-7
  /// The number of random directions of the fast mode.
  private static let projectionCount = 3
  /// The most findings of one input that are listed one by one.
  private static let listedFindings = 3

  func run(_ subject: String, sample: String) throws -> CheckReport {
    var report = CheckReport(subject, .gradient)
    report.sampleCount = 1
    let plain = function(tensors)
    guard plain.dtype == .float64 else {
      report.findings.append(
        Finding(.contract, "\(sample): the value is \(plain.dtype), not float64"))
      return report
    }
    let center = try plain.array(of: Double.self)
    guard center.allSatisfy(\.isFinite) else {
      report.findings.append(Finding(.gradient, "\(sample): the value is not finite"))
      return report
    }
    let weights = key["weights"].weights(center.count)
    let contract = GradientContract(
      points: points, device: device, key: key["contract"], function: function)
    let (gradients, broken) = try contract.check(
      plain: center, shape: plain.shape, weights: weights)
    report.findings += broken.map { Finding(.contract, "\(sample): \($0)") }
    guard let gradients else { return report }
    // A gradient this far below the value drowns in the value's rounding, whatever the input.
    let floor = 1e-2 * (zip(weights, center).map { abs($0 * $1) }.max() ?? 0)
    for (number, point) in points.enumerated() where point.isDifferentiable {
      let input = InputCheck(
        number: number, point: point, gradient: gradients[number], weights: weights,
        floor: floor, sample: sample)
      if mode.isFull(point.values.count) {
        try checkEntries(input, &report)
      } else {
        try checkProjections(input, &report)
      }
    }
    return report
  }

  /// What is known of one input when its gradient is compared.
  private struct InputCheck {
    let number: Int
    let point: HostInput
    let gradient: [Double]
    let weights: [Double]
    let floor: Double
    let sample: String

    var subject: String { "gradient of \(point.name)" }
  }

  /// Compares every entry.
  private func checkEntries(_ input: InputCheck, _ report: inout CheckReport) throws {
    let values = input.point.values
    let magnitude = input.gradient.reduce(input.floor) { max($0, abs($1)) }
    var wrong: [Finding] = []
    for position in values.indices {
      let scale = values[position].stepScale
      var moved = values
      let difference = try FiniteDifference(
        weights: input.weights, magnitude: magnitude * scale
      ) { t in
        moved[position] = values[position] + t * scale
        return try evaluate(replacing: input.number, with: moved)
      }.divided(by: scale)
      let analytic = input.gradient[position]
      let finding = judge(
        analytic, difference, magnitude: magnitude, input, index: input.point.index(at: position),
        &report)
      if let finding { wrong.append(finding) }
    }
    report.findings += wrong.prefix(Self.listedFindings)
    if wrong.count > Self.listedFindings {
      report.findings.append(
        Finding(
          .gradient,
          """
          \(input.sample): \(input.subject): \(wrong.count) of \(values.count) entries are wrong
          """))
    }
  }

  /// Compares along random directions, and by entries if one disagrees.
  private func checkProjections(_ input: InputCheck, _ report: inout CheckReport) throws {
    let values = input.point.values
    var wrong: [Finding] = []
    for projection in 0..<Self.projectionCount {
      let signs = key["direction"][input.number][projection].weights(values.count)
      let direction = zip(signs, values).map { $0 * $1.stepScale }
      let terms = zip(input.gradient, direction).map { $0 * $1 }
      let analytic = terms.reduce(0, +)
      let scale = terms.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let difference = try FiniteDifference(weights: input.weights, magnitude: scale) { t in
        let moved = zip(values, direction).map { $0 + t * $1 }
        return try evaluate(replacing: input.number, with: moved)
      }
      let finding = judge(
        analytic, difference, magnitude: max(scale, input.floor), input, index: [], &report)
      if let finding { wrong.append(finding) }
    }
    guard let first = wrong.first else { return }
    let before = report.findings.count
    try checkEntries(input, &report)
    if report.findings.count == before { report.findings.append(first) }
  }

  /// Compares one number; returns what is wrong with it.
  private func judge(
    _ analytic: Double, _ numeric: FiniteDifference, magnitude: Double, _ input: InputCheck,
    index: [Int], _ report: inout CheckReport
  ) -> Finding? {
    let uncertainty = Self.errorFactor * numeric.error
    var discrepancy = Discrepancy(
      sample: input.sample, subject: input.subject, index: index, actual: analytic,
      expected: numeric.derivative, error: abs(analytic - numeric.derivative),
      tolerance: uncertainty + Self.relativeTolerance * magnitude)
    let allowed = Self.conclusiveness * max(magnitude, abs(numeric.derivative))
    if !(uncertainty <= allowed) {
      discrepancy.error = uncertainty
      discrepancy.tolerance = allowed
      report.compare(discrepancy)
      return Finding(
        .inconclusive,
        """
        \(discrepancy.place): the numeric derivative \(numeric.derivative) is uncertain by \
        \(numeric.error.brief), too much to judge the analytic \(analytic); is there a kink or a \
        jump, or randomness?
        """, discrepancy)
    }
    report.compare(discrepancy)
    guard !discrepancy.isAccepted else { return nil }
    return Finding(
      .gradient,
      """
      \(discrepancy.place): analytic \(analytic), numeric \(numeric.derivative); off by \
      \(discrepancy.units.brief) times the tolerance \(discrepancy.tolerance.brief)
      """, discrepancy)
  }

  /// The function's elements with other numbers in one input.
  private func evaluate(replacing number: Int, with values: [Double]) throws -> [Double] {
    var moved = tensors
    moved[number] = points[number].tensor(of: values, .float64, on: device)
    return try function(moved).array(of: Double.self)
  }
}

extension FiniteDifference {
  /// The derivative in units of another length.
  fileprivate func divided(by scale: Double) -> FiniteDifference {
    var result = self
    result.derivative /= scale
    result.error /= scale
    return result
  }
}
