import COpenCL
import Synchronization

/// Where a command leaves its event (a cl_event), for those who ask for it.
///
/// An event is made empty and given to a command, which fills it:
///
///     let done = Event()
///     try queue.enqueue(add, a, b, c, global: [n], event: done)
///     try done.wait()
///
/// Commands without one create no cl_event at all. A command that has nothing to do (no bytes, no
/// work-items) leaves it as it is. Given to a second command, it stands for that one.
public final class Event: Sendable {
  /// When a command passed each stage, in nanoseconds of the device's clock.
  public struct Profile: Hashable, Sendable {
    /// When it was enqueued.
    public let queued: UInt64
    /// When the host submitted it to the device.
    public let submitted: UInt64
    /// When it began to run.
    public let started: UInt64
    /// When it had run.
    public let ended: UInt64

    /// How long it ran, in nanoseconds.
    public var duration: UInt64 { ended >= started ? ended - started : 0 }
  }

  private struct Command {
    let handle: Handle
    let driver: Driver
    let name: String
  }

  private let command = Mutex<Command?>(nil)

  /// Makes an empty event.
  public init() {}

  func fill(_ handle: Handle, driver: Driver, command name: String) {
    command.withLock { $0 = Command(handle: handle, driver: driver, name: name) }
  }

  /// Waits until the command has run (clWaitForEvents); an empty event has nothing to wait for.
  /// - Throws: If the command, or one that it depends on, failed.
  public func wait() throws(OpenCLError) {
    guard let command = command.withLock({ $0 }) else { return }
    try command.driver.call(.clWaitForEvents, "waiting for \(command.name)") {
      var object: OpaquePointer? = command.handle.pointer
      return $0.clWaitForEvents(1, &object)
    }
  }

  /// Whether the command has run; an empty event has.
  /// - Throws: If the command failed, with the status that it failed with.
  public func isComplete() throws(OpenCLError) -> Bool {
    guard let command = command.withLock({ $0 }) else { return true }
    let info = InfoReader(driver: command.driver, call: .clGetEventInfo, subject: command.name) {
      $0.clGetEventInfo(command.handle.pointer, $1, $2, $3, $4)
    }
    let status = try info.value(CL_EVENT_COMMAND_EXECUTION_STATUS, Int32(0))
    guard status >= 0 else {
      throw OpenCLError(
        .clGetEventInfo, OpenCLStatus(rawValue: status), attempt: "running \(command.name)")
    }
    return status == CL_COMPLETE
  }

  /// When the command passed each stage (clGetEventProfilingInfo); nil for an empty event.
  /// - Throws: If the queue was made without profiling, or the command has not run yet.
  public func profile() throws(OpenCLError) -> Profile? {
    guard let command = command.withLock({ $0 }) else { return nil }
    let info = InfoReader(
      driver: command.driver, call: .clGetEventProfilingInfo, subject: command.name
    ) {
      $0.clGetEventProfilingInfo(command.handle.pointer, $1, $2, $3, $4)
    }
    do {
      return Profile(
        queued: try info.value(CL_PROFILING_COMMAND_QUEUED, 0),
        submitted: try info.value(CL_PROFILING_COMMAND_SUBMIT, 0),
        started: try info.value(CL_PROFILING_COMMAND_START, 0),
        ended: try info.value(CL_PROFILING_COMMAND_END, 0))
    } catch  where error.status == .profilingInfoNotAvailable {
      throw OpenCLError(
        error.call, error.status,
        attempt: "the times of \(command.name): its queue was made without profiling, or it has "
          + "not run yet")
    }
  }
}
