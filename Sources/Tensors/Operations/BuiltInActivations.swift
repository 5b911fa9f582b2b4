public import Compute

// To add an activation, declare it here and name it in `Activation.builtIn`. Its gradient, its
// kernels and their fusion into layers, its name in configurations and in the expressions that
// users write, the gradient check and the comparison of devices, its row in the table of
// `apus activations` and the figure there all follow from that.

/// A built-in activation as configurations name it, with the setting that it takes.
public struct BuiltInActivation: Sendable {
  /// The name.
  public let name: String
  /// The setting, such as the slope of a leaky ReLU; nil where there is none.
  public let setting: NumericSetting?
  private let make: @Sendable (Double) -> Activation

  fileprivate init(_ name: String, _ activation: Activation) {
    self.name = name
    setting = nil
    make = { _ in activation }
  }

  fileprivate init(
    _ name: String, _ setting: NumericSetting, _ make: @escaping @Sendable (Double) -> Activation
  ) {
    self.name = name
    self.setting = setting
    self.make = make
  }

  /// The activation; nil where the setting is out of bounds, missing, or one too many.
  public func activation(setting value: Double? = nil) -> Activation? {
    guard let setting else { return value == nil ? make(0) : nil }
    return (value ?? setting.usual).flatMap { setting.bounds.contains($0) ? make($0) : nil }
  }
}

extension Activation {
  /// The built-in activations.
  public static let builtIn: [BuiltInActivation] = [
    .init("identity", .identity),
    .init("relu", .relu),
    .init("leakyReLU", .init("slope", usual: 0.01)) { .leakyReLU(slope: $0) },
    .init("elu", .init("alpha", usual: 1)) { .elu(alpha: $0) },
    .init("selu", .selu),
    .init("celu", .init("alpha", usual: 1, .positive)) { .celu(alpha: $0) },
    .init("relu6", .relu6),
    .init("sigmoid", .sigmoid),
    .init("hardSigmoid", .hardSigmoid),
    .init("tanh", .tanh),
    .init("hardTanh", .hardTanh),
    .init("softsign", .softsign),
    .init("softplus", .softplus),
    .init("silu", .silu),
    .init("swish", .silu),
    .init("hardSwish", .hardSwish),
    .init("gelu", .gelu),
    .init("geluTanh", .geluTanh),
    .init("mish", .mish),
    .init("gaussian", .gaussian),
    .init("square", .square),
    .init("signedSquare", .signedSquare),
    .init("sin", .sin),
    .init("cos", .cos),
    .init("snake", .init("frequency", usual: 1, .positive)) { .snake(frequency: $0) },
  ]

  /// The names of the built-in activations, synonyms among them.
  public static var names: [String] { builtIn.map(\.name) }

  /// The built-in activations with their usual settings, each once.
  public static var all: [Activation] {
    var names: Set<String> = []
    return builtIn.compactMap { $0.activation() }.filter { names.insert($0.name).inserted }
  }

  /// The built-in activation of a name; nil when there is none, or none with such a setting.
  public static func named(_ name: String, setting: Double? = nil) -> Activation? {
    builtIn.first { $0.name == name }?.activation(setting: setting)
  }
}

// MARK: - Rectifiers

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
    let derivative: @Sendable (Expression) -> Expression = {
      select($0 .> 0, 1, .constant(slope))
    }
    // A negative slope makes the output positive on both sides.
    return Activation(
      "leakyReLU(\(slope))", kinks: [0],
      derivative: slope >= 0 ? .ofOutput(derivative) : .ofInput(derivative)
    ) { select($0 .> 0, $0, .constant(slope) * $0) }
  }

  /// x above 0, α(eˣ − 1) below; the derivative at 0 is α.
  ///
  /// Source: D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network
  /// learning by exponential linear units", ICLR 2016.
  public static func elu(alpha: Double = 1) -> Activation {
    // A negative α makes the output positive on both sides.
    Activation(
      "elu(\(alpha))", kinks: [0],
      derivative: alpha >= 0
        ? .ofOutput { select($0 .> 0, 1, $0 + .constant(alpha)) }
        : .ofInput { select($0 .> 0, 1, .constant(alpha) * $0.exp) }
    ) { select($0 .> 0, $0, .constant(alpha) * $0.expMinusOne) }
  }

  /// λx above 0, λα(eˣ − 1) below, with the λ and α that keep mean 0 and variance 1.
  ///
  /// The derivative at 0 is λα.
  ///
  /// Source: G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural
  /// networks", NeurIPS 2017, equations 2 and 14.
  public static let selu: Activation = {
    let lambda: Expression = 1.0507009873554804934193349852946
    let lambdaAlpha: Expression = 1.7580993408473768599402175208123
    return Activation(
      "selu", kinks: [0], derivative: .ofOutput { select($0 .> 0, lambda, $0 + lambdaAlpha) }
    ) { select($0 .> 0, lambda * $0, lambdaAlpha * $0.expMinusOne) }
  }()

  /// x above 0, α(e^(x/α) − 1) below, with derivative 1 at 0 from either side.
  ///
  /// Traps unless α > 0.
  ///
  /// Source: J. Barron, "Continuously differentiable exponential linear units", 2017, equation 2.
  public static func celu(alpha: Double = 1) -> Activation {
    require(alpha > 0, "celu: α is \(alpha), not a number above 0")
    let alphaValue = Expression.constant(alpha)
    return Activation(
      "celu(\(alpha))", kinks: [0],
      derivative: .ofOutput { select($0 .> 0, 1, $0 / alphaValue + 1) }
    ) { select($0 .> 0, $0, alphaValue * ($0 / alphaValue).expMinusOne) }
  }

  /// x between 0 and 6, and the nearer of the two outside; the derivative at 0 and 6 is 0.
  ///
  /// Source: A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
  public static let relu6 = Activation(
    "relu6", kinks: [0, 6], derivative: .ofOutput { ($0 .> 0) * ($0 .< 6) }
  ) { $0.clamped(0, 6) }
}

// MARK: - Squashing functions

extension Activation {
  /// 1 / (1 + e⁻ˣ), with derivative y(1 − y).
  ///
  /// Source: D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating
  /// errors", Nature 323, 1986.
  public static let sigmoid = Activation(
    "sigmoid", derivative: .ofOutput { $0 * (1 - $0) }
  ) { $0.sigmoid }

  /// x/6 + ½ between −3 and 3, 0 below and 1 above; the derivative at −3 and 3 is 0.
  ///
  /// Source: A. Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.
  public static let hardSigmoid = Activation(
    "hardSigmoid", kinks: [-3, 3],
    derivative: .ofOutput { select(($0 .> 0) * ($0 .< 1), .constant(1.0 / 6), 0) }
  ) { ($0 / 6 + 0.5).clamped(0, 1) }

  /// The hyperbolic tangent, with derivative 1 − y².
  ///
  /// Source: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, section 4.4.
  public static let tanh = Activation("tanh", derivative: .ofOutput { 1 - $0 * $0 }) { $0.tanh }

  /// x between −1 and 1, and the nearer of the two outside; the derivative at −1 and 1 is 0.
  ///
  /// Source: R. Collobert, "Large scale machine learning", 2004.
  public static let hardTanh = Activation(
    "hardTanh", kinks: [-1, 1], derivative: .ofOutput { ($0 .> -1) * ($0 .< 1) }
  ) { $0.clamped(-1, 1) }

  /// x / (1 + |x|), with derivative (1 − |y|)²; its second derivative jumps at 0.
  ///
  /// Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward
  /// neural networks", AISTATS 2010, section 2.
  public static let softsign = Activation(
    "softsign", kinks: [0],
    derivative: .ofOutput {
      let rest = 1 - $0.magnitude
      return rest * rest
    }
  ) { $0 / (1 + $0.magnitude) }
}

// MARK: - Smooth rectifiers

extension Activation {
  /// log(1 + eˣ), and x itself above 20, where they differ by less than 3·10⁻⁹ (as in PyTorch).
  ///
  /// Source: C. Dugas, Y. Bengio, F. Bélisle, C. Nadeau, R. Garcia, "Incorporating second-order
  /// functional knowledge for better option pricing", NIPS 2000.
  public static let softplus = Activation(
    "softplus", kinks: [20], derivative: .ofInput { select($0 .> 20, 1, $0.sigmoid) }
  ) { select($0 .> 20, $0, min($0, 20).exp.logOnePlus) }

  /// x·σ(x), also named swish.
  ///
  /// Source: S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network
  /// function approximation in reinforcement learning", Neural Networks 107, 2018; P. Ramachandran,
  /// B. Zoph, Q. Le, "Searching for activation functions", 2017.
  public static let silu = Activation("silu") { $0 * $0.sigmoid }

  /// x·hardSigmoid(x): x(x + 3)/6 between −3 and 3, 0 below and x above.
  ///
  /// The derivative at −3 is 0, at 3 it is 1.
  ///
  /// Source: A. Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.
  public static let hardSwish = Activation(
    "hardSwish", kinks: [-3, 3],
    derivative: .ofInput { select($0 .<= -3, 0, select($0 .>= 3, 1, $0 / 3 + 0.5)) }
  ) { select($0 .<= -3, 0, select($0 .>= 3, $0, $0 * ($0 / 6 + 0.5))) }

  /// x·Φ(x), with the normal distribution function Φ: x/2·(1 + erf(x/√2)).
  ///
  /// Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units (GELUs)", 2016, section 2.
  public static let gelu = Activation("gelu") {
    0.5 * $0 * (1 + ($0 * .constant(0.5.squareRoot())).erf)
  }

  /// x/2·(1 + tanh(u)) with u = √(2/π)·(x + 0.044715x³): within 5·10⁻⁴ of x·Φ(x).
  ///
  /// As x·σ(2u), for devices whose tanh stops short of ±1: far from 0 that error, times x³ in the
  /// gradient, would be all there is. 1 − σ is σ(−2u), which does not cancel.
  ///
  /// Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units (GELUs)", 2016, section 2.
  public static let geluTanh: Activation = {
    let factor = 2 * (2 / Double.pi).squareRoot()
    @Sendable func doubledInner(_ x: Expression) -> Expression {
      .constant(factor) * (x + 0.044715 * x * x * x)
    }
    return Activation(
      "geluTanh",
      derivative: .ofInput { x in
        let inner = doubledInner(x)
        let slope = .constant(factor) * (1 + 0.134145 * x * x)
        return inner.sigmoid * (1 + x * slope * (-inner).sigmoid)
      }
    ) { $0 * doubledInner($0).sigmoid }
  }()

  /// x·tanh(log(1 + eˣ)).
  ///
  /// With n = eˣ(eˣ + 2) the factor is n/(n + 2), which neither cancels where eˣ is small nor
  /// overflows, eˣ being held at e²⁰, where the factor is 1 to the last place.
  ///
  /// Source: D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020,
  /// equation 1.
  public static let mish: Activation = {
    @Sendable func exponential(_ x: Expression) -> Expression { min(x, 20).exp }
    return Activation(
      "mish",
      derivative: .ofInput { x in
        let e = exponential(x)
        let n = e * (e + 2)
        let slope = select(x .< 20, 4 * e * (e + 1) / ((n + 2) * (n + 2)), 0)
        return n / (n + 2) + x * slope
      }
    ) { x in
      let e = exponential(x)
      let n = e * (e + 2)
      return x * (n / (n + 2))
    }
  }()
}

// MARK: - Bumps, powers and waves

extension Activation {
  /// e^(−x²).
  ///
  /// Source: E. Hartman, J. Keeler, J. Kowalski, "Layered neural networks with Gaussian hidden units
  /// as universal approximations", Neural Computation 2, 1990.
  public static let gaussian = Activation("gaussian") { (-($0 * $0)).exp }

  /// x².
  ///
  /// Source: R. Livni, S. Shalev-Shwartz, O. Shamir, "On the computational efficiency of training
  /// neural networks", NeurIPS 2014.
  public static let square = Activation("square") { $0 * $0 }

  /// sign(x)·x²: the square with the sign of x; its second derivative jumps at 0.
  ///
  /// It is ``square`` made odd, so that the output keeps a mean of 0.
  public static let signedSquare = Activation(
    "signedSquare", kinks: [0], derivative: .ofInput { 2 * $0.magnitude }
  ) { $0 * $0.magnitude }

  /// The sine.
  ///
  /// Source: V. Sitzmann, J. Martel, A. Bergman, D. Lindell, G. Wetzstein, "Implicit neural
  /// representations with periodic activation functions", NeurIPS 2020.
  public static let sin = Activation("sin") { $0.sin }

  /// The cosine.
  ///
  /// Source: A. Rahimi, B. Recht, "Random features for large-scale kernel machines", NIPS 2007.
  public static let cos = Activation("cos") { $0.cos }

  /// x + sin²(ax)/a: a line with a wave of frequency a on it, with derivative 1 + sin(2ax).
  ///
  /// Traps unless a > 0.
  ///
  /// Source: L. Ziyin, T. Hartwig, M. Ueda, "Neural networks fail to learn periodic functions and
  /// how to fix it", NeurIPS 2020, equation 3.
  public static func snake(frequency: Double = 1) -> Activation {
    require(frequency > 0, "snake: the frequency is \(frequency), not a number above 0")
    let a = Expression.constant(frequency)
    return Activation(
      "snake(\(frequency))", derivative: .ofInput { 1 + (.constant(2 * frequency) * $0).sin }
    ) {
      let sine = (a * $0).sin
      return $0 + sine * sine / a
    }
  }
}
