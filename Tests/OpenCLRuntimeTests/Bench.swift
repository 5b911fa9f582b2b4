import OpenCLRuntime
import Synchronization

/// Whether there is a device to test on.
let hasDevice = (try? OpenCLDevice.all().isEmpty) == false

/// A device with a context and a queue of its own, whose calls are counted and can be made to fail.
struct Bench {
  let calls: Calls
  let live: LiveHandles
  let device: OpenCLDevice
  let context: Context
  let queue: Queue

  init(profiling: Bool = false) throws {
    let calls = Calls()
    self.calls = calls
    live = LiveHandles()
    let functions = OpenCLFunctions.system.intercepted { calls.receive($0) }
    device = try OpenCLDevice.all(through: functions, counting: live)[0]
    context = try Context(device)
    queue = try Queue(context, profiling: profiling)
  }

  func program(_ text: String, definitions: Definitions = [:]) throws -> Program {
    let source = ProgramSource(name: "test.cl", text: text)
    return try Program(context, source: source, definitions: definitions)
  }
}

/// Counts calls, and makes those fail that were planned to.
final class Calls: Sendable {
  private struct State {
    var counts: [OpenCLCall: Int] = [:]
    var planned: [OpenCLCall: (number: Int, status: OpenCLStatus)] = [:]
  }

  private let state = Mutex(State())

  func receive(_ call: OpenCLCall) -> OpenCLStatus? {
    state.withLock { state in
      state.counts[call, default: 0] += 1
      guard let (number, status) = state.planned[call], state.counts[call] == number else {
        return nil
      }
      return status
    }
  }

  func count(of call: OpenCLCall) -> Int {
    state.withLock { $0.counts[call, default: 0] }
  }

  /// Makes the nth call from now fail, and no other.
  func fail(_ call: OpenCLCall, with status: OpenCLStatus, after successes: Int = 0) {
    state.withLock { state in
      state.planned[call] = (state.counts[call, default: 0] + successes + 1, status)
    }
  }
}

/// The error that a closure throws, or nil.
func failure(_ body: () throws(OpenCLError) -> some Any) -> OpenCLError? {
  do throws(OpenCLError) {
    _ = try body()
    return nil
  } catch {
    return error
  }
}

/// Adds `amount` to each of `count` numbers.
let addKernel = """
  kernel void add(global float *x, const float amount, const uint count) {
    size_t i = get_global_id(0);
    if (i < count) x[i] += amount;
  }
  """
