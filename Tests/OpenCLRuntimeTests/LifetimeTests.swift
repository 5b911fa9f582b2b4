import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice)) struct LifetimeTests {
  /// One of everything, used.
  private func useEverything(_ bench: Bench) throws {
    let program = try bench.program(addKernel)
    let add = try Kernel<Buffer, Float, UInt32>(program, "add")
    let alignment = bench.device.baseAddressAlignment
    let whole = try Buffer(bench.context, bytes: alignment * 2)
    let part = try whole.part(at: alignment, bytes: alignment)
    let (launched, marked) = (Event(), Event())
    try bench.queue.fill(whole, with: Float(0))
    try bench.queue.enqueue(add, part, 1, 1, global: [1], local: [1], event: launched)
    try bench.queue.mark(marked)
    try bench.queue.copy(part, to: whole, bytes: 4)
    try marked.wait()
    #expect(try bench.queue.read(whole, count: 1) == [Float(1)])
    for kind in LiveHandles.Kind.allCases {
      #expect(bench.live.count(of: kind) == (kind == .event || kind == .buffer ? 2 : 1))
    }
    try bench.queue.finish()
  }

  private static let releases: [OpenCLCall] = [
    .clReleaseContext, .clReleaseCommandQueue, .clReleaseMemObject, .clReleaseProgram,
    .clReleaseKernel, .clReleaseEvent,
  ]

  @Test("Each object is released exactly once, and none remains")
  func releasedOnce() throws {
    var bench: Bench? = try Bench()
    let (calls, live) = try #require(bench.map { ($0.calls, $0.live) })
    if let bench { try useEverything(bench) }
    #expect(live.description == "1 context, 1 queue")
    bench = nil
    #expect(live.total == 0)
    #expect(live.description == "none")
    #expect(Self.releases.map { calls.count(of: $0) } == [1, 1, 2, 1, 1, 2])
  }

  @Test("At the end of a process all is released, once, whoever still refers to it")
  func releasedAtTheEnd() throws {
    var bench: Bench? = try Bench()
    let (calls, live) = try #require(bench.map { ($0.calls, $0.live) })
    let buffer = try bench.map { try Buffer($0.context, bytes: 4) }
    live.releaseAll()
    #expect(live.total == 0)
    bench = nil
    _ = consume buffer
    #expect(live.total == 0)
    let counts = [OpenCLCall.clReleaseContext, .clReleaseCommandQueue, .clReleaseMemObject]
      .map { calls.count(of: $0) }
    #expect(counts == [1, 1, 1])
  }

  @Test("An object whose release failed stays counted", arguments: releases)
  func failedRelease(call: OpenCLCall) throws {
    var bench: Bench? = try Bench()
    let (calls, live) = try #require(bench.map { ($0.calls, $0.live) })
    calls.fail(call, with: .outOfResources)
    if let bench { try useEverything(bench) }
    bench = nil
    #expect(live.total == 1)
  }

  @Test("Commands create events only for those who ask")
  func noEvents() throws {
    let bench = try Bench()
    let x = try Buffer(bench.context, bytes: 4)
    try bench.queue.fill(x, with: Float(0))
    #expect(bench.live.count(of: .event) == 0)
    #expect(bench.calls.count(of: .clReleaseEvent) == 0)
    let event = Event()
    try bench.queue.fill(x, with: Float(0), event: event)
    try bench.queue.fill(x, with: Float(1), event: event)
    #expect(bench.live.count(of: .event) == 1)
    try event.wait()
  }

  @Test("A profiling queue's events say when a command ran")
  func profiling() throws {
    let bench = try Bench(profiling: true)
    let add = try Kernel<Buffer, Float, UInt32>(bench.program(addKernel), "add")
    let x = try Buffer(bench.context, bytes: 4096)
    let event = Event()
    #expect(try event.profile() == nil)
    try bench.queue.enqueue(add, x, 1, 1024, global: [1024], local: [8], event: event)
    try event.wait()
    let profile = try #require(try event.profile())
    #expect(profile.queued <= profile.submitted)
    #expect(profile.submitted <= profile.started)
    #expect(profile.started <= profile.ended)
    #expect(profile.duration == profile.ended - profile.started)
  }

  @Test("A queue without profiling says so when asked for times")
  func noProfiling() throws {
    let bench = try Bench()
    let event = Event()
    try bench.queue.mark(event)
    try event.wait()
    let error = failure { () throws(OpenCLError) in try event.profile() }
    #expect(error?.status == .profilingInfoNotAvailable)
    #expect(error?.attempt.contains("without profiling") == true)
  }
}

@Suite(.enabled(if: hasDevice)) struct FaultTests {
  /// Does everything that this library can do, from listing the platforms on.
  private func everything(_ calls: Calls, _ live: LiveHandles) throws(OpenCLError) {
    let functions = OpenCLFunctions.system.intercepted { calls.receive($0) }
    let devices = try OpenCLDevice.all(through: functions, counting: live)
    let context = try Context(devices[0])
    let queue = try Queue(context, profiling: true)
    let source = ProgramSource(name: "add.cl", text: addKernel)
    let program = try Program(context, source: source)
    let add = try Kernel<Buffer, Float, UInt32>(program, "add")
    let x = try Buffer(context, hostBytes: devices[0].baseAddressAlignment)
    let part = try x.part(at: 0, bytes: 4)
    let event = Event()
    try queue.write([Float(0)], to: x)
    try queue.fill(x, with: Float(0), count: 1)
    try queue.enqueue(add, part, 1, 1, global: [1], local: [1])
    try queue.copy(x, to: Buffer(context, bytes: 4), bytes: 4)
    _ = try queue.read(x, count: 1, as: Float.self)
    try queue.mark(event)
    try queue.flush()
    try event.wait()
    _ = try event.isComplete()
    _ = try event.profile()
    try queue.finish()
    _ = try Program(context, binary: program.binary(), name: "again")
    _ = try Program(context, linking: [(source, [:])], name: "linked")
  }

  @Test(
    "A call that fails is reported by its name, and leaves nothing behind",
    arguments: OpenCLCall.allCases.filter { !$0.rawValue.hasPrefix("clRelease") })
  func fault(call: OpenCLCall) throws {
    let (calls, live) = (Calls(), LiveHandles())
    calls.fail(call, with: .outOfResources)
    let error = failure { () throws(OpenCLError) in try everything(calls, live) }
    #expect(error?.call == call)
    #expect(error?.status == .outOfResources)
    #expect(error?.isOutOfMemory == true)
    #expect(error?.attempt.isEmpty == false)
    #expect(live.total == 0)
  }

  @Test("Only the planned call fails; the rest goes on")
  func laterCall() throws {
    let bench = try Bench()
    bench.calls.fail(.clCreateBuffer, with: .allocationFailure, after: 1)
    let first = try Buffer(bench.context, bytes: 64)
    let second = failure { () throws(OpenCLError) in try Buffer(bench.context, bytes: 64) }
    #expect(second?.status == .allocationFailure)
    #expect(second?.attempt.hasPrefix("a buffer of 64 bytes on") == true)
    let third = try Buffer(bench.context, bytes: 64)
    #expect(bench.live.count(of: .buffer) == 2)
    _ = (first, third)
  }

  @Test("Without faults everything works")
  func noFault() throws {
    let live = LiveHandles()
    try everything(Calls(), live)
    #expect(live.total == 0)
  }
}
