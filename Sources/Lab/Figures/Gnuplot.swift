public import Foundation

/// The program that draws figures.
public struct Gnuplot: Sendable {
  /// Where it is.
  public let path: URL

  /// The installed program; nil where there is none on the search path.
  public static var installed: Gnuplot? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return folders.map { URL(filePath: String($0)).appending(path: "gnuplot") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
      .map(Gnuplot.init)
  }

  /// What to tell somebody who has none.
  public static let advice =
    "no figures were drawn: gnuplot is not installed; install it with 'apt-get install gnuplot-nox'"

  /// Runs a script in a folder; throws ``GnuplotError`` with what gnuplot says where it fails.
  func run(_ script: String, in folder: URL) throws {
    let process = Process()
    process.executableURL = path
    process.arguments = [script]
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    let messages = Pipe()
    process.standardError = messages
    try process.run()
    let text = String(
      decoding: try messages.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let lines = text.split(whereSeparator: \.isNewline).joined(separator: " ")
      throw GnuplotError(
        description: "gnuplot \(folder.appending(path: script).path) failed: \(lines)")
    }
  }
}

/// A figure that gnuplot did not draw.
public struct GnuplotError: Error, Sendable, CustomStringConvertible {
  /// One line: the script, and what gnuplot says of it.
  public let description: String
}
