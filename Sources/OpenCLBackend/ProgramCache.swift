import Compute
import Foundation
import Logging
import OpenCLRuntime
import Synchronization

/// Built programs, in memory and on disk.
///
/// A program is found by its text, definitions and headers included, and its options. On disk the
/// platform, the device, its driver's version and the format of the file count too: all are hashed
/// into the file's name. What is on disk is a hint: a file that cannot be read, is damaged, or that
/// the driver refuses is built anew, and one that cannot be written is left out.
final class ProgramCache: Sendable {
  private let context: Context
  private let library: KernelLibrary
  private let directory: String?
  private let options = BuildOptions()
  private let entries = Mutex<[String: CachedProgram]>([:])
  private let log = Logger(label: "apus.programs")

  init(_ context: Context, library: KernelLibrary, directory: String?) {
    self.context = context
    self.library = library
    self.directory = directory
  }

  /// Where built programs are kept: nil if `APUS_CACHE` is `off`, else `apus` in
  /// `$XDG_CACHE_HOME` or `~/.cache`.
  static func directory(environment: [String: String]) -> String? {
    if environment["APUS_CACHE"]?.lowercased() == "off" { return nil }
    if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty { return "\(cache)/apus" }
    return environment["HOME"].map { "\($0)/.cache/apus" }
  }

  /// The program of a specification, from memory, from disk, or built.
  ///
  /// Throws `BackendError` of kind `build` with the compiler's messages.
  func program(of specification: some KernelSpecification) throws -> CachedProgram {
    let source = try library.source(specification.file)
    let definitions = specification.ownDefinitions
    let text = source.text(defining: definitions)
    return try program(name: source.name, text: text) { () throws(OpenCLError) in
      try Program(context, source: source, definitions: definitions, options: options)
    }
  }

  /// The program of a chain, from memory, from disk, or built.
  ///
  /// Throws `BackendError` of kind `build` with the compiler's messages.
  func program(of chain: ChainSource) throws -> CachedProgram {
    let sources = try sources(of: chain)
    return try program(name: chain.name, text: text(of: sources)) { () throws(OpenCLError) in
      try Program(context, linking: sources, name: chain.name, options: options)
    }
  }

  /// Whether the program of a chain need not be built.
  func has(_ chain: ChainSource) throws -> Bool {
    let text = text(of: try sources(of: chain))
    return entries.withLock { $0[text] != nil } || file(of: text)?.exists == true
  }

  private func sources(
    of chain: ChainSource
  ) throws -> [(source: ProgramSource, definitions: Definitions)] {
    try chain.stages.map { stage in
      let source = try library.source(stage.file)
      return (source.appending(stage.text, name: stage.name), stage.definitions)
    } + [(ProgramSource(name: chain.name, text: chain.text), Definitions())]
  }

  private func text(of sources: [(source: ProgramSource, definitions: Definitions)]) -> String {
    sources.map { $0.source.text(defining: $0.definitions) }.joined(separator: "\n")
  }

  private func file(of text: String) -> ProgramFile? {
    directory.map { directory in
      let device = context.device
      return ProgramFile(
        directory: directory,
        identity: [
          text, options.text, device.platform.name, device.platform.version, device.name,
          device.driverVersion,
        ])
    }
  }

  private func program(
    name: String, text: String, building build: () throws(OpenCLError) -> Program
  ) throws -> CachedProgram {
    if let known = entries.withLock({ $0[text] }) { return known }
    let file = file(of: text)
    let entry: CachedProgram
    if let restored = restored(from: file, name: name) {
      entry = restored
    } else {
      do throws(OpenCLError) {
        entry = CachedProgram(try build(), keptIn: file)
      } catch {
        throw BackendError(error)
      }
    }
    // Where two threads built the same program, both take the first.
    return entries.withLock { entries in
      let kept = entries[text] ?? entry
      entries[text] = kept
      return kept
    }
  }

  private func restored(from file: ProgramFile?, name: String) -> CachedProgram? {
    guard let file, let binary = file.read() else { return nil }
    do {
      let program = try Program(context, binary: binary, name: name, options: options)
      return CachedProgram(program, keptIn: nil)
    } catch {
      log.debug("\(file.path) is built anew: \(error)")
      file.remove()
      return nil
    }
  }
}

/// A program, which has one kernel, and where it is to be kept.
///
/// Some drivers compile a kernel for good when it first runs, so the binary is taken after that.
final class CachedProgram: Sendable {
  /// The program.
  let program: Program
  private let file: ProgramFile?

  /// - Parameter file: nil where the program is kept already, or never.
  init(_ program: Program, keptIn file: ProgramFile?) {
    self.program = program
    self.file = file
  }

  /// Whether the kernel's first run is waited for, to keep the binary.
  var isToBeKept: Bool { file != nil }

  /// Writes the binary; to be called after the kernel's first run.
  func keep() {
    guard let file else { return }
    do {
      file.write(try program.binary())
    } catch {
      // A driver without binaries: its programs are built each time.
      Logger(label: "apus.programs").debug("\(program.name) is not kept: \(error)")
    }
  }
}
