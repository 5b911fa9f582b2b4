public import Compute
import Foundation
public import NeuralNetworks
import OrderedCollections
import Tensors

/// The nodes of an ONNX graph while layers are added to it.
public final class ONNXGraph {
  /// The type of the network's numbers in the file.
  public let dtype: DType

  private(set) var nodes: [Onnx_NodeProto] = []
  private var initializersByName: OrderedDictionary<String, Onnx_TensorProto> = [:]
  /// The paths of parameters and running states, which name their values in the file.
  private let paths: [ObjectIdentifier: String]
  private var usedNames: Set<String>
  /// What stands in for parameters that are made of others.
  private var replacements: [ObjectIdentifier: ONNXValue] = [:]
  /// The names of the layers that are being added, from the outermost.
  private var layerNames: [String] = []

  /// Creates a graph for the parameters of a network.
  init(_ network: Module, dtype: DType, reserving names: [String]) {
    var paths: [ObjectIdentifier: String] = [:]
    for (path, parameter) in network.parameters { paths[ObjectIdentifier(parameter)] = path }
    for (path, state) in network.runningStates { paths[ObjectIdentifier(state)] = path }
    self.paths = paths
    self.dtype = dtype
    usedNames = Set(paths.values).union(names)
  }

  /// The tensors that the file holds, by name.
  var initializers: [Onnx_TensorProto] { Array(initializersByName.values) }

  // MARK: - Layers

  /// Adds a layer that another one holds under a name, and gives its output.
  ///
  /// Throws ``ONNXError`` that names the layer when it, or one inside it, cannot be expressed.
  public func add(_ layer: any Layer, named name: String, to input: ONNXValue) throws -> ONNXValue {
    layerNames.append(name)
    defer { layerNames.removeLast() }
    return try add(layer, to: input)
  }

  /// Adds a layer at the place of the one that holds it.
  func add(_ layer: any Layer, to input: ONNXValue) throws -> ONNXValue {
    guard let exportable = layer as? any ONNXExportable else {
      throw error("ONNX has no form for it; a type that conforms to ONNXExportable has one", layer)
    }
    do {
      return try exportable.addNodes(to: self, input: input)
    } catch let problem as ONNXError where problem.layer.isEmpty {
      throw error(problem.problem, layer)
    }
  }

  private func error(_ problem: String, _ layer: any Layer) -> ONNXError {
    let type = "\(type(of: layer))"
    return ONNXError(problem, layer: layerPath.isEmpty ? type : "\(layerPath) (\(type))")
  }

  private var layerPath: String { layerNames.joined(separator: ".") }

  // MARK: - Values of the network

  /// The values of a parameter, under its path; traps on one that is not the network's.
  public func values(of parameter: Parameter) throws -> ONNXValue {
    if let value = replacements[ObjectIdentifier(parameter)] { return value }
    return try initializer(path(of: parameter), parameter.value)
  }

  /// The values of a running state, under its path; traps on one that is not the network's.
  public func values(of state: RunningState) throws -> ONNXValue {
    try initializer(path(of: state), state.wrappedValue)
  }

  private func path(of object: AnyObject) -> String {
    guard let path = paths[ObjectIdentifier(object)] else {
      fatalError("ONNXGraph: a parameter is none of the network's; is it a stored property?")
    }
    return path
  }

  private func initializer(_ name: String, _ tensor: Tensor) throws -> ONNXValue {
    let value = ONNXValue(name: name, shape: tensor.shape)
    guard initializersByName[name] == nil else { return value }
    let numbers = try tensor.array(of: Double.self)
    if dtype == .float32, let wide = numbers.first(where: { $0.isFinite && !Float($0).isFinite }) {
      throw ONNXError("\(name) has the value \(wide), which is too large for float32")
    }
    store(numbers, as: value)
    return value
  }

  /// Adds what `body` adds with values in place of a parameter that is not the network's own.
  func replacing<Result>(
    _ parameter: Parameter, by values: Tensor, named name: String, _ body: () throws -> Result
  ) throws -> Result {
    let value = try initializer(
      unusedName(layerPath.isEmpty ? name : "\(layerPath).\(name)"), values)
    let key = ObjectIdentifier(parameter)
    replacements[key] = value
    defer { replacements[key] = nil }
    return try body()
  }

  // MARK: - Constants

  /// A tensor without axes that holds one number; equal ones are one.
  public func constant(_ number: Double) -> ONNXValue { constant([number], shape: .scalar) }

  /// A tensor of given numbers, row-major; short equal ones are one.
  ///
  /// Traps unless there are as many numbers as the shape has elements.
  public func constant(_ numbers: [Double], shape: Shape) -> ONNXValue {
    require(
      numbers.count == shape.count, "ONNXGraph: \(numbers.count) numbers for shape \(shape)")
    guard numbers.count == 1 else {
      let value = ONNXValue(name: unusedName(scoped("constant")), shape: shape)
      store(numbers, as: value)
      return value
    }
    let rank = shape.rank == 0 ? "" : ", rank \(shape.rank)"
    let value = ONNXValue(name: "constant \(numbers[0])\(rank)", shape: shape)
    if initializersByName[value.name] == nil { store(numbers, as: value) }
    return value
  }

  /// A vector of whole numbers, as shapes, axes and indices are given; equal ones are one.
  public func integers(_ numbers: [Int]) -> ONNXValue { integers(numbers, shape: [numbers.count]) }

  /// A tensor without axes that holds a whole number.
  public func integer(_ number: Int) -> ONNXValue { integers([number], shape: .scalar) }

  private func integers(_ numbers: [Int], shape: Shape) -> ONNXValue {
    let list = numbers.map(String.init).joined(separator: ", ")
    let name = shape.rank == 0 ? "integer \(list)" : "integers [\(list)]"
    if initializersByName[name] == nil {
      let bytes = numbers.map { Int64($0).littleEndian }.withUnsafeBytes { Data($0) }
      store(bytes, .int64, name, shape)
    }
    return ONNXValue(name: name, shape: shape)
  }

  private func store(_ numbers: [Double], as value: ONNXValue) {
    let bytes =
      dtype == .float64
      ? numbers.map(\.bitPattern.littleEndian).withUnsafeBytes { Data($0) }
      : numbers.map { Float($0).bitPattern.littleEndian }.withUnsafeBytes { Data($0) }
    store(bytes, dtype.onnxType, value.name, value.shape)
  }

  private func store(
    _ bytes: Data, _ type: Onnx_TensorProto.DataType, _ name: String, _ shape: Shape
  ) {
    var tensor = Onnx_TensorProto()
    tensor.name = name
    tensor.dataType = Int32(type.rawValue)
    tensor.dims = shape.dimensions.map(Int64.init)
    tensor.rawData = bytes
    initializersByName[name] = tensor
    usedNames.insert(name)
  }

  // MARK: - Nodes

  /// Adds a node of the standard operators and gives its output.
  ///
  /// - Parameters:
  ///   - operation: The operator, such as `Gemm`, of opset ``ONNXModel/opset``.
  ///   - inputs: What it takes, in order; nil where an optional input is left out.
  ///   - attributes: Its settings.
  ///   - shape: The output's shape without the batch axis; the first input's unless given.
  public func node(
    _ operation: String, _ inputs: ONNXValue?..., attributes: [String: ONNXAttribute] = [:],
    shape: Shape? = nil
  ) -> ONNXValue {
    node(operation, inputs, attributes: attributes, shape: shape)
  }

  /// Adds a node of the standard operators, whose inputs are an array, and gives its output.
  public func node(
    _ operation: String, _ inputs: [ONNXValue?], attributes: [String: ONNXAttribute] = [:],
    shape: Shape? = nil
  ) -> ONNXValue {
    node(
      operation, inputs, attributes: attributes,
      shapes: [shape ?? inputs.lazy.compactMap { $0 }.first?.shape ?? .scalar])[0]
  }

  /// Adds a node of several outputs, whose shapes are given, nil for an output that is left out.
  public func node(
    _ operation: String, _ inputs: [ONNXValue?], attributes: [String: ONNXAttribute] = [:],
    shapes: [Shape?]
  ) -> [ONNXValue] {
    var node = Onnx_NodeProto()
    node.opType = operation
    node.name = unusedName(scoped(operation))
    // Of those that are left out only the ones before others leave a gap.
    node.input = inputs.prefix((inputs.lastIndex { $0 != nil } ?? -1) + 1).map { $0?.name ?? "" }
    let outputs = shapes.enumerated().map { position, shape in
      shape.map {
        ONNXValue(
          name: unusedName(node.name + "_output" + (position == 0 ? "" : "_\(position)")),
          shape: $0)
      }
    }
    node.output = outputs.map { $0?.name ?? "" }
    // An order of their own gives equal networks equal files.
    node.attribute = attributes.sorted { $0.key < $1.key }.map { $0.value.message(named: $0.key) }
    nodes.append(node)
    return outputs.compactMap { $0 }
  }

  /// Adds a Reshape of examples, which leaves the batch axis as it is.
  public func reshape(_ value: ONNXValue, to shape: Shape) -> ONNXValue {
    // A length of 0 stands for that of the input.
    node("Reshape", value, integers([0] + shape.dimensions), shape: shape)
  }

  /// A tensor of truths as one of numbers, 1 and 0.
  func number(_ truth: ONNXValue) -> ONNXValue {
    node("Cast", truth, attributes: ["to": .int(dtype.onnxType.rawValue)])
  }

  /// A tensor of numbers as one of whole ones.
  func wholeNumbers(_ value: ONNXValue) -> ONNXValue {
    node("Cast", value, attributes: ["to": .int(Onnx_TensorProto.DataType.int64.rawValue)])
  }

  /// Makes a value the graph's output, under a name.
  func setOutput(_ value: ONNXValue, named output: String) {
    let position = nodes.lastIndex { $0.output.contains(value.name) }
    // What comes in, or is needed within as well, cannot itself be what comes out.
    guard let position, !nodes.contains(where: { $0.input.contains(value.name) }) else {
      var identity = Onnx_NodeProto()
      identity.opType = "Identity"
      identity.name = unusedName("Identity")
      identity.input = [value.name]
      identity.output = [output]
      nodes.append(identity)
      return
    }
    nodes[position].output = nodes[position].output.map { $0 == value.name ? output : $0 }
  }

  private func scoped(_ name: String) -> String {
    layerPath.isEmpty ? name : "\(layerPath)/\(name)"
  }

  private func unusedName(_ name: String) -> String {
    var candidate = name
    var number = 1
    while !usedNames.insert(candidate).inserted {
      number += 1
      candidate = "\(name)_\(number)"
    }
    return candidate
  }
}

extension DType {
  /// The format's name of a computed type.
  var onnxType: Onnx_TensorProto.DataType { self == .float64 ? .double : .float }
}

extension ONNXAttribute {
  func message(named name: String) -> Onnx_AttributeProto {
    var message = Onnx_AttributeProto()
    message.name = name
    switch self {
    case .int(let value):
      message.type = .int
      message.i = Int64(value)
    case .ints(let values):
      message.type = .ints
      message.ints = values.map(Int64.init)
    case .float(let value):
      message.type = .float
      message.f = Float(value)
    case .string(let value):
      message.type = .string
      message.s = Data(value.utf8)
    case .strings(let values):
      message.type = .strings
      message.strings = values.map { Data($0.utf8) }
    }
    return message
  }
}
