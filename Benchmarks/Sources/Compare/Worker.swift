import Foundation

/// A process that measures cases for one contestant.
final class Worker {
  /// What was measured of a case.
  enum Answer {
    case seconds(Double)
    case skipped(String)
  }

  /// The contestant and its version.
  let name: String
  private let process: Process
  private let questions: FileHandle
  private let answers: LineReader

  /// Starts a process; throws ``Unavailable`` when it does not introduce itself.
  init(_ label: String, executable: URL, arguments: [String], directory: URL? = nil) throws {
    let (input, output) = (Pipe(), Pipe())
    process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = directory
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    questions = input.fileHandleForWriting
    answers = LineReader(output.fileHandleForReading)
    do {
      try process.run()
    } catch {
      throw Unavailable(label: label, reason: "\(executable.path) cannot be run")
    }
    guard case .worker(let name)? = answers.next().flatMap(Message.init) else {
      process.terminate()
      throw Unavailable(label: label, reason: "it did not start")
    }
    self.name = name
  }

  deinit {
    try? questions.close()
    process.terminate()
  }

  /// Measures a case once.
  func measure(_ line: String) -> Answer {
    do { try questions.write(contentsOf: Data("\(line)\n".utf8)) } catch {
      return .skipped("it has ended")
    }
    return switch answers.next().flatMap(Message.init) {
    case .seconds(let seconds): .seconds(seconds)
    case .skipped(let reason): .skipped(reason)
    default: .skipped("it has ended")
    }
  }
}

/// A contestant that cannot take part.
struct Unavailable: Error {
  let label: String
  let reason: String
}

/// A line of a worker.
private enum Message {
  case worker(String)
  case seconds(Double)
  case skipped(String)

  init?(_ line: String) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)),
      let fields = object as? [String: Any]
    else { return nil }
    if let name = fields["worker"] as? String {
      self = .worker(name)
    } else if let seconds = fields["seconds"] as? Double {
      self = .seconds(seconds)
    } else if let reason = fields["skipped"] as? String {
      self = .skipped(reason)
    } else {
      return nil
    }
  }
}

/// The lines of a pipe.
private final class LineReader {
  private let handle: FileHandle
  private var rest = Data()

  init(_ handle: FileHandle) { self.handle = handle }

  /// The next line; nil at the end.
  func next() -> String? {
    while true {
      if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        defer { rest = Data(rest[(end + 1)...]) }
        return String(decoding: rest[..<end], as: UTF8.self)
      }
      let more = handle.availableData
      guard !more.isEmpty else { return nil }
      rest += more
    }
  }
}
