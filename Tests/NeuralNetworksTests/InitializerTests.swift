import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

import func Foundation.exp

@Suite struct InitializerTests {
  private static let key = RandomKey(seed: 5)["weight"]

  private func draw(
    _ initializer: Initializer, _ shape: Shape, _ fans: Fans, _ setting: Setting
  ) throws -> [Double] {
    let values = initializer.draw(shape, fans, Self.key, setting.dtype, setting.device)
    #expect(values.shape == shape)
    #expect(values.dtype == setting.dtype)
    #expect(values.device == setting.device)
    return try values.array()
  }

  @Test("Constants are constants", arguments: Setting.all)
  func constants(setting: Setting) throws {
    let fans = Fans(fanIn: 2, fanOut: 3)
    #expect(try draw(.zeros, [3], fans, setting) == [0, 0, 0])
    #expect(try draw(.ones, [1, 2], fans, setting) == [1, 1])
    #expect(try draw(.constant(-2.5), [2], fans, setting) == [-2.5, -2.5])
  }

  /// With fans of 40 and 10, the variance of each, and whether it is uniform.
  private static let scaled:
    [(name: String, initializer: Initializer, variance: Double, isUniform: Bool)] = [
      ("uniform", .uniform(0.5), 0.25 / 3, true), ("normal", .normal(deviation: 0.5), 0.25, false),
      ("glorotUniform", .glorotUniform(), 2.0 / 50, true),
      ("glorotNormal", .glorotNormal(), 2.0 / 50, false),
      ("heUniform", .heUniform(), 2.0 / 40, true), ("heNormal", .heNormal(), 2.0 / 40, false),
      ("lecunUniform", .lecunUniform(), 1.0 / 40, true),
      ("lecunNormal", .lecunNormal(), 1.0 / 40, false),
      ("torchLinear", .torchLinear(), 1.0 / 120, true),
      ("xavier", .xavier(), 1.0 / 40, false),
      ("heNormal of a gain", .heNormal(gain: 3, mode: .fanOut), 9.0 / 10, false),
      ("glorotUniform of a gain", .glorotUniform(gain: 2), 8.0 / 50, true),
      (
        "fanOut", .varianceScaling(scale: 3, mode: .fanOut, distribution: .normal), 3.0 / 10, false
      ),
    ]

  @Test("Values have the moments and bounds of their distribution", arguments: Setting.all)
  func moments(setting: Setting) throws {
    let n = 40_000.0
    for (name, initializer, variance, isUniform) in Self.scaled {
      let values = try draw(initializer, [200, 200], Fans(fanIn: 40, fanOut: 10), setting)
      let mean = values.reduce(0, +) / n
      let square = values.reduce(0) { $0 + $1 * $1 } / n
      // Five standard errors; the fourth moment is 9/5 of the squared variance, or 3 times it.
      #expect(mean.magnitude < 5 * (variance / n).squareRoot(), "\(name)")
      let spread = variance * ((isUniform ? 0.8 : 2) / n).squareRoot()
      #expect((square - variance).magnitude < 5 * spread, "\(name): \(square), not \(variance)")
      let limit = (3 * variance).squareRoot()
      let largest = values.map(\.magnitude).max() ?? 0
      if isUniform {
        #expect(largest <= limit * (1 + setting.epsilon), "\(name)")
        #expect(largest > limit * 0.999, "\(name)")
      } else {
        #expect(largest > 3.5 * variance.squareRoot(), "\(name)")
      }
    }
  }

  @Test("A draw depends on the key, and not on what was drawn before", arguments: Setting.all)
  func keys(setting: Setting) throws {
    let fans = Fans(fanIn: 3, fanOut: 3)
    let first = try draw(.heNormal(), [3, 3], fans, setting)
    #expect(try draw(.heNormal(), [3, 3], fans, setting) == first)
    let other = Initializer.heNormal().draw(
      [3, 3], fans, Self.key["other"], setting.dtype, setting.device)
    #expect(try other.array(of: Double.self) != first)
  }

  @Test("Fans of a weight: inputs and outputs, times the size of a kernel")
  func fans() {
    #expect(Fans(of: [8, 5]) == Fans(fanIn: 5, fanOut: 8))
    #expect(Fans(of: [8, 5, 3, 3]) == Fans(fanIn: 45, fanOut: 72))
    #expect(Fans(of: [7]) == Fans(fanIn: 1, fanOut: 7))
    #expect(Fans(of: []) == Fans(fanIn: 1, fanOut: 1))
    // Of 8 inputs and 12 outputs in 4 groups.
    #expect(
      Fans(of: [12, 2, 3, 3], groupCount: 4) == Fans(fanIn: 18, fanOut: 27, groupCount: 4))
  }

  @Test("Without inputs a variance is finite")
  func noFans() throws {
    let values = try draw(
      .heNormal(), [4], Fans(fanIn: 0, fanOut: 4), Setting(.reference, .float64))
    #expect(values.allSatisfy { $0.isFinite })
  }

  @Test(
    "A truncated normal stays within two deviations and has its moments", arguments: Setting.all)
  func truncatedNormal(setting: Setting) throws {
    let n = 40_000.0
    let deviation = 0.5
    let values = try draw(
      .truncatedNormal(deviation: deviation), [200, 200], Fans(fanIn: 1, fanOut: 1), setting)
    let z = values.map { $0 / deviation }
    #expect((z.map(\.magnitude).max() ?? 0) <= 2 * (1 + setting.epsilon))
    #expect((z.map(\.magnitude).max() ?? 0) > 1.99)
    // With φ = φ(2) and p = P(|z| < 2): E z² = 1 − 4φ/p and E z⁴ = 3 − 4φ(3 + 4)/p.
    let (density, probability) = (0.05399096651318806, 0.9544997361036416)
    let second = 1 - 4 * density / probability
    let fourth = 3 - 28 * density / probability
    let mean = z.reduce(0, +) / n
    let square = z.reduce(0) { $0 + $1 * $1 } / n
    #expect(mean.magnitude < 5 * (second / n).squareRoot())
    #expect((square - second).magnitude < 5 * ((fourth - second * second) / n).squareRoot())
    // The distribution itself: P(|z| < 1) = 0.6826894921370859 / p, to five standard errors.
    let inner = 0.6826894921370859 / probability
    let share = Double(z.count { $0.magnitude < 1 }) / n
    #expect((share - inner).magnitude < 5 * (inner * (1 - inner) / n).squareRoot())
  }

  @Test(
    "An orthogonal matrix has orthonormal rows or columns to rounding",
    arguments: [[7, 7], [3, 20], [20, 3], [40, 10, 2, 2], [5], [65, 33], [1, 1]] as [Shape])
  func orthogonal(shape: Shape) throws {
    for setting in Setting.all {
      let values = try draw(.orthogonal(gain: 2), shape, Fans(of: shape), setting)
      let rows = shape[0]
      let columns = shape.count / rows
      let isRowWise = rows <= columns
      let (count, length) = isRowWise ? (rows, columns) : (columns, rows)
      func entry(_ vector: Int, _ position: Int) -> Double {
        isRowWise ? values[vector * columns + position] : values[position * columns + vector]
      }
      for first in 0..<count {
        for second in 0...first {
          let product = (0..<length).reduce(0.0) { $0 + entry(first, $1) * entry(second, $1) }
          // Each entry is rounded once, and the entries' magnitudes multiply to at most gain².
          let error = (product - (first == second ? 4 : 0)).magnitude
          #expect(error <= 4 * 4 * setting.epsilon, "\(shape), rows \(first) and \(second)")
        }
      }
    }
  }

  @Test("An orthogonal matrix is any of them: the mean of its entries' squares is one share")
  func orthogonalIsUniform() throws {
    let setting = Setting(.reference, .float64)
    // Over many keys each entry of a 3 × 3 matrix has mean 0 and mean square ⅓.
    let count = 4000
    var sums = [Double](repeating: 0, count: 9)
    var squares = sums
    for number in 0..<count {
      let values = try Initializer.orthogonal().draw(
        [3, 3], Fans(of: [3, 3]), Self.key[number], setting.dtype, setting.device
      ).array(of: Double.self)
      for (index, value) in values.enumerated() {
        sums[index] += value
        squares[index] += value * value
      }
    }
    let n = Double(count)
    for index in 0..<9 {
      #expect((sums[index] / n).magnitude < 5 * (1 / (3 * n)).squareRoot())
      // On the sphere in three dimensions E u⁴ = 1/5, so the variance of u² is 4/45.
      #expect((squares[index] / n - 1.0 / 3).magnitude < 5 * (4 / (45 * n)).squareRoot())
    }
  }

  @Test("The identity lets through, in matrices, kernels and groups", arguments: Setting.all)
  func identity(setting: Setting) throws {
    let fans = Fans(fanIn: 1, fanOut: 1)
    #expect(try draw(.identity(), [2, 3], fans, setting) == [1, 0, 0, 0, 1, 0])
    #expect(try draw(.identity(gain: 2), [3, 2], fans, setting) == [2, 0, 0, 2, 0, 0])
    #expect(try draw(.identity(), [3], fans, setting) == [1, 0, 0])
    let kernels = try draw(.identity(), [2, 2, 3, 3], Fans(of: [2, 2, 3, 3]), setting)
    #expect(kernels.indices.filter { kernels[$0] != 0 } == [4, 31])
    // Two groups of one input and two outputs each.
    let grouped = try draw(
      .identity(), [4, 1, 3], Fans(of: [4, 1, 3], groupCount: 2), setting)
    #expect(grouped.indices.filter { grouped[$0] != 0 } == [1, 7])
    let layer = ConvTranspose2D(
      4, kernel: 3, padding: 1, groups: 2, hasBias: false, weight: .identity())
    #expect(try layer.build(input: [4, 3, 3]) == [4, 3, 3])
    layer.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    let x = setting.tensor((0..<36).map(Double.init), [1, 4, 3, 3])
    try expectEqual(layer(x), [1, 4, 3, 3], (0..<36).map(Double.init))
  }

  @Test("A sparse matrix has its zeros in every column", arguments: Setting.all)
  func sparse(setting: Setting) throws {
    let values = try draw(
      .sparse(sparsity: 0.7, deviation: 2), [50, 40], Fans(of: [50, 40]), setting)
    let zeros: [[Int]] = (0..<40).map { column in
      (0..<50).filter { row in values[row * 40 + column] == 0 }
    }
    #expect(zeros.allSatisfy { $0.count == 35 })
    let kept = values.filter { $0 != 0 }
    let variance = kept.reduce(0) { $0 + $1 * $1 } / 600
    let relativeError = (2.0 / 600).squareRoot()
    #expect((variance - 4).magnitude < 5 * 4 * relativeError)
    // Which rows are 0 differs from column to column.
    #expect(Set(zeros).count > 35)
  }

  @Test("The gain of an activation is PyTorch's, or keeps the mean square")
  func gains() {
    func expect(_ activation: Activation, _ gain: Double, tolerance: Double = 1e-13) {
      #expect(
        (Initializer.gain(for: activation) - gain).magnitude <= tolerance * gain,
        "\(activation.name)")
    }
    expect(.identity, 1)
    expect(.sigmoid, 1)
    expect(.tanh, 5.0 / 3)
    expect(.relu, 2.0.squareRoot())
    expect(.leakyReLU(), (2 / (1 + 1e-4)).squareRoot())
    expect(.leakyReLU(slope: -0.3), (2 / 1.09).squareRoot())
    expect(.selu, 0.75)
    // In closed form: E z⁴ = 3, E cos² z = (1 + e⁻²)/2, E e^(−2z²) = 1/√5, E clamp² by parts.
    expect(.square, (1.0 / 3).squareRoot())
    expect(.signedSquare, (1.0 / 3).squareRoot())
    expect(.cos, (2 / (1 + exp(-2.0))).squareRoot())
    expect(.sin, (2 / (1 - exp(-2.0))).squareRoot())
    expect(.gaussian, 5.0.squareRoot().squareRoot())
    let density = 0.24197072451914337
    expect(.hardTanh, 1 / (1 - 2 * density).squareRoot())
    expect(Activation("half") { max($0, -1) }, 1 / (1 - density).squareRoot())
    #expect(Initializer.gain(for: Activation("none") { $0 * 0 }).isNaN)
    // The mean square is √(1/(1 − 4a)) of exp(a·x²), and there is none from a = 1/4 on.
    expect(Activation("narrow") { (0.125 * $0 * $0).exp }, 0.5.squareRoot().squareRoot())
    for (name, endless) in [
      ("wide", Activation("wide") { (0.25 * $0 * $0).exp }),
      ("steep", Activation("steep") { ($0 * $0).exp }),
      ("pole", Activation("pole") { 1 / $0 }),
    ] {
      #expect(Initializer.gain(for: endless).isNaN, "\(name)")
    }
    #expect(Initializer.heNormal(for: .tanh).name == "heNormal(gain \(5.0 / 3))")
  }

  @Test("Configurations name initialisers, by either of their names")
  func names() {
    for name in [
      "glorotUniform", "glorotNormal", "heUniform", "heNormal", "lecunUniform", "lecunNormal",
      "torchLinear",
    ] {
      #expect(Initializer.named(name)?.name == name)
    }
    for (other, name) in [
      ("xavierUniform", "glorotUniform"), ("xavierNormal", "glorotNormal"),
      ("kaimingUniform", "heUniform"), ("kaimingNormal", "heNormal"), ("zeros", "constant(0.0)"),
      ("ones", "constant(1.0)"),
    ] {
      #expect(Initializer.named(other)?.name == name)
    }
    #expect(Initializer.named("gaussian") == nil)
    #expect(Initializer.named("xavier")?.name == "xavier")
    #expect(Initializer.named("normal") == nil)
    #expect(Initializer.named("normal", setting: -1) == nil)
    #expect(Initializer.named("zeros", setting: 1) == nil)
    #expect(Initializer.named("heNormal", setting: 1)?.name == "heNormal(gain 1.0)")
    let he = Initializer.builtIn.first { $0.name == "heNormal" }
    #expect(he?.hasGain == true)
    #expect(he?.initializer(mode: .fanOut)?.name == "heNormal(fanOut)")
    #expect(he?.initializer([1, 2]) == nil)
    let sparse = Initializer.builtIn.first { $0.name == "sparse" }
    #expect(sparse?.initializer([0.5])?.name == "sparse(0.5, 0.01)")
    #expect(sparse?.initializer(mode: .fanIn) == nil)
  }

  @Test(
    "A model draws with the fans of its layers, and one's own parameters with their shape's",
    arguments: Setting.all)
  func fansOfModels(setting: Setting) throws {
    final class Own: Module {
      @Parameter(shape: [300, 75], initializer: .lecunUniform()) var matrix: Tensor
      @Parameter(shape: [300], initializer: .uniform(2)) var vector: Tensor
      let layer = Linear(100, 400)
    }
    let module = Own()
    module.initialize(seed: 2, on: setting.device, dtype: setting.dtype)
    func largest(_ tensor: Tensor) throws -> Double {
      try tensor.magnitude.max().item()
    }
    #expect(try (0.999 * 0.2...0.2 * (1 + setting.epsilon)).contains(largest(module.matrix)))
    // PyTorch's Linear: ±1/√in for the weight and for the bias.
    #expect(try (0.0999...0.1 * (1 + setting.epsilon)).contains(largest(module.layer.weight)))
    let bias = try #require(module.layer.bias)
    #expect(try (0.098...0.1 * (1 + setting.epsilon)).contains(largest(bias.value)))
    #expect(try largest(module.vector) > 1.9)
  }
}
