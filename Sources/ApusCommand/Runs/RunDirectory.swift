import Foundation
import NeuralNetworks

/// The directory that a training leaves: the trained model and all that is needed to use it.
struct RunDirectory {
  /// The files of a run, all of which it has.
  enum File: String, CaseIterable {
    case model = "model.safetensors"
    case preprocessing = "preprocessing.safetensors"
    case configuration = "config.yaml"
    case metrics = "metrics.csv"
    case training = "training.safetensors"
  }

  /// The directory as the user named it.
  let path: String
  /// The directory itself, where a link leads to it.
  private let target: URL

  init(path: String) {
    self.path = path
    // Found once: a link leads nowhere while the directory is being replaced.
    target = URL(fileURLWithPath: path).resolvingSymlinksInPath()
  }

  /// The path of a file, as errors name it.
  func path(of file: File) -> String {
    path.hasSuffix("/") ? path + file.rawValue : "\(path)/\(file.rawValue)"
  }

  func url(of file: File) -> URL { URL(fileURLWithPath: path(of: file)) }

  // MARK: - Reading

  /// Checks that all files of a run are there.
  func checkIsRun() throws(RunError) {
    let missing = File.allCases.filter { !FileManager.default.fileExists(atPath: path(of: $0)) }
    guard let first = missing.first else { return }
    let problem =
      FileManager.default.fileExists(atPath: path) ? "has no \(first.rawValue)" : "does not exist"
    throw RunError("\(path) \(problem); expected a directory that 'apus train' left")
  }

  /// Where the training of a run stood when it ended.
  func checkpoint() throws -> TrainingCheckpoint {
    try checkIsRun()
    return try TrainingCheckpoint(contentsOf: url(of: .training))
  }

  // MARK: - Writing

  /// Checks that the directory can be written, or replaced, without a trace.
  ///
  /// What may be replaced is an earlier run and an empty directory, and nothing else. Throws
  /// ``UsageError`` where something else stands there, ``OutputError`` where nothing can be written.
  func checkCanPublish() throws {
    let files = FileManager.default
    var isDirectory: ObjCBool = false
    if files.fileExists(atPath: target.path, isDirectory: &isDirectory) {
      guard isDirectory.boolValue else {
        throw UsageError("\(path) is a file; expected a directory to write to")
      }
      let here = URL(fileURLWithPath: files.currentDirectoryPath).resolvingSymlinksInPath().path
      guard !(here + "/").hasPrefix(target.path == "/" ? "/" : target.path + "/") else {
        throw UsageError(
          "\(path) holds the working directory; expected a directory of its own to write to")
      }
      let strangers: [String]
      do {
        strangers = try files.contentsOfDirectory(atPath: target.path)
          .filter { File(rawValue: $0) == nil }.sorted()
      } catch {
        throw OutputError(path, error)
      }
      if let stranger = strangers.first {
        throw UsageError(
          """
          \(path) holds more than an earlier run, such as \(stranger), which would be lost; \
          expected another directory to write to
          """)
      }
    }
    // The nearest folder that exists shows whether the missing ones can be made.
    var folder = target.deletingLastPathComponent()
    while !files.fileExists(atPath: folder.path), folder.path != "/" {
      folder = folder.deletingLastPathComponent()
    }
    let probe = sibling("probe", in: folder)
    do {
      try files.createDirectory(at: probe, withIntermediateDirectories: false)
      try files.removeItem(at: probe)
    } catch {
      throw OutputError(path, error)
    }
  }

  /// Puts the directory in place, complete: what `write` leaves in an empty folder.
  ///
  /// Until then an earlier run stays as it was; when something goes wrong it stays for good.
  func publish(_ write: (RunDirectory) throws -> Void) throws {
    try checkCanPublish()
    // The writing takes milliseconds; an interruption in the middle would leave a part.
    let handlers = [SIGINT, SIGTERM, SIGHUP].map { ($0, signal($0, SIG_IGN)) }
    defer { for (number, handler) in handlers { signal(number, handler) } }
    let files = FileManager.default
    let folder = target.deletingLastPathComponent()
    let partial = sibling("partial", in: folder)
    do {
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
      try files.createDirectory(at: partial, withIntermediateDirectories: false)
      try write(RunDirectory(path: partial.path))
      try replace(with: partial)
    } catch {
      try? files.removeItem(at: partial)
      throw OutputError(path, error)
    }
  }

  private func replace(with partial: URL) throws {
    let files = FileManager.default
    guard files.fileExists(atPath: target.path) else {
      return try files.moveItem(at: partial, to: target)
    }
    let earlier = sibling("earlier", in: target.deletingLastPathComponent())
    try files.moveItem(at: target, to: earlier)
    do {
      try files.moveItem(at: partial, to: target)
    } catch {
      try files.moveItem(at: earlier, to: target)
      throw error
    }
    try files.removeItem(at: earlier)
  }

  /// A hidden directory beside this one, on the same file system, that no other process names.
  private func sibling(_ purpose: String, in folder: URL) -> URL {
    let process = ProcessInfo.processInfo.processIdentifier
    return folder.appendingPathComponent(".\(target.lastPathComponent).\(process).\(purpose)")
  }
}

/// A directory is not what a training leaves, or data is not what it was made with.
struct RunError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
