import Synchronization

/// Counts the OpenCL objects that have been created and not yet released, and releases them.
///
/// A test that wants its own count gives an instance of its own to
/// ``Platform/all(through:counting:)``. An object whose release failed stays counted.
public final class LiveHandles: Sendable {
  /// The kinds of objects that OpenCL counts references of.
  public enum Kind: CaseIterable, Sendable {
    /// A cl_context.
    case context
    /// A cl_command_queue.
    case queue
    /// A cl_mem, sub-buffers included.
    case buffer
    /// A cl_program.
    case program
    /// A cl_kernel.
    case kernel
    /// A cl_event.
    case event
  }

  /// The count of everything that was not given a count of its own.
  public static let process = LiveHandles()

  private struct Object: Sendable {
    let kind: Kind
    /// The object's address.
    let address: UInt
    let functions: OpenCLFunctions

    /// Gives the reference back; returns whether the driver took it.
    func release() -> Bool {
      let release =
        switch kind {
        case .context: functions.clReleaseContext
        case .queue: functions.clReleaseCommandQueue
        case .buffer: functions.clReleaseMemObject
        case .program: functions.clReleaseProgram
        case .kernel: functions.clReleaseKernel
        case .event: functions.clReleaseEvent
        }
      return release(OpaquePointer(bitPattern: address)) == OpenCLStatus.success.rawValue
    }
  }

  private struct State {
    var objects: [Int: Object] = [:]
    var nextNumber = 0
    /// The objects whose release failed.
    var lost: [Kind: Int] = [:]
  }

  private let state = Mutex(State())

  /// Makes a count that stands at zero.
  public init() {}

  /// How many objects of a kind are alive.
  public func count(of kind: Kind) -> Int {
    state.withLock { state in
      state.objects.values.count { $0.kind == kind } + state.lost[kind, default: 0]
    }
  }

  /// How many objects of all kinds are alive.
  public var total: Int {
    state.withLock { $0.objects.count + $0.lost.values.reduce(0, +) }
  }

  /// Releases every object that is alive, whoever still refers to it.
  ///
  /// For the end of the process: what variables of the whole program refer to is never released
  /// otherwise. Nothing may use an object afterwards.
  public func releaseAll() {
    let objects = state.withLock { state in
      defer { state.objects = [:] }
      return state.objects.sorted { $0.key > $1.key }.map(\.value)
    }
    // The latest first, so that nothing is released before what was made from it.
    for object in objects { release(object) }
  }

  /// Counts an object, and returns the number to release it by.
  func add(_ pointer: OpaquePointer, _ kind: Kind, _ functions: OpenCLFunctions) -> Int {
    let object = Object(kind: kind, address: UInt(bitPattern: pointer), functions: functions)
    return state.withLock { state in
      defer { state.nextNumber += 1 }
      state.objects[state.nextNumber] = object
      return state.nextNumber
    }
  }

  /// Releases an object, unless it is released already.
  func release(_ number: Int) {
    let object = state.withLock { $0.objects.removeValue(forKey: number) }
    if let object { release(object) }
  }

  /// There is nobody to throw to; a failed release shows as an object that stays counted.
  private func release(_ object: Object) {
    if !object.release() { state.withLock { $0.lost[object.kind, default: 0] += 1 } }
  }
}

extension LiveHandles: CustomStringConvertible {
  /// The counts that are not zero, such as `2 buffer, 1 queue`, or `none`.
  public var description: String {
    let parts = Kind.allCases.compactMap { kind in
      let count = count(of: kind)
      return count == 0 ? nil : "\(count) \(kind)"
    }
    return parts.isEmpty ? "none" : parts.joined(separator: ", ")
  }
}
