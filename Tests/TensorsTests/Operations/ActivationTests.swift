import Compute
import Tensors
import TestSupport
import Testing

import func Foundation.exp
import func Foundation.log1p
import func Foundation.tanh

extension Setting {
  /// The nearest number of the dtype.
  fileprivate func rounded(_ number: Double) -> Double {
    dtype == .float32 ? Double(Float(number)) : number
  }
}

@Suite struct ActivationTests {
  @Test("Names make the built-in activations, with settings where they have one")
  func names() {
    #expect(Activation.names.prefix(4) == ["identity", "relu", "leakyReLU", "elu"])
    #expect(Set(Activation.names).count == Activation.names.count)
    // A synonym is no activation of its own.
    #expect(Activation.all.count == Activation.names.count - 1)
    #expect(Activation.named("swish")?.name == "silu")
    for builtIn in Activation.builtIn {
      let name = builtIn.name
      #expect(Activation.named(name) != nil, "\(name)")
      #expect((Activation.named(name, setting: 0.5) != nil) == (builtIn.setting != nil), "\(name)")
      #expect(
        (Activation.named(name, setting: -0.5) != nil)
          == ["leakyReLU", "elu"].contains(name), "\(name)")
      #expect(Activation.named(name, setting: .nan) == nil, "\(name)")
    }
    #expect(Activation.named("Relu") == nil)
    #expect(
      Activation.named("elu", setting: 0.5)?.expression == Activation.elu(alpha: 0.5).expression)
    #expect(Activation.named("elu")?.expression == Activation.elu(alpha: 1).expression)
    #expect(
      Activation.named("leakyReLU")?.expression == Activation.leakyReLU(slope: 0.01).expression)
    #expect(Activation.leakyReLU(slope: 0.2).name == "leakyReLU(0.2)")
    #expect(Activation.elu(alpha: 0.5).name == "elu(0.5)")
  }

  @Test("At its kinks an activation has the derivative that is documented", arguments: Setting.all)
  func kinks(setting: Setting) throws {
    let zero = setting.tensor([0.0, -0.0])
    func slope(_ activation: Activation) throws -> [Double] {
      try valueWithGradient(at: zero) { activation($0).sum() }.gradient.array()
    }
    #expect(try slope(.relu) == [0, 0])
    #expect(try slope(.leakyReLU(slope: 0.25)) == [0.25, 0.25])
    #expect(try slope(.elu()) == [1, 1])
    #expect(try slope(.elu(alpha: 0.5)) == [0.5, 0.5])
    #expect(try slope(.elu(alpha: -0.5)) == [-0.5, -0.5])
    #expect(try slope(.celu(alpha: 0.5)) == [1, 1])
    #expect(try slope(.selu) == [1.7580993408473769, 1.7580993408473769].map(setting.rounded))
    #expect(try slope(.relu6) == [0, 0])
    let edges = setting.tensor([-3, -1, 1, 3, 6])
    func edgeSlopes(_ activation: Activation) throws -> [Double] {
      try valueWithGradient(at: edges) { activation($0).sum() }.gradient.array()
    }
    #expect(try edgeSlopes(.hardTanh) == [0, 0, 0, 0, 0])
    #expect(try edgeSlopes(.relu6) == [0, 0, 1, 1, 0])
    let sixth = setting.rounded(1.0 / 6)
    #expect(try edgeSlopes(.hardSigmoid) == [0, sixth, sixth, 0, 0])
    let swish = try edgeSlopes(.hardSwish)
    #expect([swish[0], swish[3], swish[4]] == [0, 1, 1])
    #expect(Activation.relu.kinks == [0])
    #expect(Activation.leakyReLU().kinks == [0])
    #expect(Activation.elu().kinks == [0])
    #expect(Activation.elu(alpha: 0.5).kinks == [0])
    #expect(Activation.softplus.kinks == [20])
    try expectEqual(relu(setting.tensor([.nan, -1, 2])), [3], [.nan, 0, 2])
  }

  @Test("A stated derivative is that of the function")
  func statedDerivatives() throws {
    // The expression's own derivative is checked against differences elsewhere.
    let setting = Setting(.reference, .float64)
    let values = stride(from: -9.9, through: 30, by: 0.37).map { ($0 * 1024).rounded() / 1024 }
    let x = setting.tensor(values)
    let unusual: [Activation] = [
      .elu(alpha: 0.5), .elu(alpha: -0.5), .leakyReLU(slope: 0.3), .leakyReLU(slope: -0.3),
      .celu(alpha: 2), .snake(frequency: 3),
    ]
    for activation in Activation.all + unusual {
      let symbolic = Activation(activation.name) { x in
        activation.expression.substituting { _ in x }
      }
      let stated = valueWithGradient(at: x) { activation($0).sum() }.gradient
      let derived = try valueWithGradient(at: x) { symbolic($0).sum() }.gradient
        .array(of: Double.self)
      // Of e³⁰ − 1 with a negative factor, as of 2·30, what matters is the share.
      let scale = derived.map(\.magnitude).reduce(1, max)
      let tolerance = Tolerance.absolute(32 * setting.epsilon * scale)
      try expectClose(stated, derived, tolerance, activation.name)
      let formula = Activation("derivative") { x in
        activation.derivative.substituting { _ in x }
      }
      try expectClose(formula(x), derived, tolerance, activation.name)
    }
  }

  /// The value and the derivative far out on either side, for those that approach a line there.
  private static let tails:
    [(activation: Activation, left: (Double, Double), right: (Double, Double))] = {
      let x = 1e4
      let softsignSlope = 1 / ((1 + x) * (1 + x))
      return [
        (.relu, (0, 0), (x, 1)), (.leakyReLU(slope: 0.25), (-0.25 * x, 0.25), (x, 1)),
        (.elu(), (-1, 0), (x, 1)), (.celu(alpha: 2), (-2, 0), (x, 1)),
        (.selu, (-1.7580993408473769, 0), (1.0507009873554805 * x, 1.0507009873554805)),
        (.relu6, (0, 0), (6, 0)), (.sigmoid, (0, 0), (1, 0)), (.hardSigmoid, (0, 0), (1, 0)),
        (.tanh, (-1, 0), (1, 0)), (.hardTanh, (-1, 0), (1, 0)),
        (.softsign, (-x / (1 + x), softsignSlope), (x / (1 + x), softsignSlope)),
        (.softplus, (0, 0), (x, 1)),
        (.silu, (0, 0), (x, 1)), (.hardSwish, (0, 0), (x, 1)), (.gelu, (0, 0), (x, 1)),
        (.geluTanh, (0, 0), (x, 1)), (.mish, (0, 0), (x, 1)), (.gaussian, (0, 0), (0, 0)),
        (.square, (x * x, -2 * x), (x * x, 2 * x)),
        (.signedSquare, (-x * x, 2 * x), (x * x, 2 * x)),
      ]
    }()

  @Test("Far out an activation and its derivative are what they tend to", arguments: Setting.all)
  func tails(setting: Setting) throws {
    for (activation, left, right) in setting.chosen(Self.tails) {
      let (y, slope) = valueWithGradient(at: setting.tensor([-1e4, 1e4])) { activation($0) }
      // Softsign's 1 − |y| has lost what 1 has more digits than it.
      let tolerance = { (expected: [Double]) in
        Tolerance.each(expected.map { 4 * setting.epsilon * max(1, $0.magnitude) })
      }
      try expectClose(y, [left.0, right.0], tolerance([left.0, right.0]), activation.name)
      try expectClose(
        slope, [left.1, right.1], tolerance([left.1, right.1]), "\(activation.name)′")
    }
  }

  @Test("Every activation and its derivative are finite from −10⁴ to 10⁴", arguments: Setting.all)
  func finite(setting: Setting) throws {
    let magnitudes = [0, 1e-30, 1e-3, 1, 10, 19.99, 20, 20.01, 88, 89, 100, 710, 1000, 1e4]
    let x = setting.tensor(magnitudes.map { -$0 } + magnitudes)
    for activation in setting.chosen(Activation.all) {
      let (y, slope) = valueWithGradient(at: x) { activation($0) }
      for tensor in [y, slope] {
        let values = try tensor.array(of: Double.self)
        #expect(values.allSatisfy { $0.isFinite }, "\(activation.name): \(values)")
      }
    }
  }

  @Test(
    "One's own activation is told from others by its formula, not by its name",
    arguments: Setting.all)
  func formulas(setting: Setting) throws {
    let x = setting.tensor([-1, 0.5, 3])
    let square = Activation("mine") { $0 * $0 }
    let cube = Activation("mine") { $0 * $0 * $0 }
    try expectEqual(square(x), [3], [1, 0.25, 9])
    try expectEqual(cube(x), [3], [-1, 0.125, 27])
    // A stated derivative is taken as it is, right or wrong.
    let odd = Activation("odd", derivative: .ofInput { _ in 7 }) { $0 * $0 }
    try expectEqual(valueWithGradient(at: x) { odd($0).sum() }.gradient, [3], [7, 7, 7])
    let fromOutput = Activation("even", derivative: .ofOutput { y in y + 1 }) { $0 * $0 }
    try expectEqual(
      valueWithGradient(at: x) { fromOutput($0).sum() }.gradient, [3], [2, 1.25, 10])
    #expect(fromOutput.derivative == Expression.input(0) * .input(0) + 1)
  }

  @Test("The identity does nothing", arguments: TestDevices.all)
  func identity(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let x = Tensor([1, 2], on: device)
    let before = device.statistics.launches
    let y = Activation.identity(x)
    #expect(device.statistics.launches == before)
    try expectEqual(y, [2], [1, 2])
    #expect(Activation.identity.isIdentity)
    #expect(!Activation.relu.isIdentity)
    #expect(Activation("nothing") { $0 + 0 }.isIdentity)
  }

  @Test("Functions of tensors are the activations", arguments: Setting.all)
  func functions(setting: Setting) throws {
    let values = [-2, -0.5, 0, 0.5, 2, 25]
    let x = setting.tensor(values)
    try expectClose(relu(x), values.map { max(0, $0) })
    try expectClose(sigmoid(x), values.map { 1 / (1 + exp(-$0)) }, .ulps(8))
    try expectClose(Tensors.tanh(x), values.map { tanh($0) }, .ulps(8))
    try expectClose(softplus(x), values.map { $0 > 20 ? $0 : log1p(exp($0)) }, .ulps(8))
  }

  /// Where an activation is saturated, or all but a line, no error of a device is magnified: in values
  /// and gradients it is one of a few units in the last place, of the result or of 1.
  @Test("Far from 0 devices agree with the reference", arguments: Activation.all)
  func farFromZero(activation: Activation) throws {
    let points = [15.0, 20, 100, 1000, 30_000].flatMap { [$0, -$0] }
    func results(_ setting: Setting) throws -> [[Double]] {
      let x = setting.tensor(points, [points.count])
      let (y, pullback) = valueWithPullback(at: [x]) { activation($0[0]) }
      let gradients = pullback(setting.tensor(points.map { _ in 1 }, [points.count]))
      return try ([y] + gradients).map { try $0.array(of: Double.self) }
    }
    let truth = try results(Setting(.reference, .float64))
    for setting in Setting.all {
      for (values, expected) in zip(try results(setting), truth) {
        for (place, (value, expected)) in zip(values, expected).enumerated() {
          #expect(
            (value - expected).magnitude <= 64 * setting.epsilon * max(1, expected.magnitude),
            "\(activation.name) at \(points[place]) on \(setting): \(value), not \(expected)")
        }
      }
    }
  }
}
