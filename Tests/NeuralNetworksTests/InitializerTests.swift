import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

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
  }

  @Test("Without inputs a variance is finite")
  func noFans() throws {
    let values = try draw(
      .heNormal(), [4], Fans(fanIn: 0, fanOut: 4), Setting(.reference, .float64))
    #expect(values.allSatisfy { $0.isFinite })
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
