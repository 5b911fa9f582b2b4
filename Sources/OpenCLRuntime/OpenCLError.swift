/// A call to OpenCL that failed, or that was not made because it had to fail.
///
/// Where this library can see from the arguments that a driver must refuse them, it says so itself,
/// with the status that the driver would give and a message that names the sizes.
public struct OpenCLError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The OpenCL function.
  public let call: OpenCLCall

  /// The status that it returned.
  public let status: OpenCLStatus

  /// What was attempted, in one line: the kernel and its sizes, the bytes asked for, and so on.
  public let attempt: String

  /// What does not fit into one line: for a program, the build log and the lines that it names.
  public let detail: String?

  /// Makes an error, for tests and for tables of functions that inject faults.
  public init(
    _ call: OpenCLCall, _ status: OpenCLStatus, attempt: String, detail: String? = nil
  ) {
    self.call = call
    self.status = status
    self.attempt = attempt
    self.detail = detail
  }

  /// One line with call, status and attempt, then the detail if there is any.
  public var description: String {
    let summary = "\(call.rawValue): \(status): \(attempt)"
    guard let detail, !detail.isEmpty else { return summary }
    return "\(summary)\n\(detail)"
  }
}

extension OpenCLError {
  /// Whether memory ran out, on the device or on the host.
  ///
  /// Drivers use CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_RESOURCES and CL_OUT_OF_HOST_MEMORY for
  /// it without much distinction.
  public var isOutOfMemory: Bool {
    [.allocationFailure, .outOfResources, .outOfHostMemory].contains(status)
  }

  /// Whether the context can no longer be used: the device is gone, or a kernel faulted and the
  /// driver gave up the context or its queue.
  public var isDeviceLost: Bool {
    [
      .deviceNotAvailable, .invalidContext, .invalidCommandQueue,
      OpenCLStatus(rawValue: OpenCLStatus.nvidiaFault),
    ].contains(status)
  }
}
