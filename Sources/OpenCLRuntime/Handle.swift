/// Owns one reference to an OpenCL object, or borrows a platform or device, which nobody owns.
///
/// This is the one place where objects are released, and the one promise that pointers may cross
/// threads. OpenCL keeps it for all its objects: its functions are safe to call from any thread, all
/// but clSetKernelArg, for whose sake kernels are confined.
final class Handle: @unchecked Sendable {
  let pointer: OpaquePointer
  private let ownership: (kind: LiveHandles.Kind, driver: Driver)?

  /// Takes over a reference that the caller has.
  init(owning pointer: OpaquePointer, _ kind: LiveHandles.Kind, of driver: Driver) {
    self.pointer = pointer
    ownership = (kind, driver)
    driver.liveHandles.add(1, to: kind)
  }

  /// Refers to an object that lives as long as the process.
  init(borrowing pointer: OpaquePointer) {
    self.pointer = pointer
    ownership = nil
  }

  deinit {
    guard let (kind, driver) = ownership else { return }
    let release =
      switch kind {
      case .context: driver.functions.clReleaseContext
      case .queue: driver.functions.clReleaseCommandQueue
      case .buffer: driver.functions.clReleaseMemObject
      case .program: driver.functions.clReleaseProgram
      case .kernel: driver.functions.clReleaseKernel
      case .event: driver.functions.clReleaseEvent
      }
    // There is nobody to throw to; a failed release shows as an object that stays counted.
    if release(pointer) == OpenCLStatus.success.rawValue {
      driver.liveHandles.add(-1, to: kind)
    }
  }
}
