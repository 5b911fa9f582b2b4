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

  /// Whether the activation does nothing.
  public var isIdentity: Bool { expression == .input(0) }

  /// The derivative as an expression of `input(0)`, the activation's input.
  public var derivative: Expression {
    guard let statedDerivative else { return expression.derivative(withRespectTo: 0) }
    return savesOutput ? statedDerivative.substituting { _ in expression } : statedDerivative
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
    return output.recorded(name, from: [x]) { [self, savesOutput] cotangent, _ in
      [
        gradient(
          cotangent: cotangent, input: savesOutput ? nil : input,
          output: savesOutput ? output : nil)
      ]
    }
  }

  /// cotangent · derivative, from the input or the output, whichever the activation keeps.
  func gradient(cotangent: Tensor, input: Tensor?, output: Tensor?) -> Tensor {
    guard !isIdentity else { return cotangent }
    guard let kept = savesOutput ? output : input else {
      fatalError("\(name): its gradient needs the \(savesOutput ? "output" : "input")")
    }
    let formula = statedDerivative ?? expression.derivative(withRespectTo: 0)
    let result = kept.device.allocate(kept.dtype, kept.shape)
    evaluate(
      [.input(1) * formula], [.tensor(kept), .tensor(cotangent)], into: [result],
      shape: kept.shape)
    return result
  }
}

// MARK: - The built-in activations

extension Activation {
  /// x.
  public static let identity = Activation("identity") { $0 }

  /// max(0, x); the derivative at 0 is 0.
  ///
  /// Source: V. Nair, G. Hinton, "Rectified linear units improve restricted Boltzmann machines",
  /// ICML 2010.
  public static let relu = Activation(
    "relu", kinks: [0], derivative: .ofOutput { $0 .> 0 }
  ) { select($0 .> 0, $0, select($0 .<= 0, 0, $0)) }

  /// x above 0, slope·x below; the derivative at 0 is the slope.
  ///
  /// Source: A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic
  /// models", ICML 2013.
  public static func leakyReLU(slope: Double = 0.01) -> Activation {
    Activation(
      "leakyReLU(\(slope))", kinks: [0],
      derivative: .ofInput { select($0 .> 0, 1, .constant(slope)) }
    ) { select($0 .> 0, $0, .constant(slope) * $0) }
  }

  /// x above 0, α(eˣ − 1) below.
  ///
  /// Source: D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network
  /// learning by exponential linear units", ICLR 2016.
  public static func elu(alpha: Double = 1) -> Activation {
    Activation(
      "elu(\(alpha))", kinks: [0],
      derivative: .ofOutput { select($0 .> 0, 1, $0 + .constant(alpha)) }
    ) { select($0 .> 0, $0, .constant(alpha) * $0.expMinusOne) }
  }

  /// 1 / (1 + e⁻ˣ), with derivative y(1 − y).
  public static let sigmoid = Activation(
    "sigmoid", derivative: .ofOutput { $0 * (1 - $0) }
  ) { $0.sigmoid }

  /// The hyperbolic tangent, with derivative 1 − y².
  public static let tanh = Activation("tanh", derivative: .ofOutput { 1 - $0 * $0 }) { $0.tanh }

  /// log(1 + eˣ), and x itself above 20, where they differ by less than 3·10⁻⁹ (as in PyTorch).
  ///
  /// Source: C. Dugas, Y. Bengio, F. Bélisle, C. Nadeau, R. Garcia, "Incorporating second-order
  /// functional knowledge for better option pricing", NIPS 2000.
  public static let softplus = Activation(
    "softplus", kinks: [20], derivative: .ofInput { select($0 .> 20, 1, $0.sigmoid) }
  ) { select($0 .> 20, $0, min($0, 20).exp.logOnePlus) }

  /// x².
  public static let square = Activation("square") { $0 * $0 }

  /// The sine.
  public static let sin = Activation("sin") { $0.sin }

  /// The cosine.
  public static let cos = Activation("cos") { $0.cos }

  /// The built-in activations by the names that configurations use.
  ///
  /// Each is made from a setting: the slope of leakyReLU, the α of elu; nil is the usual one.
  private static let builtIn: [(name: String, make: @Sendable (Double?) -> Activation?)] = [
    ("identity", { $0 == nil ? .identity : nil }),
    ("relu", { $0 == nil ? .relu : nil }),
    ("leakyReLU", { .leakyReLU(slope: $0 ?? 0.01) }),
    ("elu", { .elu(alpha: $0 ?? 1) }),
    ("sigmoid", { $0 == nil ? .sigmoid : nil }),
    ("tanh", { $0 == nil ? .tanh : nil }),
    ("softplus", { $0 == nil ? .softplus : nil }),
    ("square", { $0 == nil ? .square : nil }),
    ("sin", { $0 == nil ? .sin : nil }),
    ("cos", { $0 == nil ? .cos : nil }),
  ]

  /// The names of the built-in activations.
  public static var names: [String] { builtIn.map(\.name) }

  /// The built-in activations, with their usual settings.
  public static var all: [Activation] { builtIn.compactMap { $0.make(nil) } }

  /// The built-in activation of a name; nil when there is none, or none with such a setting.
  public static func named(_ name: String, setting: Double? = nil) -> Activation? {
    builtIn.first { $0.name == name }?.make(setting)
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
  case builtIn, own

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
      (Activation.all + [.elu(alpha: 0.5)]).flatMap(everywhere)
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
    }
  }
}
