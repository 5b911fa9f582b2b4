import Compute
import OpenCLRuntime

/// Launches of a replay that follow each other and together are one launch: of a kernel in which a
/// single work-item makes one after the other.
///
/// A launch costs some microseconds whatever it computes, more where cores have to be woken for it,
/// and waits for the one before. So what is small is faster on one core, one after the other. Since
/// all that it does is known, the sizes are constants of the kernel.
struct Chain {
  /// What the kernel is built from.
  let source: ChainSource
  /// The kernel's arguments.
  let memory: [RecordedMemory]
  /// The positions of the recorded commands that it stands for.
  let commands: ClosedRange<Int>

  /// Chains what neighbours there are among the commands of a recording.
  ///
  /// - Parameters:
  ///   - omitted: The positions of commands that are not made.
  ///   - workLimit: The most work of a launch that is chained.
  ///   - specification: What a kernel was built from.
  ///   - place: Where a storage is.
  static func all(
    in commands: [RecordedCommand], omitting omitted: Set<Int>, workLimit: Int,
    specification: (PreparedKernel) -> (any KernelSpecification)?,
    place: (RecordedStorage) throws -> RecordedPlace
  ) rethrows -> [Chain] {
    var chains: [Chain] = []
    var builder = Builder()
    func finish() {
      if let chain = builder.chain { chains.append(chain) }
      builder = Builder()
    }
    for (position, command) in commands.enumerated() where !omitted.contains(position) {
      guard case .launch(let launch, let storages, _) = command, launch.work <= workLimit,
        let specification = specification(launch.kernel), !specification.sharesWork
      else {
        finish()
        continue
      }
      try builder.append(
        launch, specification, storages: storages.map { try $0.map(place) }, at: position)
    }
    finish()
    return chains
  }

  private struct Builder {
    private var stages: [ChainSource.Stage] = []
    private var calls: [String] = []
    private var memory: [RecordedMemory] = []
    private var commands: ClosedRange<Int>?

    /// The chain, if it has more than one stage.
    var chain: Chain? {
      guard calls.count > 1, let commands else { return nil }
      return Chain(
        source: ChainSource(stages: stages, calls: calls, memoryCount: memory.count),
        memory: memory, commands: commands)
    }

    mutating func append(
      _ launch: Launch, _ specification: any KernelSpecification, storages: [RecordedPlace?],
      at position: Int
    ) {
      commands = (commands?.lowerBound ?? position)...position
      var stage = ChainSource.Stage(launch, specification, number: stages.count)
      if let known = stages.first(where: { $0.isSame(as: stage) }) {
        stage = known
      } else {
        stages.append(stage)
      }
      let pointers = zip(launch.arguments, storages).compactMap { argument, place -> String? in
        guard case .storage = argument else { return nil }
        guard let place else { return "0" }
        let number = memory.firstIndex(of: place.memory) ?? memory.count
        if number == memory.count { memory.append(place.memory) }
        return place.byte == 0 ? "m\(number)" : "m\(number) + \(place.byte)"
      }
      calls.append("\(stage.name)(\(pointers.joined(separator: ", ")));")
    }
  }
}

/// Memory that a replay uses.
enum RecordedMemory: Hashable, Sendable {
  /// The n-th slab of what lives within a replay.
  case slab(Int)
  /// The n-th of the inputs.
  case input(Int)
  /// A storage from outside.
  case outside(ObjectIdentifier)
}

/// Where in memory a storage is.
struct RecordedPlace: Sendable {
  var memory: RecordedMemory
  var byte: Int
}

/// What the kernel of a chain is built from: its stages, and the order in which they are called.
///
/// A stage is a kernel's source with `STAGE`, and a function that calls it for every position with
/// the launch's numbers; only the pointers are its arguments.
struct ChainSource: Hashable, Sendable {
  /// The kernel function.
  static let function = "chain"

  /// A kernel as an ordinary function.
  struct Stage: Hashable, Sendable {
    /// The name of the function.
    let name: String
    /// The kernel's source file.
    let file: String
    /// The macros that specialise it.
    let definitions: Definitions
    /// The number of pointers that the function takes.
    let pointerCount: Int
    private let body: String

    init(_ launch: Launch, _ specification: any KernelSpecification, number: Int) {
      name = "stage_\(number)"
      file = specification.file
      let items = (0..<3).map { $0 < launch.items.dimensions ? launch.items[$0] : 1 }
      var definitions = specification.ownDefinitions
      definitions.append(["STAGE": .flag, "STAGE_SIZE_1": .integer(items[1])])
      self.definitions = definitions
      var pointerCount = 0
      let arguments = launch.arguments.map { argument in
        guard case .storage = argument else { return argument.source }
        defer { pointerCount += 1 }
        return "p\(pointerCount)"
      }
      self.pointerCount = pointerCount
      // Work-items of one group run side by side; that they do not meet in memory is a kernel's
      // promise.
      let hint = launch.local.count > 1 ? "_Pragma(\"clang loop vectorize(assume_safety)\")" : ""
      body = """
        for (ulong z = 0; z < \(items[2]); ++z)
          for (ulong y = 0; y < \(items[1]); ++y)
            \(hint)
            for (ulong x = 0; x < \(items[0]); ++x)
              \(specification.function)(\(arguments.joined(separator: ", ")), x, y, z);
        """
    }

    /// Whether two stages differ in nothing but their names.
    func isSame(as other: Stage) -> Bool {
      file == other.file && body == other.body && definitions == other.definitions
    }

    /// The function's head.
    var declaration: String {
      let parameters = (0..<pointerCount).map { "__global void *p\($0)" }
      return "void \(name)(\(parameters.joined(separator: ", ")))"
    }

    /// The function, to stand behind the kernel's source.
    var text: String { "\(declaration) {\n\(body)\n}\n" }
  }

  /// The stages, each once.
  let stages: [Stage]
  private let calls: [String]
  private let memoryCount: Int

  init(stages: [Stage], calls: [String], memoryCount: Int) {
    self.stages = stages
    self.calls = calls
    self.memoryCount = memoryCount
  }

  /// The name that errors give the program.
  var name: String { "chain of \(calls.count) stages" }

  /// The kernel.
  var text: String {
    let parameters = (0..<memoryCount).map { "__global uchar *m\($0)" }
    return """
      \(stages.map { "\($0.declaration);" }.joined(separator: "\n"))
      __kernel __attribute__((reqd_work_group_size(1, 1, 1)))
      void \(Self.function)(\(parameters.joined(separator: ", "))) {
      \(calls.joined(separator: "\n"))
      }

      """
  }
}

extension LaunchArgument {
  /// A number in OpenCL C, to the bit.
  fileprivate var source: String {
    switch self {
    case .storage: "0"
    case .float(let value): "as_float(\(value.bitPattern)u)"
    case .double(let value): "as_double(\(value.bitPattern)ul)"
    case .long(let value): "as_long(\(UInt64(bitPattern: value))ul)"
    case .words(let words): "(uint2)(\(words.x)u, \(words.y)u)"
    case .positions(let values, let type, let name):
      type.name == name
        ? "(\(name))\(type.source(values[0]))"
        : "(\(name)){\(values.map(type.source).joined(separator: ", "))}"
    }
  }
}

extension IndexType {
  /// A position in OpenCL C; a negative one wraps around.
  fileprivate func source(_ position: Int) -> String {
    switch self {
    case .narrow: "\(UInt32(truncatingIfNeeded: position))u"
    case .wide: "\(UInt64(bitPattern: Int64(position)))ul"
    }
  }
}
