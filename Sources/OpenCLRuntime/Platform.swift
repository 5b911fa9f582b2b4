import COpenCL

/// An OpenCL driver installed on this machine (a cl_platform_id).
public struct Platform: Sendable {
  /// The driver's name.
  public let name: String
  /// Who made the driver.
  public let vendor: String
  /// The version of the driver's OpenCL, followed by what its maker has to add.
  public let version: String

  let driver: Driver
  let handle: Handle

  /// All drivers of this machine, in the order of clGetPlatformIDs.
  ///
  /// A machine without any driver has none: an empty list, not an error.
  /// - Parameters:
  ///   - functions: The OpenCL functions that these platforms and all that comes from them call.
  ///   - liveHandles: Where the objects that come from these platforms are counted.
  /// - Throws: If a driver does not answer.
  public static func all(
    through functions: OpenCLFunctions = .system, counting liveHandles: LiveHandles = .process
  ) throws(OpenCLError) -> [Platform] {
    let driver = Driver(functions: functions, liveHandles: liveHandles)
    let identifiers: [OpaquePointer?]
    do {
      var count: UInt32 = 0
      try driver.call(.clGetPlatformIDs, "counting the platforms") {
        $0.clGetPlatformIDs(0, nil, &count)
      }
      guard count > 0 else { return [] }
      var found = [OpaquePointer?](repeating: nil, count: Int(count))
      try driver.call(.clGetPlatformIDs, "listing \(count) platforms") {
        $0.clGetPlatformIDs(count, &found, nil)
      }
      identifiers = found
    } catch  where error.status == .platformNotFound {
      return []
    }
    var platforms: [Platform] = []
    for case let identifier? in identifiers {
      platforms.append(try Platform(identifier, driver: driver))
    }
    return platforms
  }

  private init(_ identifier: OpaquePointer, driver: Driver) throws(OpenCLError) {
    let info = InfoReader(driver: driver, call: .clGetPlatformInfo, subject: "a platform") {
      $0.clGetPlatformInfo(identifier, $1, $2, $3, $4)
    }
    self.driver = driver
    handle = Handle(borrowing: identifier)
    name = try info.string(CL_PLATFORM_NAME)
    vendor = try info.string(CL_PLATFORM_VENDOR)
    version = try info.string(CL_PLATFORM_VERSION)
  }

  /// The platform's devices of all types, in the order of clGetDeviceIDs; empty if it has none.
  /// - Throws: If the driver does not answer.
  public func devices() throws(OpenCLError) -> [OpenCLDevice] {
    let identifiers: [OpaquePointer?]
    do {
      let allTypes = UInt64(CL_DEVICE_TYPE_ALL)
      var count: UInt32 = 0
      try driver.call(.clGetDeviceIDs, "counting the devices of '\(name)'") {
        $0.clGetDeviceIDs(handle.pointer, allTypes, 0, nil, &count)
      }
      guard count > 0 else { return [] }
      var found = [OpaquePointer?](repeating: nil, count: Int(count))
      try driver.call(.clGetDeviceIDs, "listing \(count) devices of '\(name)'") {
        $0.clGetDeviceIDs(handle.pointer, allTypes, count, &found, nil)
      }
      identifiers = found
    } catch  where error.status == .deviceNotFound {
      return []
    }
    var devices: [OpenCLDevice] = []
    for case let identifier? in identifiers {
      devices.append(try OpenCLDevice(identifier, platform: self))
    }
    return devices
  }
}
