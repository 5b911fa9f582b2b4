import Compute
import Tensors
import TestSupport
import Testing

import func Foundation.exp
import func Foundation.log1p
import func Foundation.tanh

@Suite struct ActivationTests {
  @Test("Names make the built-in activations, with settings where they have one")
  func names() {
    #expect(
      Activation.names == [
        "identity", "relu", "leakyReLU", "elu", "sigmoid", "tanh", "softplus", "square", "sin",
        "cos",
      ])
    #expect(Activation.all.count == Activation.names.count)
    for name in Activation.names {
      #expect(Activation.named(name) != nil, "\(name)")
      #expect(
        (Activation.named(name, setting: 0.5) != nil) == ["leakyReLU", "elu"].contains(name),
        "\(name)")
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
    for activation in Activation.all + [.elu(alpha: 0.5), .leakyReLU(slope: 0.3)] {
      let symbolic = Activation(activation.name) { x in
        activation.expression.substituting { _ in x }
      }
      let stated = valueWithGradient(at: x) { activation($0).sum() }.gradient
      let derived = try valueWithGradient(at: x) { symbolic($0).sum() }.gradient
        .array(of: Double.self)
      try expectClose(stated, derived, .absolute(32 * setting.epsilon), activation.name)
      let formula = Activation("derivative") { x in
        activation.derivative.substituting { _ in x }
      }
      try expectClose(formula(x), derived, .absolute(32 * setting.epsilon), activation.name)
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
}
