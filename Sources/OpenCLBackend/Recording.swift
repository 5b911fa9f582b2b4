public import Compute
import OpenCLRuntime
import Synchronization

extension OpenCLBackend {
  /// A recorder of the launches on this device.
  public func makeRecorder() -> (any LaunchRecorder)? { OpenCLRecorder(self) }
}

/// Notes launches on an OpenCL device.
private final class OpenCLRecorder: LaunchRecorder {
  private let notes = LaunchNotes()
  private let owner: OpenCLBackend
  let backend: any Backend

  init(_ owner: OpenCLBackend) {
    self.owner = owner
    backend = OpenCLBackend(owner, notingIn: notes)
  }

  func finish(inputs: [Storage]) -> any LaunchRecording {
    notes.recording(of: owner, inputs: inputs)
  }
}

/// A storage that a recorded command uses.
enum RecordedStorage: Sendable {
  /// The n-th of those made during the recording.
  case made(Int)
  /// The n-th of the inputs.
  case input(Int)
  /// One from outside, the same at every replay.
  case outside(OpenCLStorage)
}

/// What was enqueued.
enum RecordedCommand: Sendable {
  case launch(Launch, storages: [RecordedStorage?], outputs: [RecordedStorage])
  case write(Transfer, to: RecordedStorage, atByte: Int)

  /// The storages that it reads or writes.
  var storages: [RecordedStorage] {
    switch self {
    case .launch(_, let storages, _): storages.compactMap(\.self)
    case .write(_, let storage, _): [storage]
    }
  }

  /// The storages that it writes.
  var outputs: [RecordedStorage] {
    switch self {
    case .launch(_, _, let outputs): outputs
    case .write(_, let storage, _): [storage]
    }
  }
}

/// The commands that a recording backend enqueues, and the storages that it makes.
final class LaunchNotes: Sendable {
  private struct Made {
    weak var storage: OpenCLStorage?
    let byteCount: Int
  }

  private struct State {
    var commands: [RecordedCommand] = []
    var made: [Made] = []
    /// The number of the storage that is now at an address.
    var numbers: [ObjectIdentifier: Int] = [:]
    var isOpen = true

    func recorded(_ storage: OpenCLStorage) -> RecordedStorage {
      guard let number = numbers[ObjectIdentifier(storage)], made[number].storage === storage
      else { return .outside(storage) }
      return .made(number)
    }
  }

  private let state = Mutex(State())

  /// Notes a storage that was made.
  func add(made storage: OpenCLStorage) {
    state.withLock { state in
      guard state.isOpen else { return }
      state.numbers[ObjectIdentifier(storage)] = state.made.count
      state.made.append(Made(storage: storage, byteCount: storage.byteCount))
    }
  }

  /// Notes launches that were made.
  func add(_ launches: [Launch], writing outputs: [OpenCLStorage]) {
    state.withLock { state in
      guard state.isOpen else { return }
      for launch in launches {
        let storages = launch.arguments.map { argument -> RecordedStorage? in
          guard case .storage(let storage?) = argument else { return nil }
          return state.recorded(storage)
        }
        // What is made would live for ever if the notes held it.
        var kept = launch
        for (position, storage) in storages.enumerated() where storage != nil {
          kept.arguments[position] = .storage(nil)
        }
        state.commands.append(
          .launch(
            kept, storages: storages,
            outputs: launch.writesOutput ? outputs.map(state.recorded) : []))
      }
    }
  }

  /// Notes bytes that were written from the host.
  func add(writing bytes: UnsafeRawBufferPointer, to storage: OpenCLStorage, atByte offset: Int) {
    guard !bytes.isEmpty else { return }
    state.withLock { state in
      guard state.isOpen else { return }
      state.commands.append(
        .write(Transfer(copying: bytes), to: state.recorded(storage), atByte: offset))
    }
  }

  /// Ends the notes.
  func recording(of backend: OpenCLBackend, inputs: [Storage]) -> OpenCLRecording {
    state.withLock { state in
      state.isOpen = false
      func settled(_ storage: RecordedStorage) -> RecordedStorage {
        guard case .outside(let outside) = storage,
          let number = inputs.firstIndex(where: { $0 === outside })
        else { return storage }
        return .input(number)
      }
      let commands = state.commands.map { command -> RecordedCommand in
        switch command {
        case .launch(let launch, let storages, let outputs):
          .launch(
            launch, storages: storages.map { $0.map(settled) }, outputs: outputs.map(settled))
        case .write(let bytes, let storage, let offset):
          .write(bytes, to: settled(storage), atByte: offset)
        }
      }
      defer { state.commands = [] }
      return OpenCLRecording(
        backend: backend, commands: commands, byteCounts: state.made.map(\.byteCount),
        escapedCount: state.made.count { $0.storage != nil })
    }
  }
}

/// What was launched on an OpenCL device.
struct OpenCLRecording: LaunchRecording {
  let backend: OpenCLBackend
  let commands: [RecordedCommand]
  /// The sizes of the storages made during the recording.
  let byteCounts: [Int]
  let escapedCount: Int

  func firstDifference(from other: any LaunchRecording) -> String? {
    guard let other = other as? OpenCLRecording, other.backend === backend else {
      return "they were made on two devices"
    }
    for (number, (mine, theirs)) in zip(commands, other.commands).enumerated() {
      if let difference = difference(mine, theirs) {
        return "command \(number) (\(name(of: mine))): \(difference)"
      }
    }
    guard commands.count == other.commands.count else {
      return "there are \(commands.count) commands one time and \(other.commands.count) another"
    }
    return nil
  }

  private func name(of command: RecordedCommand) -> String {
    switch command {
    case .launch(let launch, _, _): backend.stream.name(of: launch.kernel)
    case .write: "a write from the host"
    }
  }

  private func difference(_ mine: RecordedCommand, _ theirs: RecordedCommand) -> String? {
    switch (mine, theirs) {
    case (.launch(let launch, let storages, _), .launch(let other, let otherStorages, _)):
      guard launch.kernel.number == other.kernel.number else {
        return "another time it is \(name(of: theirs)), or another variant"
      }
      guard launch.items == other.items, launch.local == other.local else {
        return "its sizes are \(launch.items) one time and \(other.items) another"
      }
      for (position, pair) in zip(launch.arguments, other.arguments).enumerated()
      where !pair.0.hasEqualValue(pair.1) {
        return "argument \(position), a number, changes from call to call"
      }
      for (position, pair) in zip(storages, otherStorages).enumerated()
      where !isSame(pair.0, pair.1) {
        return "argument \(position) is a tensor that changes from call to call and is no input"
      }
      return nil
    case (.write(let bytes, let storage, let offset), .write(let other, let target, let place)):
      guard isSame(storage, target), offset == place, bytes.bytes.elementsEqual(other.bytes) else {
        return "what is written changes from call to call"
      }
      return nil
    default:
      return "another time it is \(name(of: theirs))"
    }
  }

  private func isSame(_ mine: RecordedStorage?, _ theirs: RecordedStorage?) -> Bool {
    guard let mine, let theirs else { return mine == nil && theirs == nil }
    return mine.isSame(as: theirs)
  }

  func makeReplay() throws -> any LaunchReplay { try OpenCLReplay(self) }
}
