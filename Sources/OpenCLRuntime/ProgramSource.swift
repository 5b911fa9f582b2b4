/// OpenCL C as the compiler gets it: a named text with its `#include "…"` lines expanded.
///
/// Each line keeps the name and number it has in its own file, by `#line` directives, so that a
/// compiler's messages point to the right place, and no driver has to search for files.
public struct ProgramSource: Hashable, Sendable {
  /// The name of the main file, as the compiler's messages give it.
  public let name: String

  /// The text with all includes expanded.
  public private(set) var text: String

  /// The text of each file as it was written, by name.
  public private(set) var files: [String: String]

  /// Makes a source that includes nothing.
  public init(name: String, text: String) {
    self.name = name
    self.text = "\(Self.lineDirective(1, name))\n\(text)"
    files = [name: text]
  }

  /// Makes a source and expands its `#include "name"` lines, and those of what it includes.
  ///
  /// A file is expanded where it is included first, and only there, as if each had `#pragma once`.
  /// Conditions and comments around the line are not looked at; `#include <name>` is left to the
  /// compiler.
  /// - Parameters:
  ///   - name: The name of the main file.
  ///   - text: The text of the main file.
  ///   - resolve: Gives the text of an included file, or nil if there is no such file.
  /// - Throws: ``IncludeError`` if a file is missing, cannot be read, or includes itself.
  public init(
    name: String, text: String, resolvingIncludes resolve: (String) throws -> String?
  ) throws(IncludeError) {
    var expansion = Expansion(files: [name: text])
    try expansion.append(name, text, chain: [name], resolve)
    self.name = name
    self.text = expansion.text
    files = expansion.files
  }

  /// The source with another text behind it, whose lines have a name and numbers of their own.
  public func appending(_ text: String, name: String) -> ProgramSource {
    var result = self
    result.text += "\n\(Self.lineDirective(1, name))\n\(text)"
    result.files[name] = text
    return result
  }

  /// The text with definitions in front: all that the compiler sees, and so what a cache goes by.
  public func text(defining definitions: Definitions) -> String {
    guard !definitions.all.isEmpty else { return text }
    return "\(Self.lineDirective(1, definitionsName))\n\(definitions.text)\(text)"
  }

  /// The name under which the compiler knows the lines of the definitions.
  var definitionsName: String { "\(name).definitions" }

  fileprivate static func lineDirective(_ number: Int, _ file: String) -> String {
    let escaped = file.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
    return "#line \(number) \"\(escaped)\""
  }
}

/// An `#include` that could not be expanded.
public struct IncludeError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong.
  public enum Reason: Hashable, Sendable {
    /// There is no such file.
    case missing
    /// The file is there but could not be read, for the reason given.
    case unreadable(String)
    /// The file is among those that include it.
    case cycle
  }

  /// What went wrong.
  public let reason: Reason

  /// The files from the main one to the one that could not be included.
  public let chain: [String]

  /// The line of the `#include`, in the last file of the chain but one.
  public let line: Int

  /// The place, the file and the chain of files that led there, in one line.
  public var description: String {
    let file = chain.last ?? ""
    let place = "\(chain.dropLast().last ?? ""):\(line)"
    let path = chain.joined(separator: " → ")
    switch reason {
    case .missing: return "\(place): no file '\(file)' to include (\(path))"
    case .unreadable(let why): return "\(place): '\(file)' cannot be read: \(why) (\(path))"
    case .cycle: return "\(place): '\(file)' includes itself (\(path))"
    }
  }
}

/// The state of expanding includes.
private struct Expansion {
  var text = ""
  var files: [String: String]

  mutating func append(
    _ name: String, _ source: String, chain: [String], _ resolve: (String) throws -> String?
  ) throws(IncludeError) {
    text += ProgramSource.lineDirective(1, name) + "\n"
    let lines = source.split(omittingEmptySubsequences: false) { $0.isNewline }
    for (index, line) in lines.enumerated() {
      guard let included = Self.includedFile(line) else {
        text += line
        if index < lines.count - 1 { text += "\n" }
        continue
      }
      let path = chain + [included]
      if chain.contains(included) {
        throw IncludeError(reason: .cycle, chain: path, line: index + 1)
      }
      if files[included] == nil {
        let content = try Self.content(of: included, path, line: index + 1, resolve)
        files[included] = content
        try append(included, content, chain: path, resolve)
        if !text.hasSuffix("\n") { text += "\n" }
        text += ProgramSource.lineDirective(index + 2, name)
      }
      // In place of the include, so that what follows keeps its line number.
      text += "\n"
    }
  }

  private static func content(
    of file: String, _ chain: [String], line: Int, _ resolve: (String) throws -> String?
  ) throws(IncludeError) -> String {
    let content: String?
    do {
      content = try resolve(file)
    } catch {
      throw IncludeError(reason: .unreadable("\(error)"), chain: chain, line: line)
    }
    guard let content else { throw IncludeError(reason: .missing, chain: chain, line: line) }
    return content
  }

  /// The name in a line `#include "name"`.
  private static func includedFile(_ line: Substring) -> String? {
    var rest = line.drop(while: \.isWhitespace)
    guard rest.popFirst() == "#" else { return nil }
    rest = rest.drop(while: \.isWhitespace)
    guard rest.hasPrefix("include") else { return nil }
    rest = rest.dropFirst("include".count).drop(while: \.isWhitespace)
    guard rest.popFirst() == "\"" else { return nil }
    let file = rest.prefix { $0 != "\"" }
    return file.isEmpty || file.endIndex == rest.endIndex ? nil : String(file)
  }
}
