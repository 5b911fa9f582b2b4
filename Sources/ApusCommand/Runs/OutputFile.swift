import Foundation

/// A file that a command writes as a whole at its end, and knows from the start that it can.
struct OutputFile {
  let path: String

  /// Checks that the file can be written, without a trace.
  init(_ path: String) throws {
    self.path = path
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    guard !isDirectory.boolValue, !path.hasSuffix("/") else {
      throw UsageError("\(path) is a directory; expected a file to write to")
    }
    let folder = (path as NSString).deletingLastPathComponent
    let isWritable =
      exists
      ? access(path, W_OK) == 0 : access(folder.isEmpty ? "." : folder, W_OK | X_OK) == 0
    guard isWritable else { throw OutputError(path, reason: String(cString: strerror(errno))) }
  }

  /// Writes the file; a regular one replaces an older one only when it is complete.
  func write(_ text: String) throws { try write(Data(text.utf8)) }

  /// Writes the file; a regular one replaces an older one only when it is complete.
  func write(_ data: Data) throws {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    let isSpecial = attributes.map { $0[.type] as? FileAttributeType != .typeRegular } ?? false
    do {
      // A device, a pipe or a link is written to, not replaced.
      try data.write(
        to: URL(fileURLWithPath: path), options: isSpecial ? [] : .atomic)
    } catch {
      throw OutputError(path, error)
    }
  }
}
