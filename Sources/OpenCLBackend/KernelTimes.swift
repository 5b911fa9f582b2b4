import Compute
import OpenCLRuntime

/// How long kernels ran, on a queue that notes it.
struct KernelTimes {
  /// A launch, by its kernel's number in the stream, with the event that will know.
  typealias Launch = (kernel: Int, event: Event)

  private var pending: [Launch] = []
  private var settled: [Int: (launches: Int, nanoseconds: UInt64)] = [:]

  /// Adds launches that were enqueued.
  mutating func add(_ launches: [Launch]) { pending += launches }

  /// Takes the times of the launches that have run; one that failed ran for no time.
  mutating func settle() {
    let first = pending.firstIndex { (try? $0.event.isComplete()) == false } ?? pending.count
    for (kernel, event) in pending[..<first] {
      guard let profile = try? event.profile() else { continue }
      let (launches, nanoseconds) = settled[kernel] ?? (0, 0)
      settled[kernel] = (launches + 1, nanoseconds + profile.duration)
    }
    pending.removeFirst(first)
  }

  /// The time of each kernel, the longest first; those of one label together.
  func all(label: (_ kernel: Int) -> String) -> [KernelTime] {
    Dictionary(grouping: settled) { label($0.key) }
      .map { label, kernels in
        KernelTime(
          kernel: label, launches: kernels.reduce(0) { $0 + $1.value.launches },
          seconds: Double(kernels.reduce(0) { $0 + $1.value.nanoseconds }) / 1e9)
      }
      .sorted { ($1.seconds, $0.kernel) < ($0.seconds, $1.kernel) }
  }
}

/// Enqueues the commands of a replay, and counts them.
struct ReplaySeries {
  /// The commands enqueued.
  private(set) var count = 0
  /// The launches whose times will be known.
  private(set) var timed: [KernelTimes.Launch] = []
  private let queue: Queue

  init(_ queue: Queue) { self.queue = queue }

  /// Launches a kernel with the arguments that it has.
  mutating func launch(
    _ kernel: DynamicKernel, number: Int, global: WorkSize, local: WorkSize
  ) throws(OpenCLError) {
    let event = queue.isProfiling ? Event() : nil
    try queue.enqueueAgain(kernel, global: global, local: local, event: event)
    count += 1
    if let event { timed.append((number, event)) }
  }

  /// Writes bytes, which must stay until they have been read.
  mutating func write(
    _ bytes: Transfer, to buffer: Buffer, atByte offset: Int
  ) throws(OpenCLError) {
    try queue.enqueueWrite(bytes.bytes, to: buffer, at: offset)
    count += 1
  }
}
