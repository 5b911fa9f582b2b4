/// Owns one reference to an OpenCL object, or borrows a platform or device, which nobody owns.
///
/// This is the one promise that pointers may cross threads. OpenCL keeps it for all its objects: its
/// functions are safe to call from any thread, all but clSetKernelArg, for whose sake kernels are
/// confined.
final class Handle: @unchecked Sendable {
  let pointer: OpaquePointer
  private let ownership: (number: Int, liveHandles: LiveHandles)?

  /// Takes over a reference that the caller has.
  init(owning pointer: OpaquePointer, _ kind: LiveHandles.Kind, of driver: Driver) {
    self.pointer = pointer
    ownership = (
      driver.liveHandles.add(pointer, kind, driver.functions), driver.liveHandles
    )
  }

  /// Refers to an object that lives as long as the process.
  init(borrowing pointer: OpaquePointer) {
    self.pointer = pointer
    ownership = nil
  }

  deinit {
    if let (number, liveHandles) = ownership { liveHandles.release(number) }
  }
}
