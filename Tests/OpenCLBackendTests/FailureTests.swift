import Compute
import Foundation
import OpenCLBackend
import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct FailureTests {
  /// A backend that divides sums of a few elements.
  private func dividingBench(_ calls: Calls = Calls()) throws -> Bench {
    try Bench(calls: calls) { $0.profile = Target.lanes[0].backend.profile }
  }

  /// A divided normalisation, whose first launch writes no output, and whose second does.
  private func normalize(_ bench: Bench, _ x: View, into outputs: [View]) throws {
    let geometry = NormalizationGeometry(
      outer: 1, groups: 1, inner: x.count, channels: 1, channelStride: x.count)
    try bench.backend.normalize(
      x, geometry: geometry, mode: .meanAndVariance, epsilon: 0, scale: nil, shift: nil,
      activation: nil, into: outputs[0], mean: outputs[1], inverseDeviation: outputs[2])
  }

  // MARK: Enqueueing

  @Test("A launch that cannot be made leaves its output as it was")
  func refusedLaunch() throws {
    let bench = try Bench()
    let (x, y) = (try bench.view([1, 2]), try bench.view([7, 8]))
    bench.calls.fail(.clEnqueueNDRangeKernel, with: .invalidValue)
    let error = try failure { try bench.increment(x, into: y) }
    #expect(error?.kind == .execution)
    #expect(error?.message.contains("pointwise") == true)
    #expect(y.storage.failure == nil)
    #expect(try bench.values(y) == [7, 8])
    try bench.increment(x, into: y)
    #expect(try bench.values(y) == [2, 3])
  }

  @Test("Outputs fail if a launch before the refused one wrote to them", arguments: 0..<3)
  func halfAnOperation(successes: Int) throws {
    let bench = try dividingBench()
    let x = try bench.view((0..<100).map(Float.init))
    let outputs = [
      try bench.view((0..<100).map(Float.init)), try bench.view([5]), try bench.view([5]),
    ]
    bench.calls.fail(.clEnqueueNDRangeKernel, with: .invalidValue, after: successes)
    try #expect(failure { try normalize(bench, x, into: outputs) }?.kind == .execution)
    for output in outputs {
      // The moments of chunks are no output.
      #expect((output.storage.failure != nil) == (successes == 2))
    }
    #expect(x.storage.failure == nil)
    withExtendedLifetime(outputs) {
      #expect(bench.backend.statistics.liveStorages == 4)
    }
    withExtendedLifetime(x) {}
  }

  @Test("A launch that lacks memory is made again", arguments: MemoryPoolTests.exhaustions)
  func launchesAreRetried(status: OpenCLStatus) throws {
    let bench = try Bench()
    let x = try bench.view([1, 2])
    withExtendedLifetime(try bench.view([3])) {}
    bench.calls.fail(.clEnqueueNDRangeKernel, with: status)
    try bench.increment(x, into: x)
    #expect(try bench.values(x) == [2, 3])
    #expect(bench.backend.statistics.pooledBytes == 0)
    bench.calls.fail(.clEnqueueNDRangeKernel, with: status, times: 2)
    try #expect(failure { try bench.increment(x, into: x) }?.kind == .outOfMemory)
    #expect(x.storage.failure == nil)
  }

  @Test("A wait for a retry that fails, fails what was under way")
  func retryThatFails() throws {
    let bench = try Bench()
    let (x, y) = (try bench.view([1]), try bench.view([2]))
    try bench.backend.wait()
    try bench.increment(x, into: y)
    bench.calls.fail(.clEnqueueNDRangeKernel, with: .outOfResources)
    bench.calls.fail(.clFinish, with: .outOfResources)
    try #expect(failure { try bench.increment(x, into: x) }?.kind == .outOfMemory)
    #expect(y.storage.failure != nil)
    #expect(x.storage.failure == nil)
  }

  @Test("A flush that fails after a launch fails its output")
  func failingFlush() throws {
    let bench = try Bench()
    let x = try bench.view([1])
    bench.calls.fail(.clFlush, with: .outOfHostMemory)
    var launched = 0
    let error = try failure {
      while launched < 1000 {
        try bench.increment(x, into: x)
        launched += 1
      }
    }
    #expect(error?.kind == .outOfMemory)
    #expect(launched < 1000)
    #expect(x.storage.failure != nil)
  }

  @Test("A write that cannot be made leaves the storage as it was")
  func refusedWrite() throws {
    let bench = try Bench()
    let x = try bench.view([1])
    bench.calls.fail(.clEnqueueWriteBuffer, with: .outOfResources)
    let error = try failure {
      try [Float(9)].withUnsafeBytes { try bench.backend.write($0, to: x.storage, atByte: 0) }
    }
    #expect(error?.kind == .outOfMemory)
    #expect(try bench.values(x) == [1])
  }

  @Test("A read that cannot be made says so, and can be tried again")
  func refusedRead() throws {
    let bench = try Bench()
    let x = try bench.view([1])
    for call in [OpenCLCall.clEnqueueReadBuffer, .clFlush] {
      bench.calls.fail(call, with: .outOfResources)
      try #expect(failure { try bench.values(x) }?.kind == .outOfMemory)
      #expect(try bench.values(x) == [1])
    }
  }

  // MARK: Waiting

  @Test("A failure that only a wait reports fails what was written since the last one")
  func failingWait() throws {
    let bench = try Bench()
    let old = try bench.view([1])
    try bench.backend.wait()
    let (launched, written, gone) = (try bench.view([0]), try bench.view([0]), try bench.view([0]))
    try bench.increment(old, into: launched)
    try bench.increment(old, into: gone)
    bench.calls.fail(.clWaitForEvents, with: OpenCLStatus(rawValue: -14))
    try #expect(failure { try bench.backend.wait() }?.kind == .execution)
    #expect(old.storage.failure == nil)
    #expect(launched.storage.failure != nil)
    #expect(written.storage.failure != nil)

    // A failed storage throws its own error, and nothing is enqueued.
    let launches = bench.backend.statistics.launches
    let message = (launched.storage.failure as? BackendError)?.message
    #expect(message?.contains("clWaitForEvents") == true)
    for operation in [
      { _ = try bench.values(launched) }, { try bench.increment(launched, into: old) },
      { try bench.increment(old, into: launched) },
      {
        try [Float(1)].withUnsafeBytes {
          try bench.backend.write($0, to: launched.storage, atByte: 0)
        }
      },
    ] {
      try #expect(failure(operation)?.message == message)
    }
    #expect(bench.backend.statistics.launches == launches)

    // What comes after is well.
    let next = try bench.view([0])
    try bench.increment(old, into: next)
    #expect(try bench.values(next) == [2])
    #expect(next.storage.failure == nil)
  }

  @Test("A read whose wait fails throws, and fails what was written")
  func failingRead() throws {
    let bench = try Bench()
    let x = try bench.view([1])
    bench.calls.fail(.clWaitForEvents, with: .outOfResources)
    try #expect(failure { try bench.values(x) }?.kind == .outOfMemory)
    #expect(x.storage.failure != nil)
  }

  @Test("A successful wait covers only what came before its fence")
  func fenceBeforeFailure() throws {
    let bench = try Bench()
    let (first, second) = (try bench.view([1]), try bench.view([1]))
    try bench.backend.wait()
    try bench.increment(first, into: first)
    let fence = try bench.backend.fence()
    try bench.increment(second, into: second)
    try fence.wait()
    bench.calls.fail(.clWaitForEvents, with: .outOfResources)
    try #expect(failure { try bench.backend.wait() } != nil)
    #expect(first.storage.failure == nil)
    #expect(second.storage.failure != nil)
  }

  // MARK: A lost device

  static let losses: [OpenCLStatus] = [
    .deviceNotAvailable, .invalidContext, .invalidCommandQueue, OpenCLStatus(rawValue: -9999),
  ]

  @Test("A device that is lost stays lost, whichever call says so", arguments: losses)
  func lostDevice(status: OpenCLStatus) throws {
    for call in [
      OpenCLCall.clWaitForEvents, .clEnqueueNDRangeKernel, .clEnqueueWriteBuffer, .clFlush,
      .clEnqueueReadBuffer, .clEnqueueMarkerWithWaitList,
    ] {
      let bench = try Bench()
      let (x, y) = (try bench.view([1]), try bench.view([2]))
      try bench.backend.wait()
      bench.calls.fail(call, with: status)
      let error = try failure {
        try bench.increment(x, into: y)
        withExtendedLifetime(try bench.view([3])) {}
        try bench.backend.wait()
        _ = try bench.values(x)
      }
      #expect(error?.kind == .deviceLost, "\(call)")
      #expect(x.storage.failure == nil)
      let enqueued = bench.calls.count(of: .clEnqueueNDRangeKernel)
      for operation in [
        { try bench.increment(x, into: x) }, { _ = try bench.view([1]) },
        { _ = try bench.values(x) }, { try bench.backend.wait() },
        { _ = try bench.backend.fence() },
      ] {
        try #expect(failure(operation)?.kind == .deviceLost, "\(call)")
      }
      #expect(bench.calls.count(of: .clEnqueueNDRangeKernel) == enqueued)
    }
  }

  // MARK: Every call

  /// Does everything that a backend can do, from opening it on.
  private func everything(_ calls: Calls, _ live: (LiveHandles) -> Void) throws {
    try withTemporaryFolder { folder in
      let bench = try Bench(calls: calls) {
        $0.profile = Target.lanes[0].backend.profile
        $0.cacheDirectory = folder
      }
      live(bench.live)
      let x = try bench.view((0..<100).map(Float.init))
      let outputs = [
        try bench.view((0..<100).map(Float.init)), try bench.view([5]), try bench.view([5]),
      ]
      try normalize(bench, x, into: outputs)
      try bench.backend.multiply(
        x.with(shape: [10, 10], strides: [10, 1]), x.with(shape: [10, 10], strides: [1, 10]),
        bias: nil, activation: nil, into: outputs[0].with(shape: [10, 10], strides: [10, 1]))
      try bench.backend.fence().wait()
      _ = try bench.values(outputs[0])
      try bench.backend.wait()
    }
  }

  @Test(
    "A call that fails is reported or made up for, and leaves nothing behind",
    arguments: OpenCLCall.allCases.filter { !$0.rawValue.hasPrefix("clRelease") })
  func fault(call: OpenCLCall) throws {
    for successes in [0, 1, 3] {
      let calls = Calls()
      calls.fail(call, with: .outOfResources, after: successes)
      var handles: LiveHandles?
      do {
        try everything(calls) { handles = $0 }
      } catch let error as BackendError {
        #expect(error.message.contains(call.rawValue))
      } catch let error as OpenCLError {
        // Listing the devices is not the backend's doing.
        #expect(error.call == call && handles == nil)
      }
      #expect(handles?.total ?? 0 == 0, "\(handles?.description ?? "")")
    }
  }

  @Test func withoutFaultsNothingRemains() throws {
    var handles: LiveHandles?
    try everything(Calls()) { handles = $0 }
    #expect(try #require(handles).description == "none")
  }

  /// A storage keeps the memory that it is in, also beyond the backend that made it.
  @Test func storagesOutliveTheirBackend() throws {
    var bench: Bench? = try Bench()
    let live = try #require(bench?.live)
    var view = try bench?.view([1, 2])
    bench = nil
    #expect(live.count(of: .buffer) == 1)
    #expect(view?.storage.byteCount == 8)
    view = nil
    #expect(live.total == 0)
  }

  // MARK: Programs

  @Test("A kernel that does not compile says where")
  func buildFailure() throws {
    try withTemporaryFolder { folder in
      try FileManager.default.copyItem(
        atPath: try #require(KernelSources.folder), toPath: "\(folder)/Kernels")
      let file = "\(folder)/Kernels/philox.clh"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try (text + "this is not a declaration;\n").write(
        toFile: file, atomically: true, encoding: .utf8)
      let bench = try Bench { $0.environment = ["APUS_KERNELS": "\(folder)/Kernels"] }
      let x = try bench.view([1, 2])
      let line = text.split(separator: "\n", omittingEmptySubsequences: false).count
      let error = try failure {
        try bench.backend.random(.uniform, key: RandomKey(seed: 1), into: x)
      }
      #expect(error?.kind == .build)
      #expect(error?.message.contains("random.cl") == true)
      #expect(error?.message.contains("philox.clh:\(line)") == true, "\(error?.message ?? "")")
      #expect(try bench.values(x) == [1, 2])
    }
  }

  @Test func aMissingHeaderIsNamed() throws {
    try withTemporaryFolder { folder in
      let source = "\(try #require(KernelSources.folder))/pointwise.cl"
      try FileManager.default.copyItem(atPath: source, toPath: "\(folder)/pointwise.cl")
      let bench = try Bench { $0.environment = ["APUS_KERNELS": folder] }
      let x = try bench.view([1])
      let error = try failure { try bench.increment(x, into: x) }
      #expect(error?.kind == .build)
      #expect(error?.message.contains("\(folder)/pointwise.cl") == true)
      #expect(error?.message.contains("'element.clh'") == true, "\(error?.message ?? "")")
    }
  }
}
