import ArgumentParser
import Benchmarking
import Foundation

/// Measures Apus and its peers in turn, and prints how many times longer each peer takes.
@main
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measure Apus beside its peers, alternately in one run.",
    discussion: """
      Machines drift, so single times say little: in every round each contestant measures the case \
      once, one after the other, and what counts is the median over rounds of the ratio to Apus in \
      the same round. A peer that is not installed is left out with a note.
      """)

  @Option(help: "The Python that has the peers' packages; see Peers/requirements.txt.")
  var python = "python3"

  @Option(help: "Rounds for each case.")
  var rounds = 7

  @Option(help: "Only cases that contain this text, such as 'train' or 'matmul 512'.")
  var only = ""

  @Option(help: "Only these peers, by the name of their file, such as 'jax,torch'.")
  var peers = "numpy,torch,jax,tinygrad,clblast"

  func run() throws {
    let chosen = BenchmarkCase.compared.map(\.description).filter {
      only.isEmpty || $0.contains(only)
    }
    guard !chosen.isEmpty else { throw ValidationError("no case contains '\(only)'") }
    let ours = try Worker(
      "Apus",
      executable: Self.directory(of: CommandLine.arguments[0]).appending(path: "ApusWorker"),
      arguments: [])
    var contestants = [ours]
    for peer in peers.split(separator: ",") {
      do {
        contestants.append(
          try Worker(
            String(peer), executable: URL(filePath: "/usr/bin/env"),
            arguments: [python, "\(peer)_worker.py"], directory: Self.peerDirectory))
      } catch let error as Unavailable {
        print("\(error.label) is left out: \(error.reason)")
      }
    }
    print("Rounds: \(rounds). Times longer than Apus (median), after Apus's own median time.\n")
    print("| case | \(contestants.map(\.name).joined(separator: " | ")) |")
    print("|" + String(repeating: " --- |", count: contestants.count + 1))
    for line in chosen { print(row(line, contestants)) }
  }

  /// Measures one case in rounds.
  private func row(_ line: String, _ contestants: [Worker]) -> String {
    var seconds = [[Double]](repeating: [], count: contestants.count)
    for _ in 0..<rounds {
      for (number, contestant) in contestants.enumerated() {
        if case .seconds(let value) = contestant.measure(line) { seconds[number].append(value) }
      }
    }
    let ours = seconds[0]
    guard ours.count == rounds else { return "| \(line) | failed |" }
    let rate = BenchmarkCase(line)?.operationCount.map {
      String(format: ", %.0f GFLOP/s", $0 / ours.median / 1e9)
    }
    let cells = seconds.dropFirst().map { theirs in
      guard theirs.count == rounds else { return "" }
      return String(format: "%.2f", zip(theirs, ours).map { $0 / $1 }.median)
    }
    let first = Duration.seconds(ours.median).formatted(
      .units(allowed: [.milliseconds], fractionalPart: .show(length: 3)))
    return "| \(line) | " + ([first + (rate ?? "")] + cells).joined(separator: " | ") + " |"
  }

  private static func directory(of path: String) -> URL {
    URL(filePath: path).deletingLastPathComponent()
  }

  private static let peerDirectory = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Peers")
}

extension [Double] {
  /// The middle of the sorted numbers.
  fileprivate var median: Double {
    let sorted = self.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
