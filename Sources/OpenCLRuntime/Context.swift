/// A context with one device (a cl_context): where buffers and programs live.
public final class Context: Sendable {
  /// The device.
  public let device: OpenCLDevice

  let handle: Handle
  var driver: Driver { device.platform.driver }

  /// Makes a context with clCreateContext.
  /// - Throws: If the driver refuses.
  public init(_ device: OpenCLDevice) throws(OpenCLError) {
    self.device = device
    let driver = device.platform.driver
    handle = try driver.create(.context, .clCreateContext, "a context on '\(device.name)'") {
      functions, status in
      var identifier: OpaquePointer? = device.handle.pointer
      return functions.clCreateContext(nil, 1, &identifier, status)
    }
  }
}
