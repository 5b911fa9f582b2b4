import Compute
import Logging
import OpenCLRuntime
import Synchronization

/// Recorded launches, each with a kernel object that has its arguments already.
final class OpenCLReplay: LaunchReplay {
  /// A command that is ready but for the inputs.
  private enum Command {
    /// `inputs` are arguments' positions, with the inputs that go there.
    case launch(
      DynamicKernel, number: Int, inputs: [(argument: Int, input: Int)], global: WorkSize,
      local: WorkSize)
    case write(Transfer, Destination, atByte: Int)
  }

  private enum Destination {
    case buffer(Buffer)
    case input(Int)
  }

  /// Kernel objects keep arguments, so they are used under a lock.
  private struct State {
    var commands: [Command]
    /// Each kernel once.
    var kernels: [PreparedKernel]
    /// The replays that are made before chains are compiled; nil if there are none to compile.
    var replaysBeforeChaining: Int?
  }

  let byteCount: Int

  private let recording: OpenCLRecording
  private let memory: ReplayMemory
  private let chains: [Chain]
  private let state: Mutex<State>
  private let outputs: [OpenCLStorage]
  private let writtenInputs: [Int]

  init(_ recording: OpenCLRecording) throws {
    self.recording = recording
    let memory = try ReplayMemory(recording)
    self.memory = memory
    byteCount = memory.slabs.reduce(0) { $0 + $1.byteCount }
    var outputs: [ObjectIdentifier: OpenCLStorage] = [:]
    var writtenInputs: Set<Int> = []
    for command in recording.commands {
      for output in command.outputs {
        switch output {
        case .outside(let storage): outputs[ObjectIdentifier(storage)] = storage
        case .input(let number): writtenInputs.insert(number)
        case .made: break
        }
      }
    }
    self.outputs = Array(outputs.values)
    self.writtenInputs = writtenInputs.sorted()

    let backend = recording.backend
    chains = try Chain.all(
      in: recording.commands, omitting: memory.copies.omitted,
      workLimit: backend.profile.chainedWork, specification: backend.stream.specification,
      place: memory.place)
    let (commands, kernels) = try Self.commands(recording, memory, [])
    state = Mutex(State(commands: commands, kernels: kernels))
    guard !chains.isEmpty else { return }
    let areBuilt = try chains.allSatisfy { try backend.stream.has($0.source) }
    state.withLock { state in
      if areBuilt || backend.profile.chainDelay == 0 {
        chain(&state)
      } else {
        state.replaysBeforeChaining = backend.profile.chainDelay
      }
    }
  }

  /// Makes chains of what is launched one by one.
  ///
  /// Both give the same bits, so a chain that cannot be built is only slower.
  private func chain(_ state: inout State) {
    do {
      (state.commands, state.kernels) = try Self.commands(recording, memory, chains)
    } catch {
      Logger(label: "apus.replay").notice("launches are not chained: \(error)")
    }
  }

  /// What the host's bytes are read from must stay until the device has read it.
  deinit { try? recording.backend.wait() }

  /// Makes kernel objects for the recorded commands, a chain's in one.
  private static func commands(
    _ recording: OpenCLRecording, _ memory: ReplayMemory, _ chains: [Chain]
  ) throws -> ([Command], [PreparedKernel]) {
    let stream = recording.backend.stream
    var commands: [Command] = []
    var kernels: [Int: PreparedKernel] = [:]
    func append(
      _ prepared: PreparedKernel, _ arguments: [ReplayArgument], global: WorkSize, local: WorkSize
    ) throws {
      kernels[prepared.number] = prepared
      let kernel = try stream.duplicate(prepared)
      var inputs: [(argument: Int, input: Int)] = []
      do throws(OpenCLError) {
        for (position, argument) in arguments.enumerated() {
          switch argument {
          case .buffer(let buffer): try kernel.set(position, to: buffer)
          case .number(let number): try kernel.set(position, to: number)
          case .input(let number): inputs.append((position, number))
          }
        }
      } catch {
        throw BackendError(error)
      }
      commands.append(
        .launch(kernel, number: prepared.number, inputs: inputs, global: global, local: local))
    }

    var waiting = chains[...]
    for (position, command) in recording.commands.enumerated() {
      if let chain = waiting.first, chain.commands.contains(position) {
        guard position == chain.commands.upperBound else { continue }
        waiting.removeFirst()
        try append(
          try stream.prepare(chain.source), chain.memory.map(memory.argument),
          global: WorkSize(1), local: WorkSize(1))
        continue
      }
      if memory.copies.omitted.contains(position) { continue }
      switch command {
      case .launch(let launch, let storages, _):
        let arguments = try zip(launch.arguments, storages).map { argument, storage in
          if let storage { return try memory.argument(storage) }
          if case .storage = argument { return ReplayArgument.buffer(nil) }
          return .number(argument)
        }
        try append(launch.kernel, arguments, global: launch.global, local: launch.local)
      case .write(let bytes, let storage, let offset):
        let destination: Destination =
          switch try memory.argument(storage) {
          case .input(let number): .input(number)
          case .buffer(let buffer?): .buffer(buffer)
          default:
            throw BackendError(.execution, "bytes were written to a storage of no bytes")
          }
        commands.append(.write(bytes, destination, atByte: offset))
      }
    }
    return (commands, Array(kernels.values))
  }

  func launch(inputs: [Storage]) throws {
    let inputs = try inputs.map { try $0.onDevice() }
    for storage in outputs { if let failure = storage.failure { throw failure } }
    try state.withLock { state in
      if let left = state.replaysBeforeChaining {
        state.replaysBeforeChaining = left > 0 ? left - 1 : nil
        if left == 0 { chain(&state) }
      }
      try recording.backend.stream.replay(
        state.kernels, writing: outputs + writtenInputs.map { inputs[$0] }
      ) { series throws(OpenCLError) in
        for command in state.commands {
          switch command {
          case .launch(let kernel, let number, let positions, let global, let local):
            for (argument, input) in positions {
              try kernel.set(argument, to: inputs[input].buffer)
            }
            try series.launch(kernel, number: number, global: global, local: local)
          case .write(let bytes, let destination, let offset):
            let buffer: Buffer? =
              switch destination {
              case .buffer(let buffer): buffer
              case .input(let number): inputs[number].buffer
              }
            if let buffer { try series.write(bytes, to: buffer, atByte: offset) }
          }
        }
      }
    }
  }
}

/// What a recorded launch takes at a replay.
private enum ReplayArgument {
  case buffer(Buffer?)
  case number(LaunchArgument)
  case input(Int)
}

/// The memory of the storages that live only within a replay, and what the kernels use from outside.
private struct ReplayMemory {
  let slabs: [OpenCLStorage]
  /// What is written where it would have been copied to.
  let copies: CopyElimination
  private var places: [Int: RecordedPlace] = [:]
  /// The parts of slabs and of storages from outside, by the number of what was made.
  private var parts: [Int: Buffer] = [:]
  private var outside: [ObjectIdentifier: OpenCLStorage] = [:]

  init(_ recording: OpenCLRecording) throws {
    let device = recording.backend.device
    let alignment = max(device.baseAddressAlignment, 64)
    copies = CopyElimination(recording, alignment: alignment)
    var uses: [Int: ClosedRange<Int>] = [:]
    for (position, command) in recording.commands.enumerated() {
      for case .outside(let storage) in command.storages {
        outside[ObjectIdentifier(storage)] = storage
      }
      for case .made(let number) in command.storages where recording.byteCounts[number] > 0 {
        var place = number
        if let alias = copies.aliases[number] {
          guard case .made(let whole) = alias.target else { continue }
          place = whole
        }
        uses[place] = min(uses[place]?.lowerBound ?? position, position)...position
      }
    }
    let numbers = uses.keys.sorted()
    let plan = MemoryPlan(
      numbers.map { .init(byteCount: recording.byteCounts[$0], commands: uses[$0] ?? 0...0) },
      alignment: alignment, slabLimit: device.maxAllocation)
    slabs = try plan.slabs.map { try recording.backend.scratch(byteCount: $0) }
    for (number, place) in zip(numbers, plan.places) {
      places[number] = RecordedPlace(memory: .slab(place.slab), byte: place.offset)
    }
    for (number, alias) in copies.aliases {
      var place = try self.place(alias.target)
      place.byte += alias.byte
      places[number] = place
    }
    do throws(OpenCLError) {
      for (number, place) in places {
        parts[number] = try whole(place.memory)?.part(
          at: place.byte, bytes: recording.byteCounts[number])
      }
    } catch {
      throw BackendError(error)
    }
  }

  /// Where a storage is.
  func place(_ storage: RecordedStorage) throws -> RecordedPlace {
    switch storage {
    case .input(let number): return RecordedPlace(memory: .input(number), byte: 0)
    case .outside(let storage):
      return RecordedPlace(memory: .outside(ObjectIdentifier(storage)), byte: 0)
    case .made(let number):
      guard let place = places[number] else { throw Self.nothing }
      return place
    }
  }

  /// What stands for a storage as an argument.
  func argument(_ storage: RecordedStorage) throws -> ReplayArgument {
    switch storage {
    case .input(let number): return .input(number)
    case .outside(let storage): return .buffer(storage.buffer)
    case .made(let number):
      guard let part = parts[number] else { throw Self.nothing }
      return .buffer(part)
    }
  }

  /// What stands for memory as an argument.
  func argument(_ memory: RecordedMemory) -> ReplayArgument {
    if case .input(let number) = memory { .input(number) } else { .buffer(whole(memory)) }
  }

  private func whole(_ memory: RecordedMemory) -> Buffer? {
    switch memory {
    case .slab(let number): slabs[number].buffer
    case .outside(let storage): outside[storage]?.buffer
    case .input: nil
    }
  }

  private static var nothing: BackendError {
    BackendError(.execution, "a recorded launch uses a storage of no bytes")
  }
}
