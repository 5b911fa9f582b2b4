import Compute
import Foundation
import OpenCLBackend
import OpenCLRuntime
import Synchronization

/// A backend of its own, whose calls to OpenCL are counted and can be made to fail.
struct Bench {
  let calls: Calls
  let live: LiveHandles
  let backend: OpenCLBackend

  /// Opens the first device.
  /// - Parameter change: What differs from the options of an empty environment without a cache.
  init(calls: Calls = Calls(), _ change: (inout OpenCLBackend.Options) -> Void = { _ in }) throws {
    self.calls = calls
    live = LiveHandles()
    let functions = OpenCLFunctions.system.intercepted { calls.receive($0) }
    let device = try OpenCLDevice.all(through: functions, counting: live)[0]
    var options = OpenCLBackend.Options(environment: Self.environment)
    options.cacheDirectory = nil
    change(&options)
    backend = try OpenCLBackend(device: device, options: options)
  }

  /// Nothing, but where the kernels that are tested lie.
  static let environment = ProcessInfo.processInfo.environment.filter { $0.key == "APUS_KERNELS" }

  /// A view of given numbers.
  func view(_ values: [Float]) throws -> View {
    let storage = try backend.allocate(byteCount: values.count * 4)
    try values.withUnsafeBytes { try backend.write($0, to: storage, atByte: 0) }
    return View(storage, dtype: .float32, shape: [values.count])
  }

  /// The numbers of a contiguous view.
  func values(_ view: View) throws -> [Float] {
    try [Float](unsafeUninitializedCapacity: view.count) { buffer, count in
      try backend.read(view.storage, atByte: 0, into: UnsafeMutableRawBufferPointer(buffer))
      count = view.count
    }
  }

  /// Writes `x + 1` to a view.
  func increment(_ x: View, into y: View) throws {
    try backend.map([.input(0) + 1], of: [.view(x)], into: [y])
  }
}

/// Counts calls, and makes those fail that were planned to.
final class Calls: Sendable {
  private struct State {
    var counts: [OpenCLCall: Int] = [:]
    var planned: [OpenCLCall: (numbers: Range<Int>, status: OpenCLStatus)] = [:]
  }

  private let state = Mutex(State())

  func receive(_ call: OpenCLCall) -> OpenCLStatus? {
    state.withLock { state in
      let number = state.counts[call, default: 0]
      state.counts[call] = number + 1
      guard let (numbers, status) = state.planned[call], numbers.contains(number) else {
        return nil
      }
      return status
    }
  }

  func count(of call: OpenCLCall) -> Int {
    state.withLock { $0.counts[call, default: 0] }
  }

  /// Makes calls fail: so many, after so many that succeed.
  func fail(
    _ call: OpenCLCall, with status: OpenCLStatus, times: Int = 1, after successes: Int = 0
  ) {
    state.withLock { state in
      let first = state.counts[call, default: 0] + successes
      state.planned[call] = (first..<first + times, status)
    }
  }
}

/// The backend's error that a closure throws, or nil.
func failure(_ body: () throws -> some Any) throws -> BackendError? {
  do {
    _ = try body()
    return nil
  } catch let error as BackendError {
    return error
  }
}

/// A folder that is removed afterwards.
func withTemporaryFolder<R>(_ body: (String) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appending(path: "apus-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}
