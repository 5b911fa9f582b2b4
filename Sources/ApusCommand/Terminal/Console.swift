import ArgumentParser
import Foundation

/// Standard output and standard error.
enum Console {
  /// Writes a line to standard output at once, so that a log shows how far a run has come.
  ///
  /// Throws when it cannot be written, as on a full disk: the output of a command is its result.
  static func print(_ line: String) throws { try emit(line + "\n") }

  /// Writes text to standard output.
  static func emit(_ text: String) throws {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count >= 0 {
        bytes = bytes.dropFirst(count)
      } else if errno == EPIPE {
        // Whoever read it has seen enough, as 'head' has.
        throw ExitCode.failure
      } else if errno != EINTR {
        throw OutputError("standard output", reason: String(cString: strerror(errno)))
      }
    }
  }

  /// Writes a line to standard error; there is nowhere to say that it failed.
  static func report(_ line: String) {
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
  }

  /// The number of columns of the terminal on standard output, or a usual one.
  static var width: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Whether standard output is a terminal on which a line can be drawn anew.
  static var isTerminal: Bool {
    isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }
}
