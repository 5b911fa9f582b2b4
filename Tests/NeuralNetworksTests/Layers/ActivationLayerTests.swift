import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct ActivationLayerTests {
  @Test("Each layer applies its activation and keeps the shape", arguments: Setting.all)
  func layers(setting: Setting) throws {
    let x = setting.tensor([[-2, -0.5, 0], [0.5, 2, 30]])
    let layers: [(ActivationLayer, Activation, String)] = [
      (ReLU(), .relu, "relu"), (LeakyReLU(), .leakyReLU(slope: 0.01), "leakyReLU(0.01)"),
      (LeakyReLU(slope: 0.2), .leakyReLU(slope: 0.2), "leakyReLU(0.2)"),
      (ELU(), .elu(alpha: 1), "elu(1.0)"), (ELU(alpha: 0.5), .elu(alpha: 0.5), "elu(0.5)"),
      (Sigmoid(), .sigmoid, "sigmoid"), (Tanh(), .tanh, "tanh"),
      (Softplus(), .softplus, "softplus"), (ActivationLayer(.sin), .sin, "sin"),
      (ReLU6(), .relu6, "relu6"), (SELU(), .selu, "selu"), (CELU(), .celu(), "celu(1.0)"),
      (CELU(alpha: 2), .celu(alpha: 2), "celu(2.0)"),
      (HardSigmoid(), .hardSigmoid, "hardSigmoid"), (HardTanh(), .hardTanh, "hardTanh"),
      (Softsign(), .softsign, "softsign"), (SiLU(), .silu, "silu"),
      (HardSwish(), .hardSwish, "hardSwish"), (GELU(), .gelu, "gelu"),
      (GELU(approximatesByTanh: true), .geluTanh, "geluTanh"), (Mish(), .mish, "mish"),
    ]
    for (layer, activation, name) in setting.chosen(layers) {
      #expect(layer.summary == name)
      #expect(layer.activation.expression == activation.expression, "\(name)")
      #expect(try layer.build(input: [7, 2]) == [7, 2])
      let y = layer(x)
      #expect(y.shape == [2, 3])
      try expectClose(y, try activation(x).array(), .exact, name)
      #expect(layer.parameters.isEmpty)
    }
  }
}
