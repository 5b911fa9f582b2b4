/// Noting launches while they are made, so that they can be made again without being decided anew.
public protocol RecordingBackend {
  /// A recorder of the launches that are made through it; nil where launches are not recorded.
  func makeRecorder() -> (any LaunchRecorder)?
}

/// Makes launches as a backend does, and notes them.
public protocol LaunchRecorder: AnyObject, Sendable {
  /// The same device, memory and queue, with every launch noted.
  var backend: any Backend { get }

  /// Ends the recording.
  ///
  /// - Parameter inputs: Storages from outside that others take the place of in a replay.
  func finish(inputs: [Storage]) -> any LaunchRecording
}

/// Launches that were made, in their order.
public protocol LaunchRecording: Sendable {
  /// How many of the storages made during the recording are still in use.
  ///
  /// A replay would overwrite them.
  var escapedCount: Int { get }

  /// Where another recording of the same work first differs from this one; nil where it does not.
  ///
  /// What is compared is all that a replay repeats: kernels, sizes, numbers, and which storages
  /// are read and written, inputs aside.
  func firstDifference(from other: any LaunchRecording) -> String?

  /// The launches, ready to be made again; the memory between them is planned and held.
  func makeReplay() throws -> any LaunchReplay
}

/// Launches that can be made again.
public protocol LaunchReplay: AnyObject, Sendable {
  /// The bytes held for what lives only within a replay.
  var byteCount: Int { get }

  /// Makes all launches, reading other inputs, of the recorded ones' sizes and in their order.
  ///
  /// Throws when one cannot be made; what they write outside is then failed unless none was made.
  func launch(inputs: [Storage]) throws
}
