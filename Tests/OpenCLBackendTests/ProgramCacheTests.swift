import Compute
import Foundation
import OpenCLBackend
import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct ProgramCacheTests {
  /// How many programs came from where.
  private struct Origins: Equatable {
    var built: Int
    var loaded: Int
  }

  /// Opens a backend, runs a sum, and says how many programs came from where.
  @discardableResult
  private func run(
    _ directory: String?, _ change: (Calls) -> Void = { _ in }
  ) throws -> Origins {
    let bench = try Bench {
      $0.cacheDirectory = directory
    }
    change(bench.calls)
    let x = try bench.view((0..<200).map(Float.init))
    let sum = try bench.view([0])
    try bench.backend.reduce(
      .sum, of: .input(0), operands: [.view(x)], axes: [0], scale: 1, into: sum)
    try #expect(bench.values(sum) == [19_900])
    return Origins(
      built: bench.calls.count(of: .clCreateProgramWithSource),
      loaded: bench.calls.count(of: .clCreateProgramWithBinary))
  }

  private func files(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).map { "\(directory)/\($0)" }
  }

  @Test func theSecondBackendBuildsNothing() throws {
    try withTemporaryFolder { folder in
      let cache = "\(folder)/not/there/yet"
      try #expect(run(cache) == Origins(built: 1, loaded: 0))
      // One program, and nothing unfinished.
      try #expect(files(cache).map { $0.hasSuffix(".program") } == [true])
      try #expect(run(cache) == Origins(built: 0, loaded: 1))
    }
  }

  /// Of a file's kernels each is kept by itself: what does not run is neither compiled nor kept.
  @Test func kernelsAreKeptOneByOne() throws {
    try withTemporaryFolder { folder in
      let bench = try Bench { $0.cacheDirectory = folder }
      let (x, y) = (try bench.view([1, 2, 3, 4]), try bench.view([1, 2, 3, 4]))
      let (mean, deviation) = (try bench.view([0, 0]), try bench.view([0, 0]))
      let geometry = NormalizationGeometry(
        outer: 2, groups: 2, inner: 1, channels: 2, channelStride: 1)
      try bench.backend.normalize(
        x, geometry: geometry, mode: .meanAndVariance, epsilon: 1, scale: nil, shift: nil,
        activation: nil, into: y, mean: mean, inverseDeviation: deviation)
      try bench.backend.wait()
      try #expect(files(folder).count == 1)
      try bench.backend.normalizeGradient(
        y, x: x, mean: mean, inverseDeviation: deviation, geometry: geometry,
        mode: .meanAndVariance, scale: nil, shift: nil, activationDerivative: nil, into: y,
        scaleGradient: nil, shiftGradient: nil)
      try bench.backend.wait()
      try #expect(files(folder).count == 2)
    }
  }

  @Test(
    "A damaged file is built anew, and replaced",
    arguments: ["truncated", "empty", "no header", "changed", "another's"])
  func damage(kind: String) throws {
    try withTemporaryFolder { folder in
      try run(folder)
      let file = URL(filePath: try files(folder)[0])
      var data = try Data(contentsOf: file)
      switch kind {
      case "truncated": data.removeLast(100)
      case "empty": data = Data()
      case "no header": data = data[(try #require(data.firstIndex(of: 10)) + 1)...]
      case "changed": data[data.count - 50] ^= 1
      default: data = Data(String(decoding: data.prefix(30), as: UTF8.self).utf8) + data
      }
      try data.write(to: file)
      try #expect(run(folder) == Origins(built: 1, loaded: 0))
      try #expect(run(folder) == Origins(built: 0, loaded: 1))
      try #expect(files(folder).count == 1)
    }
  }

  @Test(
    "A binary that the driver refuses is built anew",
    arguments: [OpenCLCall.clCreateProgramWithBinary, .clBuildProgram])
  func refusedBinary(call: OpenCLCall) throws {
    try withTemporaryFolder { folder in
      try run(folder)
      try #expect(
        run(folder) { $0.fail(call, with: OpenCLStatus(rawValue: -42)) }
          == Origins(built: 1, loaded: 1))
      try #expect(run(folder) == Origins(built: 0, loaded: 1))
    }
  }

  @Test("Nothing depends on being able to write")
  func unwritableFolder() throws {
    try withTemporaryFolder { folder in
      let file = "\(folder)/file"
      try Data().write(to: URL(filePath: file))
      try #expect(run("\(file)/cache") == Origins(built: 1, loaded: 0))
      try #expect(run(nil) == Origins(built: 1, loaded: 0))
      try #expect(files(folder) == [file])
    }
  }

  @Test("A driver without binaries is used all the same")
  func noBinaries() throws {
    try withTemporaryFolder { folder in
      // The first question of a program is for its kernels' names.
      try #expect(
        run(folder) { $0.fail(.clGetProgramInfo, with: .invalidValue, times: 100, after: 2) }
          == Origins(built: 1, loaded: 0))
      try #expect(files(folder).isEmpty)
    }
  }

  @Test("Another source, headers included, is another program")
  func changedSource() throws {
    try withTemporaryFolder { folder in
      let kernels = "\(folder)/Kernels"
      let cache = "\(folder)/cache"
      try FileManager.default.copyItem(
        atPath: try #require(KernelSources.folder), toPath: kernels)
      func fill() throws -> Int {
        let bench = try Bench {
          $0.environment = ["APUS_KERNELS": kernels]
          $0.cacheDirectory = cache
        }
        let x = try bench.view([0])
        try bench.backend.random(.uniform, key: RandomKey(seed: 1), into: x)
        try bench.backend.wait()
        return bench.calls.count(of: .clCreateProgramWithSource)
      }
      try #expect(fill() == 1)
      try #expect(fill() == 0)
      let header = "\(kernels)/philox.clh"
      let text = try String(contentsOfFile: header, encoding: .utf8)
      try (text + "// Another.\n").write(toFile: header, atomically: true, encoding: .utf8)
      try #expect(fill() == 1)
      try #expect(files(cache).count == 2)
    }
  }

  @Test("Numbers that a kernel takes as arguments cost no build")
  func scalarsAreArguments() throws {
    let bench = try Bench()
    let x = try bench.view([1, 2])
    for factor in [2.0, 3.0, 0.5] {
      try bench.backend.map(
        [.input(0) * .input(1)], of: [.view(x), .scalar(factor)], into: [x])
    }
    try #expect(bench.values(x) == [3, 6])
    #expect(bench.calls.count(of: .clCreateProgramWithSource) == 1)
  }

  @Test(
    arguments: [
      ([:], nil), (["HOME": "/home/a"], "/home/a/.cache/apus"),
      (["HOME": "/home/a", "XDG_CACHE_HOME": "/b"], "/b/apus"),
      (["HOME": "/home/a", "XDG_CACHE_HOME": ""], "/home/a/.cache/apus"),
      (["HOME": "/home/a", "APUS_CACHE": "off"], nil),
      (["HOME": "/home/a", "APUS_CACHE": "OFF"], nil),
      (["HOME": "/home/a", "APUS_CACHE": "on"], "/home/a/.cache/apus"),
    ] as [([String: String], String?)])
  func directory(environment: [String: String], expected: String?) {
    #expect(OpenCLBackend.Options(environment: environment).cacheDirectory == expected)
  }
}
