import Compute

/// Notes what a computation launches on a device, so that it can be launched again.
///
/// A replay runs no Swift code of the computation: it repeats the launches, on other inputs.
package final class Recorder: Sendable {
  /// The recorder of the computation that runs now.
  @TaskLocal static var current: Recorder?

  private let device: Device
  private let recorder: (any LaunchRecorder)?
  /// Arenas that the computation writes, unless they are its own and end with it.
  ///
  /// Only the recording thread adds to them.
  nonisolated(unsafe) private var arenas: [ObjectIdentifier: WeakArena] = [:]

  private init(_ device: Device, isNoting: Bool) {
    self.device = device
    recorder = isNoting ? device.backend.makeRecorder() : nil
  }

  /// The backend that notes launches on a device; nil for another device than the recorded one.
  func backend(for other: Device) -> (any Backend)? {
    other == device ? recorder?.backend : nil
  }

  func note(writing arena: Arena) {
    arenas[ObjectIdentifier(arena)] = WeakArena(arena: arena)
  }

  /// Runs a computation, and notes what it launches on a device.
  ///
  /// Reading a tensor within it traps, whether or not launches can be noted.
  ///
  /// - Parameters:
  ///   - device: Whose launches are noted.
  ///   - inputs: Tensors that others take the place of in a replay.
  ///   - isNoting: Whether anything is to be noted.
  ///   - body: The computation.
  /// - Returns: The recording; nil if nothing was to be or could be noted.
  package static func record(
    on device: Device, inputs: [Tensor], isNoting: Bool = true, _ body: () throws -> Void
  ) rethrows -> Recording? {
    let recorder = Recorder(device, isNoting: isNoting)
    try $current.withValue(recorder) { try body() }
    return recorder.recorder.map {
      Recording(
        launches: $0.finish(inputs: inputs.map(\.view.storage)),
        arenas: recorder.arenas.values.compactMap(\.arena))
    }
  }

  /// Runs something that is no part of the recording.
  package static func pausing<Result>(_ body: () -> Result) -> Result {
    guard current != nil else { return body() }
    return $current.withValue(nil, operation: body)
  }

  /// Stops a computation that does what a replay could not.
  static func trapIfRecording(_ what: String) {
    require(
      current == nil,
      """
      \(what) inside a training step, which is recorded to be replayed on the device; return the \
      tensor from the step, or make the step with isCaptured: false
      """)
  }
}

private struct WeakArena {
  weak var arena: Arena?
}

/// What a computation launched.
package struct Recording {
  fileprivate let launches: any LaunchRecording
  fileprivate let arenas: [Arena]

  /// Why the computation cannot be replayed; nil if it can.
  ///
  /// - Parameter other: A recording of it on other inputs.
  package func obstacle(comparedWith other: Recording) -> String? {
    if let difference = launches.firstDifference(from: other.launches) { return difference }
    let escaped = launches.escapedCount
    return escaped == 0
      ? nil
      : """
      \(escaped) tensor\(escaped == 1 ? "" : "s") computed in it \
      \(escaped == 1 ? "is" : "are") still in use
      """
  }

  /// The computation, ready to be launched again; throws when there is no memory for it.
  package func makeReplay() throws -> Replay {
    Replay(launches: try launches.makeReplay(), arenas: arenas)
  }
}

/// A computation that can be launched again.
package struct Replay {
  fileprivate let launches: any LaunchReplay
  fileprivate let arenas: [Arena]

  /// The bytes that are held for what lives only within a replay.
  package var byteCount: Int { launches.byteCount }

  /// Launches the computation on other inputs, of the recorded shapes, dtypes and layouts.
  ///
  /// Returns why it was not launched, or nil.
  package func launch(_ inputs: [Tensor]) -> (any Error)? {
    for arena in arenas { arena.prepareToWrite() }
    do {
      try launches.launch(inputs: inputs.map(\.view.storage))
      return nil
    } catch {
      return error
    }
  }
}

extension Tensor {
  /// The tensor at the start of a storage, row-major: itself if it is, else a copy.
  package var standalone: Tensor {
    guard !isContiguous || view.offset != 0 else { return detached }
    let copy = device.allocate(dtype, shape)
    let source = view
    if count > 0 {
      device.launch(reading: [source], writing: [copy.view]) {
        try $0.map([.input(0)], of: [.view(source)], into: [copy.view])
      }
    }
    return copy
  }
}
