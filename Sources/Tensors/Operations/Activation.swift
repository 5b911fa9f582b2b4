public import Compute

/// A function that is applied to each element of a layer's output: one scalar expression.
///
///     let square = Activation("x²") { x in x * x }
///
/// The built-in activations and one's own are made alike. The derivative is the expression's own
/// unless one is stated that is cheaper or more stable.
public struct Activation: Sendable {
  /// What a stated derivative is written in.
  public enum Derivative: Sendable {
    /// Symbolic, of the expression as written; the gradient keeps the input.
    case symbolic
    /// A function of the output y; the gradient keeps the output, so the activation can be fused
    /// into the operation before it.
    case ofOutput(@Sendable (Expression) -> Expression)
    /// A function of the input x.
    case ofInput(@Sendable (Expression) -> Expression)
  }

  /// The activation's name, for people; kernels are told apart by expression.
  public let name: String
  /// The function of `input(0)`.
  public let expression: Expression
  /// Where the function or its derivative is not smooth; checks stay away from there.
  public let kinks: [Double]

  private let statedDerivative: Expression?
  /// Whether the gradient is computed from the output.
  let savesOutput: Bool

  /// Creates an activation.
  ///
  /// - Parameters:
  ///   - name: For people.
  ///   - kinks: Where the function or its derivative is not smooth; checks stay away from there.
  ///   - derivative: How the gradient is computed.
  ///   - build: The function.
  public init(
    _ name: String, kinks: [Double] = [], derivative: Derivative = .symbolic,
    _ build: (Expression) -> Expression
  ) {
    self.name = name
    self.kinks = kinks
    expression = build(.input(0))
    switch derivative {
    case .symbolic:
      statedDerivative = nil
      savesOutput = false
    case .ofInput(let formula):
      statedDerivative = formula(.input(0))
      savesOutput = false
    case .ofOutput(let formula):
      statedDerivative = formula(.input(0))
      savesOutput = true
    }
  }

  /// Whether the operation before it applies it too: where that costs less, or there is nothing to do.
  func isFused(on device: Device) -> Bool {
    isIdentity || device.backend.isWorthFusing(expression)
  }

  /// Whether the activation does nothing.
  public var isIdentity: Bool { expression == .input(0) }

  /// The derivative as an expression of `input(0)`, the activation's input.
  public var derivative: Expression {
    guard let statedDerivative else { return expression.derivative(withRespectTo: 0) }
    return savesOutput ? statedDerivative.substituting { _ in expression } : statedDerivative
  }

  /// Whether another activation computes the same values and gradients, by the same formulas.
  func isSameFunction(as other: Activation) -> Bool {
    expression == other.expression && savesOutput == other.savesOutput
      && statedDerivative == other.statedDerivative
  }

  /// Applies the activation to each element.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard !isIdentity else { return x }
    require(
      x.dtype.isComputed, "\(name): the operand is \(x.dtype); convert it with cast(to: .float32)")
    let input = x.detached
    let output = input.device.allocate(input.dtype, input.shape)
    evaluate([expression], [.tensor(input)], into: [output], shape: input.shape)
    guard x.isTracked else { return output }
    return output.recorded(
      name, from: [x], derivative: derivative(input: input, output: output)
    ) { cotangent, _ in [cotangent] }
  }

  /// The derivative, of the input or the output, whichever the activation keeps; nil for the identity.
  func derivative(input: Tensor?, output: Tensor?) -> PointwiseDerivative? {
    guard !isIdentity else { return nil }
    guard let kept = savesOutput ? output : input else {
      fatalError("\(name): its gradient needs the \(savesOutput ? "output" : "input")")
    }
    return PointwiseDerivative(
      formula: statedDerivative ?? expression.derivative(withRespectTo: 0), kept: kept)
  }
}

/// max(0, x) of each element; the derivative at 0 is 0.
public func relu(_ x: Tensor) -> Tensor { Activation.relu(x) }

/// 1 / (1 + e⁻ˣ) of each element.
public func sigmoid(_ x: Tensor) -> Tensor { Activation.sigmoid(x) }

/// The hyperbolic tangent of each element.
public func tanh(_ x: Tensor) -> Tensor { Activation.tanh(x) }

/// log(1 + eˣ) of each element.
public func softplus(_ x: Tensor) -> Tensor { Activation.softplus(x) }

// MARK: - For checking

/// The activations, built-in and one's own.
public enum ActivationOperation: String, OperationFamily {
  case builtIn, own, written

  /// Each activation on inputs away from its kinks, from the tails as well as the middle.
  public func samples(_ source: inout SampleSource) -> [OperationSample] {
    func samples(_ activation: Activation, _ inputs: [[SampleInput]]) -> [OperationSample] {
      inputs.map { inputs in
        OperationSample(
          inputs, label: activation.name,
          accuracy: .pointwise(activation.expression, derivatives: [activation.derivative])
        ) { activation($0[0]) }
      }
    }
    func everywhere(_ activation: Activation) -> [OperationSample] {
      // Drivers may be slow to build a kernel for each layout, so two of them stand for all.
      samples(activation, source.shapes.map { [.init($0, .awayFrom(activation.kinks))] })
        + samples(activation, [[.init([65], .wide(awayFrom: activation.kinks))]])
    }
    return switch self {
    case .builtIn:
      (Activation.all + Activation.unusual).flatMap(everywhere)
        + [Activation.sigmoid, .leakyReLU()].flatMap {
          samples($0, source.elementwise(.awayFrom($0.kinks)).suffix(2))
        }
    case .own:
      everywhere(Activation("x + cos 3x") { $0 + (3 * $0).cos })
        + everywhere(Activation("erf gate") { $0 * 0.5 * (1 + ($0 / 1.4142135623730951).erf) })
        + samples(
          Activation("log cosh", kinks: [0]) {
            $0.magnitude + (-2 * $0.magnitude).exp.logOnePlus
          }, source.elementwise(.awayFromZero))
    case .written: source.formulas().flatMap { samples($0.activation, $0.inputs) }
    }
  }
}

extension SampleSource {
  /// Random formulas with the inputs that each is tried on: a few, since each is kernels of its own.
  fileprivate mutating func formulas() -> [(activation: Activation, inputs: [[SampleInput]])] {
    var texts = FormulaSource(key["formulas"])
    let inputs = elementwise(.normal)
    let count = 5
    return (0..<count).map { number in
      let text = texts.next()
      do {
        let activation = try Activation(parsing: text)
        return (
          activation,
          stride(from: number, to: inputs.count, by: count).map { position in
            inputs[position].map {
              SampleInput($0.shape, .awayFrom(activation.kinks), layout: $0.layout)
            }
          }
        )
      } catch {
        fatalError("a formula that was made cannot be read: \(error)")
      }
    }
  }
}

extension Activation {
  /// Settings on which a gradient is computed otherwise than on the usual ones.
  fileprivate static let unusual: [Activation] = [
    .elu(alpha: 0.5), .elu(alpha: -0.5), .leakyReLU(slope: -0.25), .celu(alpha: 2),
  ]
}
