import Apus
import Benchmarking
import Foundation

/// Answers cases as the workers in `Peers` do: a case a line in, the seconds of one run out.
@main
struct ApusWorker {
  /// Runs are repeated within one answer until they have taken so long.
  private static let leastDuration = 0.1

  /// A case is run for so long before it is timed.
  private static let warmUp = Duration.seconds(2)

  static func main() throws {
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
          // Kernels are built, steps captured, and what was captured compiled, first.
          let start = ContinuousClock.now
          var runs = 0
          while runs < 5 || ContinuousClock.now < start + warmUp {
            try run().wait()
            runs += 1
          }
          prepared = (line, run)
        }
        if let run = prepared?.run { try answer(["seconds": seconds(run)]) }
      } catch {
        try answer(["skipped": "\(error)"])
      }
    }
  }

  /// Writes a line of JSON at once: the driver waits for it.
  private static func answer(_ fields: [String: some Encodable]) throws {
    FileHandle.standardOutput.write(try JSONEncoder().encode(fields) + [UInt8(ascii: "\n")])
  }

  private static func seconds(_ run: () throws -> Tensor) throws -> Double {
    var repeats = 1
    while true {
      let duration = try ContinuousClock().measure {
        var last: Tensor?
        for _ in 0..<repeats { last = try run() }
        try last?.wait()
      }
      let seconds = duration / .seconds(1)
      if seconds >= leastDuration { return seconds / Double(repeats) }
      repeats = max(2 * repeats, Int(Double(repeats) * leastDuration / max(seconds, 1e-6)))
    }
  }
}
