/// A cl_kernel, and the arguments that it has been given: what both kinds of kernel are made of.
///
/// Not Sendable: a cl_kernel holds its arguments, so setting them and launching belong together.
final class KernelObject {
  let info: KernelInfo
  let program: Program
  private let handle: Handle
  private var arguments: [SetArgument]

  /// What an argument was last set to.
  private enum SetArgument {
    case nothing
    case bytes([UInt8])
    /// By the buffer's serial number: another buffer may come to have the same cl_mem.
    case buffer(serial: UInt64)
    case null
    case local(bytes: Int)
  }

  init(_ program: Program, _ name: String) throws(OpenCLError) {
    let driver = program.context.driver
    let known = program.kernelNames.map { "'\($0)'" }.joined(separator: ", ")
    handle = try driver.create(
      .kernel, .clCreateKernel, "kernel '\(name)' of program '\(program.name)', which has \(known)"
    ) {
      $0.clCreateKernel(program.handle.pointer, name, $1)
    }
    info = try KernelInfo(name: name, handle: handle, program: program)
    arguments = Array(repeating: .nothing, count: info.argumentCount)
    self.program = program
  }

  // MARK: Arguments

  /// Throws unless the kernel takes this number of arguments.
  func check(argumentCount: Int, _ call: OpenCLCall, _ types: @autoclosure () -> String)
    throws(OpenCLError)
  {
    guard argumentCount == info.argumentCount else {
      throw OpenCLError(
        call, .invalidKernelArguments,
        attempt: "kernel '\(info.name)' takes \(info.argumentCount) arguments, not the "
          + "\(argumentCount) of \(types())")
    }
  }

  func set(_ index: Int, bytes: UnsafeRawBufferPointer) throws(OpenCLError) {
    if case .bytes(let current) = arguments[index], current.elementsEqual(bytes) { return }
    try set(
      index, to: .bytes(Array(bytes)), "\(bytes.count) bytes", size: bytes.count,
      bytes.baseAddress)
  }

  func set(_ index: Int, buffer: Buffer?) throws(OpenCLError) {
    let size = MemoryLayout<OpaquePointer?>.size
    guard let buffer else {
      if case .null = arguments[index] { return }
      return try set(index, to: .null, "a null pointer", size: size, nil)
    }
    if case .buffer(buffer.serial) = arguments[index] { return }
    require(
      buffer.context === program.context,
      "argument \(index) of kernel '\(info.name)' is a buffer of another context")
    try withUnsafeBytes(of: buffer.handle.pointer) { pointer throws(OpenCLError) in
      try set(
        index, to: .buffer(serial: buffer.serial), "a buffer of \(buffer.bytes) bytes",
        size: size, pointer.baseAddress)
    }
  }

  func set(_ index: Int, localBytes: Int) throws(OpenCLError) {
    if case .local(localBytes) = arguments[index] { return }
    try set(
      index, to: .local(bytes: localBytes), "\(localBytes) bytes of local memory",
      size: localBytes, nil)
  }

  private func set(
    _ index: Int, to argument: SetArgument, _ what: @autoclosure () -> String, size: Int,
    _ value: UnsafeRawPointer?
  ) throws(OpenCLError) {
    // Whatever a failing call leaves behind, the next launch sets the argument again.
    arguments[index] = .nothing
    try program.context.driver.call(
      .clSetKernelArg, "argument \(index) of kernel '\(info.name)' to \(what())"
    ) {
      $0.clSetKernelArg(handle.pointer, UInt32(index), size, value)
    }
    arguments[index] = argument
  }

  // MARK: Launching

  /// Launches with the arguments that have been set.
  func enqueue(
    on queue: Queue, global: WorkSize, local: WorkSize?, event: Event?
  ) throws(OpenCLError) {
    require(
      queue.context === program.context,
      "kernel '\(info.name)' and the queue belong to different contexts")
    try check(global: global, local: local)
    guard global.count > 0 else { return }
    let dimensions = global.dimensions
    try program.context.driver.enqueue(
      .clEnqueueNDRangeKernel, event: event, launch(global, local)
    ) { functions, event in
      global.withPointer { global in
        let launch = { (local: UnsafePointer<Int>?) in
          functions.clEnqueueNDRangeKernel(
            queue.handle.pointer, self.handle.pointer, UInt32(dimensions), nil, global, local,
            0, nil, event)
        }
        return local.map { $0.withPointer(launch) } ?? launch(nil)
      }
    }
  }

  /// Throws unless the sizes fit each other, the kernel as it was compiled, and the device.
  private func check(global: WorkSize, local: WorkSize?) throws(OpenCLError) {
    func refuse(_ status: OpenCLStatus, _ reason: String) -> OpenCLError {
      OpenCLError(
        .clEnqueueNDRangeKernel, status, attempt: "\(launch(global, local)): \(reason)")
    }
    guard (0..<global.dimensions).allSatisfy({ global[$0] >= 0 }) else {
      throw refuse(.invalidValue, "the global size is negative")
    }
    guard let local else {
      if let required = info.requiredLocalSize {
        throw refuse(.invalidWorkGroupSize, "the kernel's source demands local \(required)")
      }
      return
    }
    guard local.dimensions == global.dimensions else {
      throw refuse(.invalidWorkDimension, "the sizes differ in their dimensions")
    }
    let limits = program.context.device.maxWorkItemSizes
    for dimension in 0..<local.dimensions {
      guard local[dimension] > 0 else {
        throw refuse(.invalidWorkGroupSize, "the local size is not positive")
      }
      guard dimension < limits.count, local[dimension] <= limits[dimension] else {
        throw refuse(.invalidWorkItemSize, "the device's local sizes end at \(limits)")
      }
      guard global[dimension] % local[dimension] == 0 else {
        throw refuse(
          .invalidWorkGroupSize, "the global size is not a multiple of the local size")
      }
    }
    if let required = info.requiredLocalSize, !local.hasSameExtent(as: required) {
      throw refuse(.invalidWorkGroupSize, "the kernel's source demands local \(required)")
    }
    guard local.count <= info.workGroupSize else {
      throw refuse(
        .invalidWorkGroupSize,
        "\(local.count) work-items in a work-group, of which the kernel as compiled for "
          + "'\(program.context.device.name)' allows \(info.workGroupSize)")
    }
  }

  private func launch(_ global: WorkSize, _ local: WorkSize?) -> String {
    "kernel '\(info.name)', global \(global), local \(local.map { "\($0)" } ?? "left to the driver")"
  }
}
