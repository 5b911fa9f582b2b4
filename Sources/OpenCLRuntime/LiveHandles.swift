import Synchronization

/// Counts the OpenCL objects that have been created and not yet released.
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

  private let counts = Mutex<[Kind: Int]>([:])

  /// Makes a count that stands at zero.
  public init() {}

  /// How many objects of a kind are alive.
  public func count(of kind: Kind) -> Int {
    counts.withLock { $0[kind, default: 0] }
  }

  /// How many objects of all kinds are alive.
  public var total: Int {
    counts.withLock { $0.values.reduce(0, +) }
  }

  func add(_ change: Int, to kind: Kind) {
    counts.withLock { $0[kind, default: 0] += change }
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
