import COpenCL

/// What a driver says about a compiled kernel on its device.
public struct KernelInfo: Hashable, Sendable {
  /// The kernel's name.
  public let name: String
  /// How many arguments it takes (CL_KERNEL_NUM_ARGS).
  public let argumentCount: Int
  /// The most work-items that a work-group can have (CL_KERNEL_WORK_GROUP_SIZE): often fewer than
  /// the device allows, where each takes many registers.
  public let workGroupSize: Int
  /// Work-groups do well to be a multiple of this (CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE).
  public let preferredMultiple: Int
  /// The local size that the source demands by reqd_work_group_size, if it does
  /// (CL_KERNEL_COMPILE_WORK_GROUP_SIZE).
  public let requiredLocalSize: WorkSize?
  /// The local memory of a work-group, without that of arguments, in bytes (CL_KERNEL_LOCAL_MEM_SIZE).
  public let localMemory: Int
  /// The private memory of a work-item, in bytes (CL_KERNEL_PRIVATE_MEM_SIZE).
  public let privateMemory: Int

  init(name: String, handle: Handle, program: Program) throws(OpenCLError) {
    let driver = program.context.driver
    let general = InfoReader(driver: driver, call: .clGetKernelInfo, subject: "kernel '\(name)'") {
      $0.clGetKernelInfo(handle.pointer, $1, $2, $3, $4)
    }
    let device = program.context.device.handle
    let onDevice = InfoReader(
      driver: driver, call: .clGetKernelWorkGroupInfo, subject: "kernel '\(name)'"
    ) {
      $0.clGetKernelWorkGroupInfo(handle.pointer, device.pointer, $1, $2, $3, $4)
    }
    self.name = name
    argumentCount = try general.count(CL_KERNEL_NUM_ARGS)
    workGroupSize = try onDevice.size(CL_KERNEL_WORK_GROUP_SIZE)
    preferredMultiple = try onDevice.size(CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE)
    let required = try onDevice.array(CL_KERNEL_COMPILE_WORK_GROUP_SIZE, of: 0)
    requiredLocalSize =
      required.count == 3 && required[0] > 0
      ? WorkSize(required[0], required[1], required[2]) : nil
    localMemory = try onDevice.bytes(CL_KERNEL_LOCAL_MEM_SIZE)
    privateMemory = try onDevice.bytes(CL_KERNEL_PRIVATE_MEM_SIZE)
  }
}
