import Compute
import Foundation
import NeuralNetworks
import ONNX
import Tensors
import TestSupport
import Testing

@Suite struct ModelTests {
  private func text(_ input: Shape, @LayerBuilder _ layers: () -> [any Layer]) throws -> String {
    let network = try Sequential(input: input, seed: 1, on: .reference, layers)
    return try ONNXModel(network, input: input).description
  }

  @Test("Nodes, parameters and values have the names of the layers")
  func names() throws {
    let found = try text([2, 2]) {
      Flatten()
      Linear(3)
      BatchNorm()
      LeakyReLU(slope: 0.25)
      Dropout()
      Sequential { Linear(2, hasBias: false) }
    }
    #expect(
      found == """
        input [n, 2, 2]
        Flatten(input, axis: 1) → 0/Flatten_output
        Gemm(0/Flatten_output, 1.weight, 1.bias, transB: 1) → 1/Gemm_output
        BatchNormalization(1/Gemm_output, 2.weight, 2.bias, 2.running_mean, 2.running_var, epsilon: \
        1e-05) → 2/BatchNormalization_output
        LeakyRelu(2/BatchNormalization_output, alpha: 0.25) → 3/LeakyRelu_output
        Gemm(3/LeakyRelu_output, 5.0.weight, transB: 1) → output
        output [n, 2]
        """)
  }

  @Test("An expression becomes its operators, each once")
  func expression() throws {
    let found = try text([3]) { Activation("own") { ($0 * 2).sin + ($0 * 2) } }
    #expect(
      found == """
        input [n, 3]
        Mul(input, constant 2.0) → 0/Mul_output
        Sin(0/Mul_output) → 0/Sin_output
        Add(0/Sin_output, 0/Mul_output) → output
        output [n, 3]
        """)
  }

  @Test("What goes in may come out")
  func identity() throws {
    #expect(
      try text([3]) { Dropout() } == """
        input [n, 3]
        Identity(input) → output
        output [n, 3]
        """)
  }

  @Test("Equal networks give equal files, and the file replaces an older one")
  func bytes() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).onnx")
    defer { try? FileManager.default.removeItem(at: file) }
    func model() throws -> ONNXModel {
      let network = try Sequential(input: [2], seed: 3, on: .reference) {
        Linear(2)
        Activation("own") { $0.expMinusOne }
      }
      return try ONNXModel(network, input: [2], metadata: ["b": "2", "a": "1"])
    }
    try Data([1, 2, 3]).write(to: file)
    try model().write(to: file)
    #expect(try Data(contentsOf: file) == model().serialized())
  }

  @Test("A layer that ONNX does not have is named with its place")
  func unknownLayer() throws {
    final class Mystery: Module, Layer {
      func callAsFunction(_ x: Tensor) -> Tensor { x }
      func build(input: Shape) -> Shape { input }
    }
    let error = #expect(throws: ONNXError.self) {
      try text([3]) {
        Linear(2)
        Sequential { Mystery() }
      }
    }
    #expect(
      error?.description == """
        layer 1.0 (Mystery): ONNX has no form for it; a type that conforms to ONNXExportable has one
        """)
  }

  @Test("One's own layer is exported when it says how")
  func ownLayer() throws {
    let found = try text([3]) { Doubling() }
    #expect(found.contains("Mul(input, constant 2.0) → output"))
  }

  @Test("A weight that float32 cannot hold is named, and float64 holds it")
  func range() throws {
    let network = try Sequential(input: [1], seed: 1, on: .reference, dtype: .float64) {
      Linear(1, hasBias: false)
    }
    let weight = try #require(network.parameters["0.weight"])
    weight.assign(Tensor([1e300], shape: [1, 1], dtype: .float64, on: .reference))
    let error = #expect(throws: ONNXError.self) { try ONNXModel(network, input: [1]) }
    #expect(
      error?.description
        == "layer 0 (Linear): 0.weight has the value 1e+300, which is too large for float32")
    #expect(throws: Never.self) { try ONNXModel(network, input: [1], dtype: .float64) }
  }
}

private final class Doubling: Module, Layer, ONNXExportable {
  func callAsFunction(_ x: Tensor) -> Tensor { x * 2 }
  func build(input: Shape) -> Shape { input }
  func addNodes(to graph: ONNXGraph, input: ONNXValue) throws -> ONNXValue {
    graph.node("Mul", input, graph.constant(2))
  }
}
