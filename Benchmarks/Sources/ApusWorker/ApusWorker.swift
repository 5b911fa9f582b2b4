import Apus
import Benchmarking
import Foundation

/// Answers cases as the workers in `Peers` do: a case a line in, the seconds of one run out.
@main
struct ApusWorker {
  static func main() throws {
    let stopwatch = Stopwatch()
    try answer(["worker": "Apus on \(Device.current)"])
    var prepared: (line: String, run: () throws -> Tensor)?
    while let line = readLine() {
      do {
        if prepared?.line != line {
          prepared = nil
          guard let measured = BenchmarkCase(line) else {
            try answer(["skipped": "'\(line)' is no case"])
            continue
          }
          let run = try measured.prepared()
          try stopwatch.warm(leastRuns: measured.leastWarmRuns, run)
          prepared = (line, run)
        }
        if let run = prepared?.run { try answer(["seconds": stopwatch.seconds(run)]) }
      } catch {
        try answer(["skipped": "\(error)"])
      }
    }
  }

  /// Writes a line of JSON at once: the driver waits for it.
  private static func answer(_ fields: [String: some Encodable]) throws {
    FileHandle.standardOutput.write(try JSONEncoder().encode(fields) + [UInt8(ascii: "\n")])
  }
}
