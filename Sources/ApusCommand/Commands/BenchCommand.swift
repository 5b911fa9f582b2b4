import ArgumentParser
import Benchmarking
import Compute
import Tensors

/// `apus bench`: how fast a device computes, beside what it can do at most.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure kernels and training steps on this machine.",
    discussion: """
      Each is measured several times and the median counts. Products are held to the device's own \
      ceiling of fused multiply-adds, what memory bounds to that of a plain copy; both are measured \
      in the same process. Of training steps the time on the device is the share in which kernels \
      run, by the device's own clock.

      With --growth, instead: how the time of a step grows as its batch, its width or its depth \
      doubles. Where the device is full, it should grow as the work does: 2, 4 and 2 times. \
      --output leaves a chart of it, drawn by gnuplot, with its numbers and its script.

      Machines drift: to compare two programs, measure them in turn.
      """)

  @Option(
    help: ArgumentHelp(
      "Only cases that contain this text, such as 'train' or 'matmul 512'; may be given several "
        + "times.", valueName: "text"))
  var only: [String] = []

  @Option(help: "How often each case is measured.")
  var rounds = 5

  @Flag(help: "Also show which kernels take the time of each case.")
  var profile = false

  @Flag(help: "Measure how the time of a step grows with its sizes.")
  var growth = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Draw the growth into this folder.", valueName: "folder"))
  var output: String?

  @OptionGroup var device: DeviceOption
  @OptionGroup var format: FormatOption

  func validate() throws {
    guard (1...1000).contains(rounds) else {
      throw ValidationError("--rounds: there is \(rounds); expected a whole number from 1 to 1000")
    }
    if growth && (profile || !only.isEmpty) {
      throw ValidationError("--growth: it has cases of its own; leave out --only and --profile")
    }
    if output != nil && !growth {
      throw ValidationError("--output: only the growth is drawn; add --growth")
    }
  }

  func run() throws {
    let cases = try chosenCases()
    let device = try device.open()
    let benchmark = Benchmark(device: device, rounds: rounds, isProfiling: profile)
    if growth {
      return try CostGrowthReport(benchmark, device: device, isJSON: format.isJSON)
        .write(chartTo: output)
    }
    let ceilings = try device.measureCeilings()
    if !format.isJSON {
      try Console.print("\(device)")
      if let ceilings { try Console.print(text(of: ceilings)) }
    }
    let bar = format.isJSON ? nil : ProgressBar()
    var results: [BenchmarkResult] = []
    for (number, benchmarkCase) in cases.enumerated() {
      bar?.draw(Double(number) / Double(cases.count), label: "\(benchmarkCase)")
      results.append(try benchmark.measure(benchmarkCase, under: ceilings))
    }
    bar?.clear()
    try Console.print(
      format.isJSON
        ? JSON.text(
          Report(
            device: device.identifier, matMulPrecision: device.matMulPrecision.rawValue,
            ceilings: ceilings, results: results))
        : ([table(of: results).description] + results.compactMap(kernels))
          .map { "\n\($0)" }.joined(separator: "\n"))
  }

  private func kernels(of result: BenchmarkResult) -> String? {
    guard let kernels = result.kernels, let seconds = result.profiledSeconds else { return nil }
    return "\(result.name)\n\n\(KernelTimeTable(kernels, in: .seconds(seconds), of: "case"))"
  }

  private struct Report: Encodable {
    let device: String
    let matMulPrecision: String
    let ceilings: DeviceCeilings?
    let results: [BenchmarkResult]
  }

  private func chosenCases() throws(UsageError) -> [BenchmarkCase] {
    let all = BenchmarkCase.all
    guard !only.isEmpty else { return all }
    for text in only where !all.contains(where: { $0.description.contains(text) }) {
      let kinds = Set(
        all.compactMap { $0.description.split(separator: " ").first.map(String.init) })
      throw UsageError(
        "--only: no case contains '\(text)'; there are \(kinds.sorted().joined(separator: ", "))")
    }
    return all.filter { item in only.contains { item.description.contains($0) } }
  }

  private func text(of ceilings: DeviceCeilings) -> String {
    """
    at most \(giga(ceilings.operationsPerSecond)) GFLOP/s of float32 fused multiply-adds, \
    \(giga(ceilings.bytesPerSecond)) GB/s of copying
    """
  }

  private func table(of results: [BenchmarkResult]) -> TextTable {
    var table = TextTable(
      .left("case"), .right("time"), .right("rate"), .right("of the most"), .right("on device"))
    for result in results {
      let rate =
        result.operationsPerSecond.map { "\(giga($0)) GFLOP/s" }
        ?? result.bytesPerSecond.map { "\(giga($0)) GB/s" }
        ?? "\(grouped(Int(1 / result.seconds)))/s"
      table.append(
        result.name, timeText(result.seconds), rate,
        result.shareOfCeiling.map(percentage) ?? "", result.shareOnDevice.map(percentage) ?? "")
    }
    return table
  }

}

/// A rate in thousands of millions, with three digits.
func giga(_ rate: Double) -> String {
  let value = rate / 1e9
  return fixed(value, digits: value < 10 ? 2 : value < 100 ? 1 : 0)
}
