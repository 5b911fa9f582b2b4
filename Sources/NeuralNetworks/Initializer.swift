public import Compute
public import Tensors

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

  /// Normal with mean 0, but for what is more than two deviations away from it.
  ///
  /// The deviation is that before the tails are cut off; what is left has 0.8796 of it. Drawn by
  /// inversion: a uniform number is taken for the probability of a smaller one.
  public static func truncatedNormal(deviation: Double) -> Initializer {
    Initializer("truncatedNormal(\(deviation))") { shape, _, key, dtype, device in
      // Φ(2) − ½: the uniform numbers between −this and this are probabilities less ½.
      let reach = 0.4772498680518208
      let uniform = Tensor.uniform(shape, -reach, reach, key: key, dtype: dtype, on: device)
      let scale = Tensor(deviation, dtype: dtype, on: device)
      return fused(uniform, scale) { probability, scale in
        scale * normalQuantile(probability).clamped(-2, 2)
      }
    }
  }

  /// The z with Φ(z) − ½ = p, for |z| ≤ 2.
  ///
  /// Newton's method from the tangent at 0: Φ is concave above 0 and convex below, so the steps
  /// approach from one side, and seven of them reach float64's last places from the farthest p.
  private static func normalQuantile(_ p: Expression) -> Expression {
    let slope = Expression.constant((2 * Double.pi).squareRoot())
    var z = p * slope
    for _ in 0..<7 {
      let error = 0.5 * (z * .constant(0.5.squareRoot())).erf - p
      z = z - error * slope * (0.5 * z * z).exp
    }
    return z
  }

  /// What the variance is divided by.
  public enum FanMode: String, Sendable, CaseIterable {
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

  /// Uniform with variance gain²·2/(fanIn + fanOut), also named Xavier.
  ///
  /// Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward
  /// neural networks", AISTATS 2010, equation 16.
  public static func glorotUniform(gain: Double = 1) -> Initializer {
    varianceScaling(
      scale: gain * gain, mode: .fanAverage, distribution: .uniform,
      name: label("glorotUniform", gain, usual: 1))
  }

  /// Normal with variance gain²·2/(fanIn + fanOut), also named Xavier.
  ///
  /// Source: as for ``glorotUniform(gain:)``, equation 12.
  public static func glorotNormal(gain: Double = 1) -> Initializer {
    varianceScaling(
      scale: gain * gain, mode: .fanAverage, distribution: .normal,
      name: label("glorotNormal", gain, usual: 1))
  }

  /// Normal with variance 1/fanIn: what many texts call Xavier.
  ///
  /// It is Glorot's without the gradient's half of the compromise, and ``lecunNormal()`` by another
  /// name; what the paper proposes, and PyTorch calls Xavier, is ``glorotNormal(gain:)``.
  ///
  /// Source: Y. Jia et al., "Caffe: convolutional architecture for fast feature embedding", 2014,
  /// whose filler of that name divides by the fan-in.
  public static func xavier() -> Initializer {
    varianceScaling(scale: 1, mode: .fanIn, distribution: .normal, name: "xavier")
  }

  /// Uniform with variance gain²/fan, also named Kaiming; the usual gain, √2, is that of ReLU.
  ///
  /// Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015,
  /// equations 10 (fan-in) and 14 (fan-out). For another activation see ``gain(for:)``.
  public static func heUniform(gain: Double = rectifierGain, mode: FanMode = .fanIn) -> Initializer
  {
    varianceScaling(
      scale: gain * gain, mode: mode, distribution: .uniform,
      name: label("heUniform", gain, usual: rectifierGain, mode))
  }

  /// Normal with variance gain²/fan, also named Kaiming; the usual gain, √2, is that of ReLU.
  ///
  /// Source: as for ``heUniform(gain:mode:)``.
  public static func heNormal(gain: Double = rectifierGain, mode: FanMode = .fanIn) -> Initializer {
    varianceScaling(
      scale: gain * gain, mode: mode, distribution: .normal,
      name: label("heNormal", gain, usual: rectifierGain, mode))
  }

  /// √2: half of a rectifier's inputs are lost, so the variance is doubled.
  public static let rectifierGain = 2.0.squareRoot()

  /// A name with what is not as usual.
  private static func label(
    _ name: String, _ gain: Double, usual: Double, _ mode: FanMode = .fanIn
  ) -> String {
    let parts =
      (gain == usual ? [] : ["gain \(gain)"]) + (mode == .fanIn ? [] : [mode.rawValue])
    return parts.isEmpty ? name : "\(name)(\(parts.joined(separator: ", ")))"
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
}
