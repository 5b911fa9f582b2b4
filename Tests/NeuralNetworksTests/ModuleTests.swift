import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct ModuleTests {
  private class Base: Module {
    @Parameter(shape: [2], initializer: .zeros) var first: Tensor
    let early = Linear(2, 3)
  }

  private final class Everything: Base {
    let late = Linear(3, 1, hasBias: false)
    let norm = BatchNorm(3)
    let list = [Linear(1, 1), Linear(1, 2)]
    let nested = [[Linear(2, 1)], []]
    let maybe: Linear? = Linear(1, 1)
    let nothing: Linear? = nil
    let free = Parameter(shape: [4], initializer: .ones)
    let several = [
      Parameter(shape: [1], initializer: .ones), Parameter(shape: [1], initializer: .ones),
    ]
    let chain = Sequential {
      Linear(1, 1)
      ReLU()
      Linear(1, 1)
    }
    @RunningState(name: "tracked", shape: [1], startingValue: 5) var state: Tensor
    let number = 3
    let text = ["not", "a", "module"]
  }

  @Test("Parameters are found by reflection, by path, in order of declaration")
  func paths() {
    #expect(
      Array(Everything().parameters.keys) == [
        "first", "free", "several.0", "several.1", "early.weight", "early.bias", "late.weight",
        "norm.weight", "norm.bias", "list.0.weight", "list.0.bias", "list.1.weight", "list.1.bias",
        "nested.0.0.weight", "nested.0.0.bias", "maybe.weight", "maybe.bias", "chain.0.weight",
        "chain.0.bias", "chain.2.weight", "chain.2.bias",
      ])
    #expect(
      Array(Everything().runningStates.keys) == [
        "tracked", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
      ])
    #expect(
      Everything().children.map(\.name) == [
        "early", "late", "norm", "list.0", "list.1", "nested.0.0", "maybe", "chain",
      ])
  }

  @Test("The count of parameters is that of their elements")
  func count() {
    // first 2, free 4, several 2, early 9, late 3, norm 6, list 2 + 4, nested 3, maybe 2, chain 4.
    #expect(Everything().parameterCount == 41)
  }

  private final class Shared: Module {
    let a: Linear
    let b: Linear
    let tied: Parameter
    override init() {
      a = Linear(2, 2, hasBias: false)
      b = a
      tied = a.$weight
      super.init()
    }
  }

  @Test(
    "What is used twice stands once, has one slot and the sum of its gradients",
    arguments: Setting.all)
  func sharing(setting: Setting) throws {
    let module = Shared()
    // A module's own parameters come before those of its parts.
    #expect(Array(module.parameters.keys) == ["tied"])
    module.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    #expect(module.parameterCount == 4)
    module.tied.assign(setting.tensor([[1, 2], [3, 4]]))
    let x = setting.tensor([[1, 1]])
    let (loss, gradients) = valueWithGradient(of: module) { module.a(x).sum() + module.b(x).sum() }
    #expect(try loss.item(of: Double.self) == 20)
    try expectEqual(gradients[module.a.$weight], [2, 2], [2, 2, 2, 2])
    #expect(try module.savedState().arrays.count == 1)
  }

  private final class Ring: Module {
    var next: Ring?
    @Parameter(shape: [1], initializer: .ones) var weight: Tensor
  }

  @Test("A module that holds one that holds it is walked once")
  func cycles() {
    let (a, b) = (Ring(), Ring())
    a.next = b
    b.next = a
    defer { a.next = nil }
    #expect(Array(a.parameters.keys) == ["weight", "next.weight"])
    a.mode = .evaluation
    #expect(b.mode == .evaluation)
    b.mode = .training
    #expect(a.mode == .training)
  }

  @Test("The mode is set on the whole tree, and below a part of it")
  func modes() {
    let module = Everything()
    #expect(module.mode == .training)
    module.mode = .evaluation
    #expect(module.chain.layers.allSatisfy { $0.mode == .evaluation })
    #expect(module.nested[0][0].mode == .evaluation)
    module.chain.mode = .training
    #expect(module.mode == .evaluation)
    #expect(module.chain.layers.allSatisfy { $0.mode == .training })
    // A part may be set apart without its parent.
    module.chain.layers[1].mode = .evaluation
    module.chain.mode = .training
    #expect(module.chain.layers[1].mode == .training)
  }

  @Test("Initial values depend on seed and path alone", arguments: Setting.all)
  func initialization(setting: Setting) throws {
    func values(_ seed: UInt64, _ layers: [any Layer], input: Shape) throws -> [String: [Double]] {
      let model = Sequential(layers)
      _ = try model.build(input: input)
      model.initialize(seed: seed, on: setting.device, dtype: setting.dtype)
      return try Dictionary(
        uniqueKeysWithValues: model.parameters.map { ($0.key, try $0.value.value.array()) })
    }
    let small = try values(7, [Linear(5), ReLU(), Linear(3)], input: [4])
    #expect(try values(7, [Linear(5), ReLU(), Linear(3)], input: [4]) == small)
    let large = try values(
      7, [Linear(5), ReLU(), Linear(3), BatchNorm(), Linear(100), Dropout()], input: [4])
    for (path, numbers) in small { #expect(large[path] == numbers, "\(path)") }
    let other = try values(8, [Linear(5), ReLU(), Linear(3)], input: [4])
    for (path, numbers) in small { #expect(other[path] != numbers, "\(path)") }
    // Two layers of one shape differ by their paths.
    let twins = try values(7, [Linear(4), Linear(4)], input: [4])
    #expect(twins["0.weight"] != twins["1.weight"])
    #expect(twins["0.bias"] != twins["1.bias"])
  }

  @Test("Uniform initial values have the same bits on every device", arguments: Setting.all)
  func sameOnEveryDevice(setting: Setting) throws {
    func bytes(_ device: Device) throws -> [[UInt8]] {
      let model = try Sequential(input: [4], seed: 3, on: device, dtype: setting.dtype) {
        Linear(5)
        BatchNorm()
        Linear(2)
      }
      return try model.savedState().arrays.map(\.bytes)
    }
    #expect(try bytes(setting.device) == bytes(.reference))
  }

  @Test("Initialising anew forgets everything", arguments: Setting.all)
  func initializingAgain(setting: Setting) throws {
    let model = try Sequential(input: [3], seed: 1, on: setting.device, dtype: setting.dtype) {
      Linear(4)
      BatchNorm()
      Dropout(0.5)
    }
    let before = try model.savedState()
    let x = setting.range([5, 3])
    let first = try model(x).array(of: Double.self)
    #expect(try model(x).array(of: Double.self) != first)
    #expect(try model.savedState() != before)
    model.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    #expect(try model.savedState() == before)
    #expect(try model(x).array(of: Double.self) == first)
  }

  @Test(
    "Parameters start on 128 bytes of one run of memory, with zeros between", arguments: Setting.all
  )
  func layout(setting: Setting) throws {
    let model = try Sequential(input: [3], seed: 1, on: setting.device, dtype: setting.dtype) {
      Linear(5, weight: .ones, bias: .constant(2))
      Linear(1, weight: .constant(3), bias: .constant(4))
    }
    let unit = 128 / setting.dtype.byteCount
    let expected = [(15, 1.0), (5, 2), (5, 3), (1, 4)].flatMap { count, value in
      [Double](repeating: value, count: count) + [Double](repeating: 0, count: unit - count)
    }
    #expect(try Memory.arena(of: model) == expected)
  }
}

/// What lies in memory behind a model's parameters, padding included.
enum Memory {
  static func arena(of model: Module) throws -> [Double] {
    guard let any = model.parameters.values.first?.value else { return [] }
    let storage = any.view.storage
    var bytes = [UInt8](repeating: 0, count: storage.byteCount)
    try bytes.withUnsafeMutableBytes { try any.device.backend.read(storage, atByte: 0, into: $0) }
    return bytes.withUnsafeBytes { bytes in
      any.dtype == .float64
        ? Array(bytes.bindMemory(to: Double.self))
        : bytes.bindMemory(to: Float.self).map(Double.init)
    }
  }
}
