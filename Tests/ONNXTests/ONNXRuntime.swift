import Compute
import Foundation
import NeuralNetworks
import ONNX
import Tensors
import TestSupport

/// A network, and what it is run on by onnxruntime and here.
struct ExportCase: Sendable, CustomStringConvertible {
  /// The name, which is also the file's.
  let description: String
  /// The shape of one example.
  let input: Shape
  /// How close each element must be, where the usual yardstick for all together is not enough.
  let tolerance: Tolerance?
  /// The number of examples in a batch.
  let count: Int

  private let makeInputs: @Sendable (_ count: Int, inout SeededGenerator) throws -> [Double]
  private let makeNetwork: @Sendable (Setting) throws -> Sequential

  /// A case of layers; `inputs` makes a number of inputs.
  init(
    _ name: String, _ input: Shape, tolerance: Tolerance? = nil,
    inputs: @escaping @Sendable (_ count: Int, inout SeededGenerator) -> [Double] = {
      $1.values($0, bound: 3)
    },
    @LayerBuilder layers: @escaping @Sendable () -> [any Layer]
  ) {
    description = name
    self.input = input
    self.tolerance = tolerance
    count = 5
    makeInputs = inputs
    makeNetwork = { setting in
      try Sequential(input: input, seed: 1, on: setting.device, dtype: setting.dtype, layers)
    }
  }

  /// A case of the list that all layers are tested by.
  init(_ listed: LayerCase) {
    description = "listed " + listed.name
    input = listed.input
    tolerance = nil
    count = listed.count
    makeInputs = { _, _ in
      try listed.batch(Setting(.reference, .float32)).array(of: Double.self)
    }
    makeNetwork = listed.model
  }

  /// The same random numbers each time.
  private var generator: SeededGenerator { SeededGenerator(21, description) }

  /// The numbers of a batch.
  func inputs() throws -> [Double] {
    var generator = generator
    return try makeInputs(count * input.count, &generator)
  }

  /// The network on the reference, with parameters and statistics that are all different.
  func network(_ dtype: DType) throws -> Sequential {
    var generator = generator
    let network = try makeNetwork(Setting(.reference, dtype))
    let state = try network.savedState().arrays.filter(\.dtype.isFloatingPoint).map { array in
      var values = generator.values(array.shape.count, bound: 1).map { Float($0) }
      if array.name.hasSuffix("running_var") { values = values.map { $0.magnitude + 0.5 } }
      return Safetensors.NamedArray(
        name: array.name, dtype: .float32, shape: array.shape,
        bytes: values.withUnsafeBytes { Array($0) })
    }
    try network.load(Safetensors(state), isStrict: false)
    return network
  }
}

/// What onnxruntime makes of exported networks.
///
/// All of them are run by one process of Python, since starting one takes a second.
struct ONNXRuntime: Sendable {
  /// What came of one network.
  enum Outcome: Sendable {
    /// The outputs for the whole batch, and for its first example alone.
    case outputs(batch: [Double], first: [Double])
    /// What the checker or the runtime said.
    case refusal(String)
  }

  /// A Python that has onnx and onnxruntime, or nil: that of APUS_PYTHON, else of the path.
  static let python: String? = {
    let name = ProcessInfo.processInfo.environment["APUS_PYTHON"] ?? "python3"
    if let process = try? run(name, ["-c", "import numpy, onnx, onnxruntime"]),
      process.terminationStatus == 0
    {
      return name
    }
    print(
      """

      *** \(name) has no onnx and onnxruntime: exported models WERE NOT RUN by a runtime. ***
      *** pip install onnx onnxruntime, or name a Python that has them in APUS_PYTHON.    ***

      """)
    return nil
  }()

  let outcomes: [String: Outcome]

  /// Exports and runs the networks of cases; `prepare` gives each with its inputs.
  init(
    _ cases: [ExportCase], prepare: (ExportCase) throws -> (model: ONNXModel, inputs: [Double])
  ) throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "apus-onnx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for item in cases {
      let (model, inputs) = try prepare(item)
      let name = item.description
      try model.write(to: folder.appending(path: "\(name).onnx"))
      let numbers = inputs.map { Float($0).bitPattern.littleEndian }
      try numbers.withUnsafeBytes { Data($0) }.write(
        to: folder.appending(path: "\(name).input"))
    }
    let script = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "check_models.py")
    let process = try Self.run(Self.python ?? "python3", [script.path, folder.path])
    guard process.terminationStatus == 0 else {
      fatalError("check_models.py ended with status \(process.terminationStatus)")
    }
    outcomes = try Dictionary(
      uniqueKeysWithValues: cases.map { item in
        func numbers(_ suffix: String) throws -> [Double] {
          let data = try Data(contentsOf: folder.appending(path: "\(item).\(suffix)"))
          return data.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map {
              Double(bytes.loadUnaligned(fromByteOffset: $0, as: Float.self))
            }
          }
        }
        let error = folder.appending(path: "\(item).error")
        if let text = try? String(contentsOf: error, encoding: .utf8) {
          return (item.description, .refusal(text))
        }
        return (
          item.description,
          .outputs(batch: try numbers("output"), first: try numbers("first"))
        )
      })
  }

  private static func run(_ name: String, _ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [name] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process
  }
}
