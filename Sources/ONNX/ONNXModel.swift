public import Compute
public import Foundation
public import NeuralNetworks
import SwiftProtobuf

/// A network in evaluation mode, as the Open Neural Network Exchange format has it.
///
///     try ONNXModel(model, input: [64]).write(to: URL(filePath: "digits.onnx"))
///
/// The model has one input, `input`, and one output, `output`, whose first axis is a batch of any
/// size. Its parameters have the names that they have in the network, such as `0.weight`.
///
/// The format: <https://github.com/onnx/onnx/blob/main/docs/IR.md>.
public struct ONNXModel: Sendable {
  /// The version of the standard operators that models are written in.
  ///
  /// 17 is the first with LayerNormalization, the last operator that cannot be made of older ones
  /// without loss of speed; each later version is read by fewer runtimes.
  public static let opset = 17

  /// The version of the format that goes with the operators (ONNX 1.12).
  private static let formatVersion: Int64 = 8

  private static let inputName = "input"
  private static let outputName = "output"
  /// The name of the first axis, whose length is not fixed.
  private static let batchAxis = "n"

  private let message: Onnx_ModelProto

  /// Writes a network as a graph.
  ///
  /// Waits for the device. Throws ``ONNXError`` that names the layer that cannot be expressed, or
  /// what went wrong in computing the parameters.
  ///
  /// - Parameters:
  ///   - network: A built and initialised network.
  ///   - input: The shape of one example, without the batch axis.
  ///   - dtype: The type of all numbers in the file, float32 or float64. Runtimes have all operators
  ///     for float32, and few of them all for float64.
  ///   - preparation: What is done to examples before the network sees them.
  ///   - conclusion: What is done to the network's outputs.
  ///   - name: The name of the graph.
  ///   - metadata: Texts that are kept in the file.
  public init(
    _ network: any Layer, input: Shape, dtype: DType = .float32,
    preparation: (ONNXGraph, ONNXValue) throws -> ONNXValue = { $1 },
    conclusion: (ONNXGraph, ONNXValue) throws -> ONNXValue = { $1 },
    name: String = "network", metadata: [String: String] = [:]
  ) throws {
    require(dtype.isComputed, "ONNXModel: a network computes in float32 or float64, not \(dtype)")
    let graph = ONNXGraph(network, dtype: dtype, reserving: [Self.inputName, Self.outputName])
    let start = ONNXValue(name: Self.inputName, shape: input)
    let output = try conclusion(graph, graph.add(network, to: preparation(graph, start)))
    graph.setOutput(output, named: Self.outputName)

    var message = Onnx_ModelProto()
    message.irVersion = Self.formatVersion
    message.producerName = "apus"
    var operators = Onnx_OperatorSetIdProto()
    operators.domain = ""
    operators.version = Int64(Self.opset)
    message.opsetImport = [operators]
    message.graph.name = name
    message.graph.node = graph.nodes
    message.graph.initializer = graph.initializers
    message.graph.input = [Self.declaration(Self.inputName, input, dtype)]
    message.graph.output = [Self.declaration(Self.outputName, output.shape, dtype)]
    message.metadataProps = metadata.sorted { $0.key < $1.key }.map { key, value in
      var entry = Onnx_StringStringEntryProto()
      entry.key = key
      entry.value = value
      return entry
    }
    self.message = message
  }

  private static func declaration(
    _ name: String, _ shape: Shape, _ dtype: DType
  ) -> Onnx_ValueInfoProto {
    var batch = Onnx_TensorShapeProto.Dimension()
    batch.dimParam = batchAxis
    let axes = shape.dimensions.map { length in
      var axis = Onnx_TensorShapeProto.Dimension()
      axis.dimValue = Int64(length)
      return axis
    }
    var declaration = Onnx_ValueInfoProto()
    declaration.name = name
    declaration.type.tensorType.elemType = Int32(dtype.onnxType.rawValue)
    declaration.type.tensorType.shape.dim = [batch] + axes
    return declaration
  }

  /// The number of nodes of the graph.
  public var nodeCount: Int { message.graph.node.count }

  /// The bytes of the file; the same for the same network.
  public func serialized() throws -> Data { try message.serializedData() }

  /// Writes the file; an older one of that name is replaced only when it is complete.
  public func write(to url: URL) throws { try serialized().write(to: url, options: .atomic) }
}

extension ONNXModel: CustomStringConvertible {
  /// The input, the nodes in order and the output, a line for each.
  public var description: String {
    func shape(_ value: Onnx_ValueInfoProto) -> String {
      let axes = value.type.tensorType.shape.dim.map { axis in
        axis.dimParam.isEmpty ? "\(axis.dimValue)" : axis.dimParam
      }
      return "\(value.name) [\(axes.joined(separator: ", "))]"
    }
    let nodes = message.graph.node.map { node in
      let settings = node.attribute.map { "\($0.name): \($0.valueText)" }
      return "\(node.opType)(\((node.input + settings).joined(separator: ", "))) → "
        + node.output.joined(separator: ", ")
    }
    return (message.graph.input.map(shape) + nodes + message.graph.output.map(shape))
      .joined(separator: "\n")
  }
}

extension Onnx_AttributeProto {
  /// The value, for people.
  fileprivate var valueText: String {
    switch type {
    case .int: "\(i)"
    case .ints: "\(ints)"
    case .float: "\(f)"
    case .string: String(decoding: s, as: UTF8.self)
    case .strings: "\(strings.map { String(decoding: $0, as: UTF8.self) })"
    default: "…"
    }
  }
}
