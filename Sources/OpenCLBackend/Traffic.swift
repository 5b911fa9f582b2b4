import Compute
import OpenCLRuntime

/// How a kernel reads and writes memory that it goes through once.
struct Traffic: Sendable, Hashable {
  /// Whether what is read is too large to be in the caches, and is asked for ahead.
  var readsAhead: Bool
  /// Whether what is written goes past the caches.
  var streams: Bool

  /// As what is in the caches is read and written.
  static let cached = Traffic(readsAhead: false, streams: false)

  /// READS_AHEAD and STREAMS of the kernels.
  var definitions: Definitions {
    var definitions = Definitions()
    if readsAhead { definitions.define("READS_AHEAD") }
    if streams { definitions.define("STREAMS") }
    return definitions
  }
}

extension OpenCLBackend {
  /// How a launch reads operands and writes outputs.
  ///
  /// Outputs that take the place of operands are in a cache by then: past it they took nearly twice
  /// as long.
  func traffic(reading operands: [View], writing outputs: [View]) -> Traffic {
    func isLarge(_ views: [View]) -> Bool {
      views.reduce(0) { $0 + $1.count * $1.dtype.byteCount } >= profile.streamedBytes
    }
    return Traffic(
      readsAhead: isLarge(operands),
      streams: isLarge(outputs)
        && !outputs.contains { output in operands.contains { $0.storage === output.storage } })
  }
}
