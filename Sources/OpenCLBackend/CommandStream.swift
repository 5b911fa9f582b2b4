import Compute
import Logging
import OpenCLRuntime
import Synchronization

/// The device's one queue, with the kernels that are launched on it and what they have written.
///
/// Everything that a launch touches is under one lock: a cl_kernel keeps its arguments, so setting
/// them and enqueueing belong together. Programs are built outside it, and nobody waits inside it.
final class CommandStream: Sendable {
  /// A kernel, and what is to be told of its first run.
  private struct LoadedKernel {
    let kernel: DynamicKernel
    let program: CachedProgram
    /// What it was built from; nil for a chain.
    let specification: (any KernelSpecification)?
    var hasRun: Bool
    /// The stretch of the queue in which it was last launched.
    var stretch = 0
  }

  private struct State {
    var known: [AnyHashable: PreparedKernel] = [:]
    var kernels: [LoadedKernel] = []
    var firstRuns: [Int] = []
    var written = WrittenStorages()
    var transfers: [Transfer] = []
    var unflushed = 0
    /// The number of the stretch of the queue since it was last empty, and the kernels in it.
    var stretch = 1
    var kernelsInStretch = 0
    var loss: BackendError?
    var counts = DeviceStatistics()
    var times = KernelTimes()
  }

  /// After so many commands the device is told to begin with them.
  private static let flushInterval = 32
  /// How many different kernels may be waiting to run.
  ///
  /// PoCL keeps 128 loaded. One that is unloaded while it waits is loaded anew by the thread that
  /// runs it, and if the host then loads it too PoCL confuses the two and aborts (3.1,
  /// pocl_release_dlhandle_cache). The limit leaves room for a second queue.
  private static let kernelLimit = 64
  /// How many transfers may be under way before the host waits for the oldest.
  private static let transferLimit = 256

  private let queue: Queue
  private let pool: MemoryPool
  private let programs: ProgramCache
  private let state = Mutex(State())
  private let log = Logger(label: "apus.stream")

  init(_ queue: Queue, pool: MemoryPool, programs: ProgramCache) {
    self.queue = queue
    self.pool = pool
    self.programs = programs
  }

  /// What the queue still reads from the host must stay until it has run.
  deinit {
    do { try queue.finish() } catch { log.debug("closing: \(error)") }
  }

  /// Launches, packs and waits until now.
  var counts: DeviceStatistics { state.withLock { $0.counts } }

  /// How long each kernel ran, as far as that is known by now; the longest first.
  var kernelTimes: [KernelTime] {
    state.withLock { state in
      state.times.settle()
      return state.times.all { number in
        state.kernels[number].specification?.label ?? "chain of small launches"
      }
    }
  }

  /// Counts copies that were made for the sake of strides.
  func countPack() { state.withLock { $0.counts.packs += 1 } }

  // MARK: Kernels

  /// The kernel of a specification, built if it is new.
  func prepare(_ specification: some KernelSpecification) throws -> PreparedKernel {
    try prepare(specification, function: specification.function) {
      try programs.program(of: specification)
    }
  }

  /// The kernel of a chain, built if it is new.
  func prepare(_ chain: ChainSource) throws -> PreparedKernel {
    try prepare(chain, function: ChainSource.function) { try programs.program(of: chain) }
  }

  /// Whether the kernel of a chain need not be built.
  func has(_ chain: ChainSource) throws -> Bool { try programs.has(chain) }

  private func prepare(
    _ source: some Hashable & Sendable, function: String, program: () throws -> CachedProgram
  ) throws -> PreparedKernel {
    if let known = state.withLock({ $0.known[source] }) { return known }
    let program = try program()
    return try state.withLock { state in
      if let known = state.known[source] { return known }
      let kernel: DynamicKernel
      do throws(OpenCLError) {
        kernel = try DynamicKernel(program.program, function)
      } catch {
        throw BackendError(error)
      }
      let prepared = PreparedKernel(
        number: state.kernels.count, workGroupLimit: kernel.info.workGroupSize)
      state.kernels.append(
        LoadedKernel(
          kernel: kernel, program: program, specification: source as? any KernelSpecification,
          hasRun: !program.isToBeKept))
      state.known[source] = prepared
      return prepared
    }
  }

  // MARK: Enqueueing

  /// Makes launches, one after the other.
  ///
  /// If one cannot be made those after it are not, and the error is thrown. If output had been
  /// written by then, the outputs are failed, for they are neither the old nor the new.
  func submit(_ launches: [Launch], writing storages: [OpenCLStorage]) throws {
    try state.withLock { state in
      if let loss = state.loss { throw loss }
      var wroteOutput = false
      for launch in launches {
        do throws(OpenCLError) {
          try enqueue(launch, &state)
          // Told at once: a failure that comes later concerns what is already under way.
          if launch.writesOutput && !wroteOutput {
            wroteOutput = true
            for storage in storages { state.written.insert(storage) }
          }
          try flushIfDue(&state)
        } catch {
          let error = noted(error, &state)
          if wroteOutput { for storage in storages { storage.fail(error) } }
          throw error
        }
      }
    }
  }

  // MARK: Replaying

  /// The function that a kernel runs.
  func name(of kernel: PreparedKernel) -> String {
    state.withLock { $0.kernels[kernel.number].kernel.info.name }
  }

  /// What a kernel was built from; nil for a chain.
  func specification(of kernel: PreparedKernel) -> (any KernelSpecification)? {
    state.withLock { $0.kernels[kernel.number].specification }
  }

  /// Another kernel object of the same function, which keeps the arguments that it is given.
  func duplicate(_ kernel: PreparedKernel) throws -> DynamicKernel {
    try state.withLock { state in
      let loaded = state.kernels[kernel.number]
      do throws(OpenCLError) {
        return try DynamicKernel(loaded.program.program, loaded.kernel.info.name)
      } catch {
        throw BackendError(error)
      }
    }
  }

  /// Makes the launches of a replay.
  ///
  /// - Parameters:
  ///   - kernels: The kernels that are launched.
  ///   - outputs: What they write that outlives the replay; failed when only some could be made.
  ///   - launches: Enqueues them all.
  func replay(
    _ kernels: [PreparedKernel], writing outputs: [OpenCLStorage],
    _ launches: (inout ReplaySeries) throws(OpenCLError) -> Void
  ) throws {
    try state.withLock { state in
      if let loss = state.loss { throw loss }
      var series = ReplaySeries(queue)
      do throws(OpenCLError) {
        for kernel in kernels { try countInStretch(kernel.number, &state) }
        try launches(&series)
        for kernel in kernels { noteRun(of: kernel.number, &state) }
        state.counts.launches += series.count
        state.times.add(series.timed)
        for storage in outputs { state.written.insert(storage) }
        try queue.flush()
        state.unflushed = 0
      } catch {
        let error = noted(error, &state)
        if series.count > 0 { for storage in outputs { storage.fail(error) } }
        throw error
      }
    }
  }

  private func enqueue(_ launch: Launch, _ state: inout State) throws(OpenCLError) {
    let number = launch.kernel.number
    let event = queue.isProfiling ? Event() : nil
    func attempt(_ kernel: DynamicKernel) throws(OpenCLError) {
      try queue.enqueue(
        kernel, launch.arguments, global: launch.global, local: launch.local, event: event)
    }
    try countInStretch(number, &state)
    let kernel = state.kernels[number].kernel
    do {
      try attempt(kernel)
    } catch  where error.isOutOfMemory {
      // Some drivers allocate memory only when it is first used.
      pool.releaseUnused()
      try settling(&state) { () throws(OpenCLError) in try queue.finish() }
      try attempt(kernel)
    }
    state.counts.launches += 1
    if let event { state.times.add([(number, event)]) }
    noteRun(of: number, &state)
  }

  /// Notes a kernel's first run, after which its program is worth keeping.
  private func noteRun(of number: Int, _ state: inout State) {
    guard !state.kernels[number].hasRun else { return }
    state.kernels[number].hasRun = true
    state.firstRuns.append(number)
  }

  /// Lets the queue run empty before too many different kernels wait in it.
  private func countInStretch(_ number: Int, _ state: inout State) throws(OpenCLError) {
    guard state.kernels[number].stretch != state.stretch else { return }
    if state.kernelsInStretch == Self.kernelLimit {
      try settling(&state) { () throws(OpenCLError) in try queue.finish() }
      state.stretch += 1
      state.kernelsInStretch = 0
    }
    state.kernels[number].stretch = state.stretch
    state.kernelsInStretch += 1
  }

  private func flushIfDue(_ state: inout State) throws(OpenCLError) {
    state.unflushed += 1
    if state.unflushed >= Self.flushInterval {
      try queue.flush()
      state.unflushed = 0
    }
  }

  /// Enqueues a copy of bytes to a storage; they may be reused at return.
  func write(_ bytes: UnsafeRawBufferPointer, to storage: OpenCLStorage, atByte offset: Int) throws
  {
    guard let buffer = storage.buffer, bytes.count > 0 else { return }
    let transfer = Transfer(copying: bytes)
    try state.withLock { state in
      if let loss = state.loss { throw loss }
      var isWritten = false
      do throws(OpenCLError) {
        try queue.enqueueWrite(transfer.bytes, to: buffer, at: offset, event: transfer.event)
        isWritten = true
        state.transfers.append(transfer)
        state.written.insert(storage)
        if state.transfers.count > Self.transferLimit {
          let oldest = state.transfers[0].event
          try settling(&state) { () throws(OpenCLError) in try oldest.wait() }
        }
        Self.releaseTransfers(&state)
        try flushIfDue(&state)
      } catch {
        let error = noted(error, &state)
        if isWritten { storage.fail(error) }
        throw error
      }
    }
  }

  /// Releases, from the oldest, what the device has copied.
  private static func releaseTransfers(_ state: inout State) {
    let pending = state.transfers.firstIndex { transfer in
      // One that failed is no longer read from; who waits for it is told.
      (try? transfer.event.isComplete()) == false
    }
    state.transfers.removeFirst(pending ?? state.transfers.count)
  }

  // MARK: Waiting

  /// A place in the queue.
  struct Mark: Sendable {
    let event: Event
    /// How many writes came before.
    let position: UInt64
  }

  /// Marks the place after all that was enqueued.
  func mark() throws -> Mark {
    try mark { queue, event throws(OpenCLError) in try queue.mark(event) }
  }

  /// Marks the place of a command that is enqueued here.
  private func mark(
    _ command: (Queue, Event) throws(OpenCLError) -> Void
  ) throws -> Mark {
    let event = Event()
    return try state.withLock { state in
      if let loss = state.loss { throw loss }
      do throws(OpenCLError) {
        try command(queue, event)
        try queue.flush()
      } catch {
        throw noted(error, &state)
      }
      state.unflushed = 0
      return Mark(event: event, position: state.written.position)
    }
  }

  /// Waits for what was enqueued before and reads bytes.
  func read(
    _ storage: OpenCLStorage, atByte offset: Int, into bytes: UnsafeMutableRawBufferPointer
  ) throws {
    guard let buffer = storage.buffer, bytes.count > 0 else { return }
    do {
      let mark = try mark { queue, event throws(OpenCLError) in
        try queue.enqueueRead(buffer, at: offset, into: bytes, event: event)
      }
      try wait(for: mark)
    } catch {
      // However it failed, the memory is the caller's again, so the device must be done with it.
      do { try queue.finish() } catch { log.debug("after a failed read: \(error)") }
      throw error
    }
  }

  /// Waits until all that came before a mark has run.
  ///
  /// If it failed, every storage written since the last wait that succeeded is failed.
  func wait(for mark: Mark) throws {
    state.withLock { $0.counts.waits += 1 }
    do {
      do {
        try mark.event.wait()
      } catch {
        // The wait says that something failed, the event what.
        _ = try mark.event.isComplete()
        throw error
      }
    } catch let error as OpenCLError {
      throw state.withLock { failWritten(error, &$0) }
    }
    let (programs, storages) = state.withLock { state in
      Self.releaseTransfers(&state)
      state.times.settle()
      let runs = state.firstRuns
      state.firstRuns = []
      return (runs.map { state.kernels[$0].program }, state.written.remove(upTo: mark.position))
    }
    // Storages may end here, which takes the pool's lock.
    _ = consume storages
    guard !programs.isEmpty else { return }
    // While PoCL makes a binary it loads each kernel a second time, and may take one for the other
    // when the kernel is running (3.1, pocl_release_dlhandle_cache): nothing runs meanwhile.
    state.withLock { state in
      do { try settling(&state) { () throws(OpenCLError) in try queue.finish() } } catch { return }
      for program in programs { program.keep() }
    }
  }

  // MARK: Failures

  /// A failed call as the backend's error; a device that is lost stays lost.
  private func noted(_ error: OpenCLError, _ state: inout State) -> BackendError {
    let error = BackendError(error)
    if error.kind == .deviceLost { state.loss = error }
    return error
  }

  /// Waits inside a command; what was under way has failed if that does.
  private func settling(
    _ state: inout State, _ wait: () throws(OpenCLError) -> Void
  ) throws(OpenCLError) {
    do {
      try wait()
    } catch {
      _ = failWritten(error, &state)
      throw error
    }
  }

  /// Fails every storage written since the last successful wait.
  private func failWritten(_ error: OpenCLError, _ state: inout State) -> BackendError {
    let error = noted(error, &state)
    for storage in state.written.remove(upTo: .max) { storage.fail(error) }
    return error
  }
}

/// Bytes of the host, copied for the device to fetch when it comes to it.
final class Transfer: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  /// Completes when the device has them.
  let event = Event()

  init(copying source: UnsafeRawBufferPointer) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 64)
    copy.copyMemory(from: source)
    bytes = UnsafeRawBufferPointer(copy)
  }

  deinit { bytes.deallocate() }
}

/// The storages that launches have written since the last successful wait, as long as they live.
private struct WrittenStorages {
  private struct Entry {
    weak var storage: OpenCLStorage?
    var position: UInt64
  }

  private var entries: [ObjectIdentifier: Entry] = [:]
  private var limit = 1024

  /// Counts writes.
  private(set) var position: UInt64 = 0

  mutating func insert(_ storage: OpenCLStorage) {
    position += 1
    entries[ObjectIdentifier(storage)] = Entry(storage: storage, position: position)
    if entries.count > limit {
      // As many stay as storages live, so this is rare.
      entries = entries.filter { $0.value.storage != nil }
      limit = max(1024, 2 * entries.count)
    }
  }

  /// Forgets writes up to a position, and gives the storages that they went to.
  mutating func remove(upTo position: UInt64) -> [OpenCLStorage] {
    let removed = entries.filter { $0.value.position <= position }
    entries = entries.filter { $0.value.position > position }
    return removed.values.compactMap(\.storage)
  }
}
