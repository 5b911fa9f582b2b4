import OpenCLRuntime
import Testing

@Suite struct PlatformTests {
  @Test("A machine without drivers has no platforms, which is not an error")
  func noPlatforms() throws {
    var functions = OpenCLFunctions.system
    functions.clGetPlatformIDs = { _, _, _ in OpenCLStatus.platformNotFound.rawValue }
    #expect(try Platform.all(through: functions).isEmpty)
    #expect(try OpenCLDevice.all(through: functions).isEmpty)

    functions.clGetPlatformIDs = { _, _, count in
      count?.pointee = 0
      return OpenCLStatus.success.rawValue
    }
    #expect(try Platform.all(through: functions).isEmpty)
  }

  @Test("Any other failure to list the platforms is an error")
  func brokenLoader() {
    let functions = OpenCLFunctions.system.intercepted {
      $0 == .clGetPlatformIDs ? .outOfHostMemory : nil
    }
    let error = failure { () throws(OpenCLError) in try Platform.all(through: functions) }
    #expect(error?.call == .clGetPlatformIDs)
    #expect(error?.isOutOfMemory == true)
  }

  @Test("A platform without devices has none, which is not an error", .enabled(if: hasDevice))
  func noDevices() throws {
    let functions = OpenCLFunctions.system.intercepted {
      $0 == .clGetDeviceIDs ? .deviceNotFound : nil
    }
    let platforms = try Platform.all(through: functions)
    #expect(!platforms.isEmpty)
    for platform in platforms { #expect(try platform.devices().isEmpty) }
  }

  @Test("Devices say what they are and can do", .enabled(if: hasDevice))
  func capabilities() throws {
    for device in try OpenCLDevice.all() {
      #expect(!device.name.isEmpty)
      #expect(!device.platform.name.isEmpty)
      #expect(device.version >= OpenCLVersion(1, 2))
      #expect(device.languageVersion >= OpenCLVersion(1, 2))
      #expect(device.computeUnits > 0)
      #expect(device.maxWorkGroupSize > 0)
      #expect(device.maxWorkItemSizes.count >= 3)
      #expect(device.maxAllocation > 0 && device.maxAllocation <= device.globalMemory)
      #expect(device.localMemory > 0)
      #expect(device.baseAddressAlignment > 0)
      #expect(device.supportsFloat64 == device.extensions.contains("cl_khr_fp64"))
    }
  }

  @Test("A device listed twice is the same device", .enabled(if: hasDevice))
  func identity() throws {
    #expect(try Set(OpenCLDevice.all() + OpenCLDevice.all()).count == OpenCLDevice.all().count)
  }
}

@Suite struct OpenCLErrorTests {
  @Test("An error says call, status and attempt in one line, then the detail")
  func description() {
    let error = OpenCLError(
      .clCreateBuffer, .allocationFailure, attempt: "a buffer of 16 bytes")
    #expect(
      error.description
        == "clCreateBuffer: CL_MEM_OBJECT_ALLOCATION_FAILURE (-4): a buffer of 16 bytes")
    let detailed = OpenCLError(.clBuildProgram, .buildProgramFailure, attempt: "a", detail: "b\nc")
    #expect(detailed.description == "clBuildProgram: CL_BUILD_PROGRAM_FAILURE (-11): a\nb\nc")
  }

  @Test("A status that no header names still shows its code")
  func unknownStatus() {
    #expect(OpenCLStatus(rawValue: -777).description == "unknown status (-777)")
  }

  @Test(
    "Three statuses mean that memory ran out",
    arguments: [OpenCLStatus.allocationFailure, .outOfResources, .outOfHostMemory])
  func outOfMemory(status: OpenCLStatus) {
    let error = OpenCLError(.clFinish, status, attempt: "")
    #expect(error.isOutOfMemory)
    #expect(!error.isDeviceLost)
  }

  @Test(
    "A device, context or queue that is gone is a lost device",
    arguments: [OpenCLStatus.deviceNotAvailable, .invalidContext, .invalidCommandQueue])
  func deviceLost(status: OpenCLStatus) {
    let error = OpenCLError(.clFinish, status, attempt: "")
    #expect(error.isDeviceLost)
    #expect(!error.isOutOfMemory)
  }
}
