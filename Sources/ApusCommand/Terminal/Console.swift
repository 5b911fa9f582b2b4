import Foundation

/// Standard output and standard error.
enum Console {
  /// Writes a line to standard output at once, so that a log shows how far a run has come.
  ///
  /// Throws when it cannot be written, as on a full disk: the output of a command is its result.
  static func print(_ line: String) throws { try write(line + "\n") }

  /// Writes text to standard output.
  static func write(_ text: String) throws {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      throw OutputError("standard output", error)
    }
  }

  /// Writes a line to standard error; there is nowhere to say that it failed.
  static func report(_ line: String) {
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
  }

  /// Whether standard output is a terminal on which a line can be drawn anew.
  static var isTerminal: Bool {
    isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }
}
