import COpenCL

/// A device that runs kernels (a cl_device_id), with what it says about itself.
///
/// Everything is asked for once, when the platform lists its devices. Memory is in bytes.
public struct OpenCLDevice: Sendable {
  /// What a device is.
  public enum Kind: String, Sendable {
    /// CL_DEVICE_TYPE_CPU.
    case cpu
    /// CL_DEVICE_TYPE_GPU.
    case gpu
    /// CL_DEVICE_TYPE_ACCELERATOR.
    case accelerator
    /// CL_DEVICE_TYPE_CUSTOM, or a type that this library does not know.
    case custom
  }

  /// The driver that the device belongs to.
  public let platform: Platform
  /// The device's name.
  public let name: String
  /// Who made the device.
  public let vendor: String
  /// The version of the driver, in its maker's form.
  public let driverVersion: String
  /// The version of OpenCL that the device supports; the platform's may be another.
  public let version: OpenCLVersion
  /// The newest OpenCL C that the device's compiler takes.
  public let languageVersion: OpenCLVersion
  /// What the device is.
  public let kind: Kind
  /// The extensions that the device names.
  public let extensions: Set<String>

  /// How many compute units run work-groups at the same time.
  public let computeUnits: Int
  /// The most work-items that a work-group can have; a kernel may allow fewer.
  public let maxWorkGroupSize: Int
  /// The most work-items that a work-group can have in each dimension.
  public let maxWorkItemSizes: [Int]
  /// How many floats the driver would like a vector to have.
  public let preferredFloatWidth: Int
  /// How many floats the device's registers have, as far as the driver knows.
  public let nativeFloatWidth: Int

  /// The memory of the device, in bytes.
  public let globalMemory: Int
  /// The largest buffer, in bytes.
  public let maxAllocation: Int
  /// The local memory of a work-group, in bytes.
  public let localMemory: Int
  /// Whether local memory is memory of its own, rather than a part of global memory.
  public let hasDedicatedLocalMemory: Bool
  /// The alignment of a sub-buffer's offset, in bytes.
  public let baseAddressAlignment: Int
  /// Whether device and host share their memory.
  public let hasUnifiedMemory: Bool

  /// Whether kernels can calculate in double.
  public let supportsFloat64: Bool
  /// Whether kernels can calculate in half; storing half needs no support.
  public let supportsFloat16: Bool
  /// The most sub-groups in a work-group; 0 where there are no sub-groups.
  public let maxSubgroups: Int
  /// Whether launches can be recorded and replayed (cl_khr_command_buffer).
  public let supportsCommandBuffers: Bool
  /// The generation of an NVIDIA GPU's instructions, such as 8.0 (cl_nv_device_attribute_query); nil
  /// for other devices.
  public let computeCapability: (major: Int, minor: Int)?

  let handle: Handle

  /// All devices of all platforms, in the drivers' order; empty where there are none.
  /// - Throws: If a driver does not answer.
  public static func all(
    through functions: OpenCLFunctions = .system, counting liveHandles: LiveHandles = .process
  ) throws(OpenCLError) -> [OpenCLDevice] {
    var devices: [OpenCLDevice] = []
    for platform in try Platform.all(through: functions, counting: liveHandles) {
      devices += try platform.devices()
    }
    return devices
  }

  init(_ identifier: OpaquePointer, platform: Platform) throws(OpenCLError) {
    let info = InfoReader(
      driver: platform.driver, call: .clGetDeviceInfo, subject: "a device of '\(platform.name)'"
    ) {
      $0.clGetDeviceInfo(identifier, $1, $2, $3, $4)
    }
    self.platform = platform
    handle = Handle(borrowing: identifier)

    name = try info.string(CL_DEVICE_NAME)
    vendor = try info.string(CL_DEVICE_VENDOR)
    driverVersion = try info.string(CL_DRIVER_VERSION)
    version = OpenCLVersion(in: try info.string(CL_DEVICE_VERSION)) ?? OpenCLVersion(1, 2)
    languageVersion = try Self.languageVersion(info, deviceVersion: version)
    kind = Self.kind(try info.value(CL_DEVICE_TYPE, UInt64(0)))
    extensions = Set(
      try info.string(CL_DEVICE_EXTENSIONS).split(separator: " ").map { String($0) })

    computeUnits = try info.count(CL_DEVICE_MAX_COMPUTE_UNITS)
    maxWorkGroupSize = try info.size(CL_DEVICE_MAX_WORK_GROUP_SIZE)
    maxWorkItemSizes = try info.array(CL_DEVICE_MAX_WORK_ITEM_SIZES, of: 0)
    preferredFloatWidth = try info.count(CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT)
    nativeFloatWidth = try info.count(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT)

    globalMemory = try info.bytes(CL_DEVICE_GLOBAL_MEM_SIZE)
    maxAllocation = try info.bytes(CL_DEVICE_MAX_MEM_ALLOC_SIZE)
    localMemory = try info.bytes(CL_DEVICE_LOCAL_MEM_SIZE)
    hasDedicatedLocalMemory = try info.count(CL_DEVICE_LOCAL_MEM_TYPE) == Int(CL_LOCAL)
    // OpenCL gives this one in bits.
    baseAddressAlignment = max(1, try info.count(CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8)
    hasUnifiedMemory = try info.flag(CL_DEVICE_HOST_UNIFIED_MEMORY)

    supportsFloat64 = extensions.contains("cl_khr_fp64")
    supportsFloat16 = extensions.contains("cl_khr_fp16")
    supportsCommandBuffers = extensions.contains("cl_khr_command_buffer")
    computeCapability =
      extensions.contains("cl_nv_device_attribute_query")
      ? (
        major: try info.count(CL_DEVICE_COMPUTE_CAPABILITY_MAJOR_NV),
        minor: try info.count(CL_DEVICE_COMPUTE_CAPABILITY_MINOR_NV)
      ) : nil
    // Only devices of 2.1 and later know the parameter.
    maxSubgroups =
      version >= OpenCLVersion(2, 1) ? try info.count(CL_DEVICE_MAX_NUM_SUB_GROUPS) : 0
  }

  private static func kind(_ bits: UInt64) -> Kind {
    let flags: [(Int32, Kind)] = [
      (CL_DEVICE_TYPE_GPU, .gpu), (CL_DEVICE_TYPE_CPU, .cpu),
      (CL_DEVICE_TYPE_ACCELERATOR, .accelerator),
    ]
    return flags.first { bits & UInt64($0.0) != 0 }?.1 ?? .custom
  }

  /// OpenCL 3.0 devices list the versions of OpenCL C that they take; CL_DEVICE_OPENCL_C_VERSION
  /// alone often says 1.2 there.
  private static func languageVersion(
    _ info: InfoReader, deviceVersion: OpenCLVersion
  ) throws(OpenCLError) -> OpenCLVersion {
    if deviceVersion >= OpenCLVersion(3, 0) {
      let versions = try info.array(CL_DEVICE_OPENCL_C_ALL_VERSIONS, of: cl_name_version())
      if let newest = versions.map({ OpenCLVersion(packed: $0.version) }).max() { return newest }
    }
    return OpenCLVersion(in: try info.string(CL_DEVICE_OPENCL_C_VERSION)) ?? OpenCLVersion(1, 2)
  }
}

extension OpenCLDevice: Hashable {
  /// Whether both are the same device.
  public static func == (left: OpenCLDevice, right: OpenCLDevice) -> Bool {
    left.handle.pointer == right.handle.pointer
  }

  /// Hashes the device's identity.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(handle.pointer)
  }
}
