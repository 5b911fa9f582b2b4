import Compute
import Foundation
import OpenCLBackend
import OpenCLRuntime
import Testing

/// The kernels' folder in the source tree, or the one that is tested in its place.
enum KernelSources {
  static let folder: String? = {
    if let chosen = ProcessInfo.processInfo.environment["APUS_KERNELS"] { return chosen }
    return URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Kernels").path
  }()

  /// The files that compile by themselves.
  static let files: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder ?? "")) ?? [])
    .filter { $0.hasSuffix(".cl") }.sorted()
}
