import Compute
import OpenCLRuntime
import Synchronization

/// Recorded launches, each with a kernel object that has its arguments already.
final class OpenCLReplay: LaunchReplay {
  /// A command that is ready but for the inputs.
  private enum Command {
    /// `inputs` are arguments' positions, with the inputs that go there.
    case launch(
      DynamicKernel, inputs: [(argument: Int, input: Int)], global: WorkSize, local: WorkSize)
    case write(Transfer, Destination, atByte: Int)
  }

  private enum Destination {
    case buffer(Buffer)
    case input(Int)
  }

  let byteCount: Int

  private let backend: OpenCLBackend
  /// Each kernel once.
  private let kernels: [PreparedKernel]
  /// Kernel objects keep arguments, so they are used under a lock.
  private let commands: Mutex<[Command]>
  private let outputs: [OpenCLStorage]
  private let writtenInputs: [Int]
  /// The memory of what lives within a replay, and what the kernels read from outside.
  private let held: [OpenCLStorage]

  init(_ recording: OpenCLRecording) throws {
    let backend = recording.backend
    self.backend = backend
    let memory = try ReplayMemory(recording)
    byteCount = memory.slabs.reduce(0) { $0 + $1.byteCount }
    var outside: [ObjectIdentifier: OpenCLStorage] = [:]
    var outputs: [ObjectIdentifier: OpenCLStorage] = [:]
    var writtenInputs: Set<Int> = []
    for command in recording.commands {
      for case .outside(let storage) in command.storages {
        outside[ObjectIdentifier(storage)] = storage
      }
      for output in command.outputs {
        switch output {
        case .outside(let storage): outputs[ObjectIdentifier(storage)] = storage
        case .input(let number): writtenInputs.insert(number)
        case .made: break
        }
      }
    }
    self.outputs = Array(outputs.values)
    var kernels: [Int: PreparedKernel] = [:]
    for case .launch(let launch, _, _) in recording.commands {
      kernels[launch.kernel.number] = launch.kernel
    }
    self.kernels = Array(kernels.values)
    self.writtenInputs = writtenInputs.sorted()
    held = memory.slabs + outside.values
    let commands = try recording.commands.enumerated().compactMap { position, command -> Command? in
      if memory.copies.omitted.contains(position) { return nil }
      switch command {
      case .launch(let launch, let storages, _):
        return try Self.launch(launch, storages, memory, backend)
      case .write(let bytes, let storage, let offset):
        let destination: Destination =
          switch storage {
          case .made(let number): .buffer(try memory.buffer(number))
          case .outside(let outside): .buffer(try outside.bufferOfBytes())
          case .input(let number): .input(number)
          }
        return .write(bytes, destination, atByte: offset)
      }
    }
    self.commands = Mutex(commands)
  }

  /// What the host's bytes are read from must stay until the device has read it.
  deinit { try? backend.wait() }

  private static func launch(
    _ launch: Launch, _ storages: [RecordedStorage?], _ memory: ReplayMemory,
    _ backend: OpenCLBackend
  ) throws -> Command {
    let kernel = try backend.stream.duplicate(launch.kernel)
    var inputs: [(argument: Int, input: Int)] = []
    for (position, argument) in launch.arguments.enumerated() {
      let made: Buffer? =
        if case .made(let number) = storages[position] { try memory.buffer(number) } else { nil }
      do throws(OpenCLError) {
        switch storages[position] {
        case .made: try kernel.set(position, to: made)
        case .outside(let storage): try kernel.set(position, to: storage.buffer)
        case .input(let number): inputs.append((position, number))
        case nil: try kernel.set(position, to: argument)
        }
      } catch {
        throw BackendError(error)
      }
    }
    return .launch(kernel, inputs: inputs, global: launch.global, local: launch.local)
  }

  func launch(inputs: [Storage]) throws {
    let inputs = try inputs.map { try $0.onDevice() }
    for storage in outputs { if let failure = storage.failure { throw failure } }
    try commands.withLock { commands in
      try backend.stream.replay(kernels, writing: outputs + writtenInputs.map { inputs[$0] }) {
        queue, count throws(OpenCLError) in
        for command in commands {
          switch command {
          case .launch(let kernel, let positions, let global, let local):
            for (argument, input) in positions {
              try kernel.set(argument, to: inputs[input].buffer)
            }
            try queue.enqueueAgain(kernel, global: global, local: local)
            count += 1
          case .write(let bytes, let destination, let offset):
            let buffer: Buffer? =
              switch destination {
              case .buffer(let buffer): buffer
              case .input(let number): inputs[number].buffer
              }
            if let buffer { try queue.enqueueWrite(bytes.bytes, to: buffer, at: offset) }
            count += 1
          }
        }
      }
    }
  }
}

/// The memory of the storages that live only within a replay.
private struct ReplayMemory {
  let slabs: [OpenCLStorage]
  /// What is written where it would have been copied to.
  let copies: CopyElimination
  private var buffers: [Int: Buffer] = [:]

  init(_ recording: OpenCLRecording) throws {
    let device = recording.backend.device
    let alignment = max(device.baseAddressAlignment, 64)
    copies = CopyElimination(recording, alignment: alignment)
    var uses: [Int: ClosedRange<Int>] = [:]
    for (position, command) in recording.commands.enumerated() {
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
    do throws(OpenCLError) {
      for (number, place) in zip(numbers, plan.places) {
        buffers[number] = try slabs[place.slab].buffer?.part(
          at: place.offset, bytes: recording.byteCounts[number])
      }
      for (number, alias) in copies.aliases {
        let whole: Buffer? =
          switch alias.target {
          case .made(let target): buffers[target]
          case .outside(let storage): storage.buffer
          case .input: nil
          }
        buffers[number] = try whole?.part(at: alias.byte, bytes: recording.byteCounts[number])
      }
    } catch {
      throw BackendError(error)
    }
  }

  /// The part of a slab that a storage has; nil for one of no bytes.
  func buffer(_ number: Int) throws -> Buffer {
    guard let buffer = buffers[number] else {
      throw BackendError(.execution, "a recorded launch uses a storage of no bytes")
    }
    return buffer
  }
}

extension OpenCLStorage {
  fileprivate func bufferOfBytes() throws -> Buffer {
    guard let buffer else {
      throw BackendError(.execution, "bytes were written to a storage of no bytes")
    }
    return buffer
  }
}
