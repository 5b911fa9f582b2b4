import Benchmarking
import Compute
import Tensors
import TestSupport
import Testing

@Suite struct BenchmarkTests {
  private static let brief = Stopwatch(leastDuration: .milliseconds(1), warmUp: .zero)

  @Test("A case is its line", arguments: BenchmarkCase.all)
  func lines(benchmarkCase: BenchmarkCase) {
    #expect(BenchmarkCase(benchmarkCase.description) == benchmarkCase)
  }

  @Test(
    "What is no case is none",
    arguments: [
      "", "matmul", "matmul 1 2 3", "matmul 1 2 3 NX", "train 2 plain 3", "train 2-2 sometimes 3",
      "batchNorm 3", "elementwise nothing 3x3", "sum diagonals 3x3", "adam 0", "crossEntropy 3",
    ])
  func strangers(line: String) { #expect(BenchmarkCase(line) == nil) }

  @Test("Rates are what is done by the time it takes", arguments: TestDevices.all)
  func rates(device: Device) throws {
    let benchmark = Benchmark(device: device, rounds: 3, stopwatch: Self.brief)
    let ceilings = DeviceCeilings(operationsPerSecond: 1e9, bytesPerSecond: 1e9)
    for (line, operations, bytes) in [
      ("matmul 8 4 2 NT", 128.0, nil), ("elementwise add 8x8", nil, 768.0),
      ("sum rows 4x8", nil, 128.0), ("sum columns 4x8", nil, 128.0), ("adam 10", nil, 280.0),
      ("crossEntropy 4x8", nil, 384.0), ("batchNorm 4x8", nil, 1024.0),
    ] as [(String, Double?, Double?)] {
      let item = try #require(BenchmarkCase(line))
      let result = try benchmark.measure(item, under: ceilings)
      #expect(result.fastest <= result.seconds && result.seconds <= result.slowest)
      #expect(result.operationsPerSecond == operations.map { $0 / result.seconds }, "\(line)")
      #expect(result.bytesPerSecond == bytes.map { $0 / result.seconds }, "\(line)")
      #expect(
        result.shareOfCeiling == (operations ?? bytes).map { $0 / result.seconds / 1e9 }, "\(line)")
      #expect(result.shareOnDevice == nil)
    }
  }

  @Test(
    "Of a step the share on the device is known where it has a clock", arguments: TestDevices.all)
  func steps(device: Device) throws {
    let benchmark = Benchmark(device: device, rounds: 1, stopwatch: Self.brief)
    let item = try #require(BenchmarkCase("train 8-16-4 batchNorm 32"))
    let result = try benchmark.measure(item, under: nil)
    #expect(result.seconds > 0)
    #expect(result.shareOfCeiling == nil)
    if device == .reference {
      #expect(result.shareOnDevice == nil)
    } else {
      let share = try #require(result.shareOnDevice)
      #expect(share > 0 && share <= 1)
    }
  }

  @Test("A device knows what it can do at most", arguments: TestDevices.all)
  func ceilings(device: Device) throws {
    let ceilings = try device.measureCeilings()
    guard device != .reference else {
      #expect(ceilings == nil)
      return
    }
    let measured = try #require(ceilings)
    #expect(measured.operationsPerSecond > 1e6)
    #expect(measured.bytesPerSecond > 1e6)
  }
}
