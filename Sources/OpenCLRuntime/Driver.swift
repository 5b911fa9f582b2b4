/// What every object needs to call OpenCL: the table of functions, and the count of what is alive.
final class Driver: Sendable {
  let functions: OpenCLFunctions
  let liveHandles: LiveHandles

  init(functions: OpenCLFunctions, liveHandles: LiveHandles) {
    self.functions = functions
    self.liveHandles = liveHandles
  }

  /// Makes a call that returns its status.
  func call(
    _ call: OpenCLCall, _ attempt: @autoclosure () -> String,
    _ body: (OpenCLFunctions) -> Int32
  ) throws(OpenCLError) {
    let status = OpenCLStatus(rawValue: body(functions))
    guard status == .success else { throw OpenCLError(call, status, attempt: attempt()) }
  }

  /// Makes a call that creates an object.
  func create(
    _ kind: LiveHandles.Kind, _ call: OpenCLCall, _ attempt: @autoclosure () -> String,
    _ body: (OpenCLFunctions, UnsafeMutablePointer<Int32>) -> OpaquePointer?
  ) throws(OpenCLError) -> Handle {
    var code = OpenCLStatus.success.rawValue
    let object = body(functions, &code)
    let status = OpenCLStatus(rawValue: code)
    guard status == .success else { throw OpenCLError(call, status, attempt: attempt()) }
    guard let object else {
      throw OpenCLError(
        call, .outOfHostMemory,
        attempt: "\(attempt()): the driver returned neither an object nor an error")
    }
    return Handle(owning: object, kind, of: self)
  }

  /// Makes a call that enqueues a command, and an event for it if one is wanted.
  func enqueue(
    _ call: OpenCLCall, event: Event?, _ attempt: @autoclosure () -> String,
    _ body: (OpenCLFunctions, UnsafeMutablePointer<OpaquePointer?>?) -> Int32
  ) throws(OpenCLError) {
    guard let event else {
      try self.call(call, attempt()) { body($0, nil) }
      return
    }
    var object: OpaquePointer?
    try self.call(call, attempt()) { body($0, &object) }
    if let object {
      event.fill(Handle(owning: object, .event, of: self), driver: self, command: attempt())
    }
  }
}
