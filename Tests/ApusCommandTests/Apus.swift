import Foundation
import Testing

/// The built executable, run as a user runs it.
struct Apus {
  /// What a run came to.
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String

    /// The last line of standard output.
    var lastLine: String {
      String(output.split(separator: "\n").last ?? "")
    }
  }

  /// The device that its commands compute on: the value of APUS_DEVICE.
  var device = "cpu"

  /// The executable, which is built beside the tests.
  static let executable: URL = {
    let bundle = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
    let folder = bundle?.deletingLastPathComponent() ?? Bundle.main.bundleURL
    return folder.appending(path: "apus")
  }()

  /// Runs the executable in a folder and waits for its end.
  func run(_ arguments: String..., in folder: Folder) throws -> Outcome {
    let process = try start(Self.executable, arguments, in: folder)
    process.waitUntilExit()
    return try outcome(of: process, in: folder)
  }

  /// Runs a line of the shell, in which `apus` is the executable.
  func shell(_ line: String, in folder: Folder) throws -> Outcome {
    let process = try start(
      URL(filePath: "/bin/sh"), ["-c", "apus() { '\(Self.executable.path)' \"$@\"; }; \(line)"],
      in: folder)
    process.waitUntilExit()
    return try outcome(of: process, in: folder)
  }

  /// Starts the executable in a folder, and ends it once `condition` holds for its output.
  func interrupted(
    when condition: (String) -> Bool, _ arguments: String..., in folder: Folder
  ) throws -> Outcome {
    let process = try start(Self.executable, arguments, in: folder)
    while process.isRunning, !condition(try folder.streams.text("stdout")) {
      Thread.sleep(forTimeInterval: 0.01)
    }
    // Threads of the tests have other signals blocked, and processes inherit that.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return try outcome(of: process, in: folder)
  }

  private func start(_ executable: URL, _ arguments: [String], in folder: Folder) throws -> Process
  {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = folder.url
    var environment = ProcessInfo.processInfo.environment
    environment["APUS_DEVICE"] = device
    process.environment = environment
    // Files, because a pipe that nobody empties would stop the process.
    process.standardOutput = try folder.streams.handle("stdout")
    process.standardError = try folder.streams.handle("stderr")
    process.standardInput = FileHandle.nullDevice
    try process.run()
    return process
  }

  private func outcome(of process: Process, in folder: Folder) throws -> Outcome {
    Outcome(
      status: process.terminationStatus, output: try folder.streams.text("stdout"),
      errors: try folder.streams.text("stderr"))
  }
}

/// A temporary folder, which goes when nobody refers to it any more.
final class Folder {
  let url: URL
  /// Where the output of commands is kept, apart from the files they leave.
  let streams: Streams

  struct Streams {
    fileprivate let url: URL

    fileprivate func handle(_ name: String) throws -> FileHandle {
      let file = url.appending(path: name)
      try Data().write(to: file)
      return try FileHandle(forWritingTo: file)
    }

    fileprivate func text(_ name: String) throws -> String {
      try String(contentsOf: url.appending(path: name), encoding: .utf8)
    }
  }

  /// Creates a folder with files of the given names and contents.
  init(_ files: [String: String] = [:]) throws {
    let root = FileManager.default.temporaryDirectory
      .appending(path: "apus-tests-\(UUID().uuidString)")
    url = root.appending(path: "work")
    streams = Streams(url: root.appending(path: "streams"))
    for folder in [url, streams.url] {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    for (name, text) in files { try write(text, to: name) }
  }

  deinit { try? FileManager.default.removeItem(at: url.deletingLastPathComponent()) }

  func path(_ name: String) -> URL { url.appending(path: name) }

  func write(_ text: String, to name: String) throws {
    let file = path(name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  func text(_ name: String) throws -> String { try String(contentsOf: path(name), encoding: .utf8) }

  func data(_ name: String) throws -> Data { try Data(contentsOf: path(name)) }

  /// Everything in the folder or one below it, hidden or not, sorted.
  func contents(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(name).path).sorted()
  }
}

/// The files of this repository that the tests read.
enum Repository {
  static let url = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func path(_ name: String) -> String { url.appending(path: name).path }
}

/// A small table and configurations for it.
enum Sample {
  /// Four rows whose class is that of the greater number.
  static let table = """
    a,b,label
    2,0,left
    0,2,right
    3,1,left
    1,3,right

    """

  /// A configuration that trains on the table, with lines added at its end.
  static func configuration(model: String = "[linear: 2]", _ lines: String = "") -> String {
    """
    data: {file: t.csv, heldOut: 0, standardize: false}
    model: \(model)
    \(lines)

    """
  }

  /// A folder with the table, and a configuration named `c.yaml`.
  static func folder(_ configuration: String = configuration()) throws -> Folder {
    try Folder(["t.csv": table, "c.yaml": configuration])
  }
}
