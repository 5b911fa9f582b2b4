import Compute
import Foundation
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct CheckpointTests {
  private func model(_ setting: Setting, seed: UInt64 = 1) throws -> Sequential {
    try Sequential(input: [3], seed: seed, on: setting.device, dtype: setting.dtype) {
      Linear(4)
      BatchNorm()
      ReLU()
      Linear(2)
    }
  }

  private func withFile<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.appending(path: "model.safetensors"))
  }

  private static let names = [
    "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
    "1.num_batches_tracked", "3.weight", "3.bias",
  ]

  @Test("The state has PyTorch's names, order and dtypes", arguments: Setting.all)
  func state(setting: Setting) throws {
    let state = try model(setting).savedState()
    #expect(state.arrays.map(\.name) == Self.names)
    for array in state.arrays {
      let isCount = array.name == "1.num_batches_tracked"
      #expect(array.dtype == (isCount ? .int64 : setting.dtype), "\(array.name)")
      #expect(array.bytes.count == array.shape.count * array.dtype.byteCount)
    }
    #expect(state["0.weight"]?.shape == [4, 3])
    #expect(state["1.num_batches_tracked"]?.shape == .scalar)
  }

  @Test("What is saved is loaded, bit by bit", arguments: Setting.all)
  func roundTrip(setting: Setting) throws {
    let trained = try model(setting)
    let x = setting.range([5, 3])
    let optimizer = Adam(trained)
    for _ in 0..<3 {
      let (loss, gradients) = valueWithGradient(of: trained) { (trained(x) * trained(x)).mean() }
      optimizer.update(gradients, loss: loss)
    }
    try withFile { file in
      try trained.save(to: file)
      let other = try model(setting, seed: 2)
      #expect(try other.savedState() != trained.savedState())
      try other.load(from: file)
      #expect(try other.savedState() == trained.savedState())
      #expect(try other.savedState()["1.num_batches_tracked"]?.bytes == [6, 0, 0, 0, 0, 0, 0, 0])
      let outputs = (predict(trained, x), predict(other, x))
      #expect(try outputs.0.array(of: Double.self) == outputs.1.array(of: Double.self))
    }
  }

  @Test("The file is read by the format's own rules")
  func layout() throws {
    let setting = Setting(.reference, .float32)
    let model = try model(setting)
    let data = try withFile { file in
      try model.save(to: file)
      return try [UInt8](Data(contentsOf: file))
    }
    let length = data[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect((8 + length) % 8 == 0)
    let header = try #require(
      try JSONSerialization.jsonObject(with: Data(data[8..<(8 + length)])) as? [String: Any])
    #expect(header["__metadata__"] as? [String: String] == ["format": "pt"])
    #expect(Set(header.keys) == Set(Self.names + ["__metadata__"]))
    var spans: [Range<Int>] = []
    for name in Self.names {
      let entry = try #require(header[name] as? [String: Any])
      let offsets = try #require(entry["data_offsets"] as? [Int])
      let shape = try #require(entry["shape"] as? [Int])
      let isCount = name == "1.num_batches_tracked"
      #expect(entry["dtype"] as? String == (isCount ? "I64" : "F32"))
      let width = isCount ? 8 : 4
      #expect(offsets[1] - offsets[0] == shape.reduce(width, *))
      // Aligned in the file, so that it can be mapped.
      #expect((8 + length + offsets[0]) % width == 0, "\(name)")
      spans.append(offsets[0]..<offsets[1])
      let parameter = model.parameters.first { $0.key == name }?.value.value
      if let parameter {
        let bytes = data[(8 + length + offsets[0])..<(8 + length + offsets[1])]
        #expect(try Array(bytes) == parameter.bytes(), "\(name)")
      }
    }
    // Without holes, to the end of the file.
    var next = 0
    for span in spans.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      #expect(span.lowerBound == next)
      next = span.upperBound
    }
    #expect(next == data.count - 8 - length)
  }

  @Test("Another precision is converted", arguments: Setting.all)
  func conversion(setting: Setting) throws {
    let other: DType = setting.dtype == .float32 ? .float64 : .float32
    let source = try model(Setting(.reference, other), seed: 3)
    let target = try model(setting)
    try target.load(source.savedState())
    for (path, parameter) in target.parameters {
      #expect(parameter.value.dtype == setting.dtype)
      let original = source.parameters.first { $0.key == path }?.value.value
      try expectClose(
        parameter.value, try #require(original).array(), .ulps(other == .float64 ? 1 : 0), path)
    }
  }

  @Test("Arrays that are missing, unexpected or misshapen are listed in one line")
  func strictness() throws {
    let setting = Setting(.reference, .float32)
    let model = try model(setting)
    let state = try model.savedState()
    func arrays(_ change: (inout [Safetensors.NamedArray]) -> Void) -> Safetensors {
      var arrays = state.arrays
      change(&arrays)
      return Safetensors(arrays)
    }
    func message(_ saved: Safetensors) throws -> String {
      let error = #expect(throws: CheckpointError.self) { try model.load(saved, from: "weights") }
      return try #require(error).description
    }
    let extra = Safetensors.NamedArray(
      name: "head.weight", dtype: .float32, shape: [2], bytes: [UInt8](repeating: 0, count: 8))
    #expect(
      try message(arrays { $0.removeAll { $0.name.hasPrefix("3.") } })
        == "weights does not hold this model's values; 2 missing: 3.weight [2, 4], 3.bias [2]")
    #expect(
      try message(arrays { $0.append(extra) })
        == "weights does not hold this model's values; 1 unexpected: head.weight [2]")
    #expect(
      try message(
        arrays { arrays in
          arrays[0] = .init(
            name: "0.weight", dtype: .float32, shape: [3, 4], bytes: arrays[0].bytes)
          arrays.remove(at: 1)
          arrays.append(extra)
        })
        == "weights does not hold this model's values; 1 missing: 0.bias [4]; 1 unexpected: head.weight [2]; 1 misshapen: 0.weight is [3, 4] in place of [4, 3]"
    )
    #expect(
      try message(
        arrays { arrays in
          arrays[6] = .init(
            name: "1.num_batches_tracked", dtype: .float32, shape: .scalar, bytes: [0, 0, 0, 0])
        })
        == "weights does not hold this model's values; 1 unconvertible: 1.num_batches_tracked is float32 in place of int64"
    )
    // Nothing was changed by any of them.
    #expect(try model.savedState() == state)
    try withFile { file in
      #expect(throws: (any Error).self) { try model.load(from: file) }
      try model.save(to: file)
      let other = try Sequential(input: [3], seed: 1, on: .reference) { Linear(4) }
      let error = #expect(throws: CheckpointError.self) { try other.load(from: file) }
      #expect(error?.description.hasPrefix("\(file.path) does not hold") == true)
    }
  }

  @Test("Forty differences are counted, the first few of each kind named, in a readable line")
  func manyDifferences() throws {
    let deep = Sequential((0..<20).map { _ in Linear(2) })
    _ = try deep.build(input: [2])
    deep.initialize(seed: 1, on: .reference)
    let other = Safetensors(
      (0..<20).map {
        .init(
          name: "\($0).weight", dtype: .float32, shape: [1, 2],
          bytes: [UInt8](repeating: 0, count: 8))
      })
    let error = #expect(throws: CheckpointError.self) { try deep.load(other, from: "f") }
    #expect(
      error?.description == """
        f does not hold this model's values; 20 missing: 0.bias [2], 1.bias [2], 2.bias [2], \
        3.bias [2] and 16 more; 20 misshapen: 0.weight is [1, 2] in place of [2, 2], 1.weight is \
        [1, 2] in place of [2, 2], 2.weight is [1, 2] in place of [2, 2], 3.weight is [1, 2] in \
        place of [2, 2] and 16 more
        """)
    #expect(error?.differences.missing.count == 20)
    #expect(error?.differences.misshapen.last?.name == "19.weight")
  }

  @Test("A part of a model may be loaded, and what was left out is said", arguments: Setting.all)
  func notStrict(setting: Setting) throws {
    let model = try model(setting)
    let before = try model.savedState()
    let source = try self.model(setting, seed: 5).savedState()
    let extra = Safetensors.NamedArray(
      name: "head.weight", dtype: .float32, shape: [2], bytes: [UInt8](repeating: 0, count: 8))
    let part = Safetensors(source.arrays.filter { $0.name.hasPrefix("0.") } + [extra])
    let differences = try model.load(part, isStrict: false)
    #expect(differences.missing.map(\.name) == Array(Self.names.dropFirst(2)))
    #expect(differences.unexpected.map(\.name) == ["head.weight"])
    for array in try model.savedState().arrays {
      let origin = array.name.hasPrefix("0.") ? source : before
      #expect(array == origin[array.name], "\(array.name)")
    }
    // What is there must fit, strict or not.
    let misshapen = Safetensors([
      .init(name: "0.bias", dtype: .float32, shape: [2], bytes: extra.bytes)
    ])
    #expect(throws: CheckpointError.self) { try model.load(misshapen, isStrict: false) }
  }

  @Test("A prefix before all names is found out, and may be given")
  func prefix() throws {
    let setting = Setting(.reference, .float32)
    let source = try model(setting, seed: 5).savedState()
    let wrapped = Safetensors(
      source.arrays.map {
        .init(name: "module." + $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes)
      })
    let model = try model(setting)
    let error = #expect(throws: CheckpointError.self) { try model.load(wrapped) }
    #expect(
      error?.description.hasSuffix("; what is missing is there with the prefix 'module.'") == true)
    #expect(try model.load(wrapped, prefix: "module.").isEmpty)
    #expect(try model.savedState() == source)
    // Others may stand beside the prefix, but not behind it.
    var larger = wrapped
    larger.append(source.arrays[0])
    #expect(try model.load(larger, prefix: "module.").isEmpty)
    larger.append(.init(name: "module.x", dtype: .uint8, shape: [1], bytes: [1]))
    #expect(throws: CheckpointError.self) { try model.load(larger, prefix: "module.") }
  }

  @Test("A number that the model's dtype cannot hold is refused, an infinite one is not")
  func range() throws {
    let model = try Sequential(input: [1], seed: 1, on: .reference) { Linear(1, hasBias: false) }
    func weight(_ value: Double) -> Safetensors {
      let bytes = withUnsafeBytes(of: value.bitPattern.littleEndian) { [UInt8]($0) }
      return Safetensors([.init(name: "0.weight", dtype: .float64, shape: [1, 1], bytes: bytes)])
    }
    let error = #expect(throws: CheckpointError.self) { try model.load(weight(1e39), from: "f") }
    #expect(
      error?.description == """
        f does not hold this model's values; 1 unconvertible: 0.weight has numbers of float64 that \
        are too large for float32
        """)
    try model.load(weight(-.infinity))
    #expect(try model.parameters["0.weight"]?.value.item(of: Double.self) == -.infinity)
  }

  @Test(
    "Values may be loaded between steps, and training goes on from them", arguments: Setting.all)
  func betweenSteps(setting: Setting) throws {
    let model = try model(setting)
    let x = setting.range([5, 3])
    let optimizer = SGD(model, learningRate: 0.01)
    let step = TrainingStep<Tensor>(model, optimizer) { (model($0) * model($0)).mean() }
    let start = try model.savedState()
    let held = model(x)
    let first = try held.array(of: Double.self)
    try model.load(start)
    let loss = try step(x).item(of: Double.self)
    try step(x)
    let after = try model.savedState()
    // The losses begin anew from the same values.
    try model.load(start)
    #expect(try step(x).item(of: Double.self) == loss)
    try step(x)
    #expect(try model.savedState() == after)
    #expect(try optimizer.stepCount() == 4)
    #expect(try held.array(of: Double.self) == first)
  }

  @Test("What lies in arrays, in one's own modules and twice is saved once and found again")
  func ownModules() throws {
    final class Own: Module {
      @Parameter(shape: [2], initializer: .ones) var own: Tensor
      let many = [
        Parameter(shape: [1], initializer: .ones), Parameter(shape: [3], initializer: .ones),
      ]
      let layers = [Linear(2, 2), Linear(2, 1)]
      let norm = BatchNorm(2)
    }
    let module = Own()
    module.initialize(seed: 1, on: .reference, dtype: .float64)
    let state = try module.savedState()
    #expect(
      Set(state.arrays.map(\.name)) == [
        "own", "many.0", "many.1", "layers.0.weight", "layers.0.bias", "layers.1.weight",
        "layers.1.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
        "norm.num_batches_tracked",
      ])
    #expect(state.arrays.count == 12)
    let other = Own()
    other.initialize(seed: 2, on: .reference, dtype: .float64)
    try other.load(state)
    #expect(try other.savedState() == state)
  }

  @Test("What failed is not saved")
  func failedValues() throws {
    let watched = WatchedBackend()
    let model = try model(Setting(watched.device, .float32))
    watched.refuse { call, _ in call == .read }
    try withFile { file in
      #expect(throws: WatchedBackend.Refusal(call: .read)) { try model.save(to: file) }
      #expect(!FileManager.default.fileExists(atPath: file.path))
    }
  }
}
