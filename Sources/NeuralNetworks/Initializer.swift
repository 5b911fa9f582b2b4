public import Compute
public import Tensors

/// The number of inputs and outputs of one unit of a layer.
public struct Fans: Sendable, Hashable {
  /// Inputs that each output sums over.
  public let fanIn: Int
  /// Outputs that each input reaches.
  public let fanOut: Int

  /// Creates fans.
  public init(fanIn: Int, fanOut: Int) {
    self.fanIn = fanIn
    self.fanOut = fanOut
  }

  /// The fans of a weight `[out, in, …]`: the further axes are a kernel's, and count in both.
  public init(of shape: Shape) {
    let kernel = shape.dimensions.dropFirst(2).reduce(1, *)
    fanIn = (shape.rank > 1 ? shape[1] : 1) * kernel
    fanOut = (shape.rank > 0 ? shape[0] : 1) * kernel
  }
}

/// How the initial values of a parameter are drawn: a function of shape, fans and key.
///
/// It holds no generator and no seed: the key comes from the model's seed and the parameter's
/// path, so that one initialiser serves any number of parameters.
public struct Initializer: Sendable {
  /// Draws the values.
  public typealias Draw =
    @Sendable (_ shape: Shape, _ fans: Fans, _ key: RandomKey, _ dtype: DType, _ device: Device)
    -> Tensor

  /// The initialiser's name, for people.
  public let name: String
  /// Draws the values.
  public let draw: Draw

  /// Creates an initialiser.
  public init(_ name: String, draw: @escaping Draw) {
    self.name = name
    self.draw = draw
  }
}

extension Initializer {
  /// All zeros.
  public static let zeros = constant(0)

  /// All ones.
  public static let ones = constant(1)

  /// All of one value.
  public static func constant(_ value: Double) -> Initializer {
    Initializer("constant(\(value))") { shape, _, _, dtype, device in
      .full(shape, value, dtype: dtype, on: device)
    }
  }

  /// Uniform on [−limit, limit).
  public static func uniform(_ limit: Double) -> Initializer {
    Initializer("uniform(\(limit))") { shape, _, key, dtype, device in
      .uniform(shape, -limit, limit, key: key, dtype: dtype, on: device)
    }
  }

  /// Normal with mean 0.
  public static func normal(deviation: Double) -> Initializer {
    Initializer("normal(\(deviation))") { shape, _, key, dtype, device in
      .normal(shape, deviation: deviation, key: key, dtype: dtype, on: device)
    }
  }

  /// What the variance is divided by.
  public enum FanMode: String, Sendable {
    /// The number of inputs, which keeps the forward signal's variance.
    case fanIn
    /// The number of outputs, which keeps the gradient's variance.
    case fanOut
    /// Their mean, a compromise.
    case fanAverage
  }

  /// Variance scale / fan, normal or uniform.
  ///
  /// The one formula of which Glorot, He and LeCun are settings: a uniform's limit is
  /// √(3·scale/fan).
  public static func varianceScaling(
    scale: Double, mode: FanMode, distribution: RandomDistribution, name: String? = nil
  ) -> Initializer {
    Initializer(name ?? "varianceScaling(\(scale), \(mode.rawValue), \(distribution.rawValue))") {
      shape, fans, key, dtype, device in
      let fan: Double =
        switch mode {
        case .fanIn: Double(fans.fanIn)
        case .fanOut: Double(fans.fanOut)
        case .fanAverage: Double(fans.fanIn + fans.fanOut) / 2
        }
      let variance = scale / max(fan, 1)
      switch distribution {
      case .normal:
        return .normal(shape, deviation: variance.squareRoot(), key: key, dtype: dtype, on: device)
      case .uniform:
        let limit = (3 * variance).squareRoot()
        return .uniform(shape, -limit, limit, key: key, dtype: dtype, on: device)
      }
    }
  }

  /// Uniform with variance 2/(fanIn + fanOut), also named Xavier.
  ///
  /// Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward
  /// neural networks", AISTATS 2010, equation 16.
  public static func glorotUniform() -> Initializer {
    varianceScaling(scale: 1, mode: .fanAverage, distribution: .uniform, name: "glorotUniform")
  }

  /// Normal with variance 2/(fanIn + fanOut), also named Xavier.
  public static func glorotNormal() -> Initializer {
    varianceScaling(scale: 1, mode: .fanAverage, distribution: .normal, name: "glorotNormal")
  }

  /// Uniform with variance 2/fanIn, for ReLU, also named Kaiming.
  ///
  /// Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015,
  /// equation 10.
  public static func heUniform() -> Initializer {
    varianceScaling(scale: 2, mode: .fanIn, distribution: .uniform, name: "heUniform")
  }

  /// Normal with variance 2/fanIn, for ReLU, also named Kaiming.
  public static func heNormal() -> Initializer {
    varianceScaling(scale: 2, mode: .fanIn, distribution: .normal, name: "heNormal")
  }

  /// Uniform with variance 1/fanIn.
  ///
  /// Source: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, equation 16.
  public static func lecunUniform() -> Initializer {
    varianceScaling(scale: 1, mode: .fanIn, distribution: .uniform, name: "lecunUniform")
  }

  /// Normal with variance 1/fanIn.
  public static func lecunNormal() -> Initializer {
    varianceScaling(scale: 1, mode: .fanIn, distribution: .normal, name: "lecunNormal")
  }

  /// Uniform on ±1/√fanIn: what PyTorch draws for the weight and bias of a Linear.
  public static func torchLinear() -> Initializer {
    varianceScaling(scale: 1.0 / 3, mode: .fanIn, distribution: .uniform, name: "torchLinear")
  }

  /// The initialisers by the names that configurations use.
  ///
  /// Each is made from a setting, where it needs one: a constant's value, a uniform's limit, a
  /// normal's deviation.
  private static let builtIn: [(name: String, make: @Sendable (Double?) -> Initializer?)] = [
    ("zeros", { $0 == nil ? zeros : nil }),
    ("ones", { $0 == nil ? ones : nil }),
    ("constant", { $0.map { constant($0) } }),
    ("uniform", { $0.map { uniform($0) } }),
    ("normal", { $0.map { normal(deviation: $0) } }),
    ("glorotUniform", { $0 == nil ? glorotUniform() : nil }),
    ("glorotNormal", { $0 == nil ? glorotNormal() : nil }),
    ("xavierUniform", { $0 == nil ? glorotUniform() : nil }),
    ("xavierNormal", { $0 == nil ? glorotNormal() : nil }),
    ("heUniform", { $0 == nil ? heUniform() : nil }),
    ("heNormal", { $0 == nil ? heNormal() : nil }),
    ("kaimingUniform", { $0 == nil ? heUniform() : nil }),
    ("kaimingNormal", { $0 == nil ? heNormal() : nil }),
    ("lecunUniform", { $0 == nil ? lecunUniform() : nil }),
    ("lecunNormal", { $0 == nil ? lecunNormal() : nil }),
    ("torchLinear", { $0 == nil ? torchLinear() : nil }),
  ]

  /// The names of the initialisers, synonyms among them.
  public static var names: [String] { builtIn.map(\.name) }

  /// The initialiser of a name; nil when there is none, or none with such a setting.
  public static func named(_ name: String, setting: Double? = nil) -> Initializer? {
    builtIn.first { $0.name == name }?.make(setting)
  }
}
