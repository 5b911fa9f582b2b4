import Compute
import Foundation
import OpenCLRuntime

/// The folder of the kernels' sources.
package struct KernelLibrary: Sendable {
  /// The folder.
  package let directory: String

  /// Finds the folder.
  ///
  /// It is `APUS_KERNELS` if that is set; else `Kernels` beside the executable, else
  /// `../share/apus/Kernels` from there, else where the package was built.
  /// - Throws: `BackendError` that lists the places when there is none.
  package init(
    environment: [String: String], executable: String = KernelLibrary.executable,
    sourceFile: String = #filePath
  ) throws {
    var places: [String] = []
    if let chosen = environment["APUS_KERNELS"] {
      places = [chosen]
    } else {
      let binaries = URL(fileURLWithPath: executable).deletingLastPathComponent()
      let package = URL(fileURLWithPath: sourceFile).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
      places = [
        binaries.appendingPathComponent("Kernels"),
        binaries.deletingLastPathComponent().appendingPathComponent("share/apus/Kernels"),
        package.appendingPathComponent("Kernels"),
      ].map(\.path)
    }
    let found = places.first {
      FileManager.default.fileExists(atPath: "\($0)/pointwise.cl")
    }
    guard let found else {
      throw BackendError(
        .build,
        "the kernels' sources were not found: there is no pointwise.cl in "
          + places.map { "'\($0)'" }.joined(separator: ", ")
          + "; APUS_KERNELS can name their folder")
    }
    directory = found
  }

  /// The path of the running program.
  package static var executable: String {
    let link = "/proc/self/exe"
    do {
      return try FileManager.default.destinationOfSymbolicLink(atPath: link)
    } catch {
      return Bundle.main.executablePath ?? CommandLine.arguments[0]
    }
  }

  /// A source with its headers.
  func source(_ file: String) throws -> ProgramSource {
    do {
      return try ProgramSource(name: file, text: try text(file), resolvingIncludes: text)
    } catch {
      throw BackendError(.build, "kernel source '\(directory)/\(file)': \(error)")
    }
  }

  private func text(_ file: String) throws -> String {
    try String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8)
  }
}
