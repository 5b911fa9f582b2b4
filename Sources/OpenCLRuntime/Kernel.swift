/// A kernel whose arguments' types the compiler checks (a cl_kernel).
///
///     let add = try Kernel<Buffer, Buffer, Buffer, UInt32>(program, "add")
///     try queue.enqueue(add, a, b, sum, 1000, global: [1024], local: [64])
///
/// An argument that has not changed since the last launch is not set again. The arguments live in the
/// cl_kernel, which copies of this value share, so one kernel is not for several threads: it is not
/// Sendable, and belongs into one thread or under a mutex. Several can be made of one program.
///
/// Traps if a buffer or the queue belongs to another context than the program.
public struct Kernel<each Argument: KernelArgument> {
  /// What the driver says about the kernel.
  public var info: KernelInfo { object.info }

  let object: KernelObject

  /// Finds a kernel of a program (clCreateKernel).
  /// - Throws: If there is none of that name, or it takes another number of arguments.
  public init(_ program: Program, _ name: String) throws(OpenCLError) {
    object = try KernelObject(program, name)
    var types: [String] = []
    for type in repeat (each Argument).self { types.append("\(type)") }
    try object.check(
      argumentCount: types.count, .clGetKernelInfo, "Kernel<\(types.joined(separator: ", "))>")
  }
}

/// A kernel whose arguments' number and types are known only at run time (a cl_kernel).
///
/// It is for generated code; the rest is as with ``Kernel``.
public struct DynamicKernel {
  /// What the driver says about the kernel.
  public var info: KernelInfo { object.info }

  let object: KernelObject

  /// Finds a kernel of a program (clCreateKernel).
  /// - Throws: If there is none of that name.
  public init(_ program: Program, _ name: String) throws(OpenCLError) {
    object = try KernelObject(program, name)
  }

  /// Gives the kernel an argument, for this launch and those after it (clSetKernelArg).
  /// - Throws: If there is no such argument, or it is of another kind or size.
  public func set(
    _ index: Int, to argument: some KernelArgument
  ) throws(OpenCLError) {
    guard index >= 0, index < info.argumentCount else {
      throw OpenCLError(
        .clSetKernelArg, .invalidKernelArguments,
        attempt: "argument \(index) of kernel '\(info.name)', which takes \(info.argumentCount)")
    }
    try argument.encode(to: ArgumentEncoder(kernel: object, index: index))
  }
}

extension Queue {
  /// Launches a kernel with the arguments that it has been given before.
  ///
  /// - Parameters:
  ///   - kernel: The kernel, of the same context as the queue.
  ///   - global: The number of work-items, a multiple of `local` in each dimension; 0 in any
  ///     launches nothing.
  ///   - local: The number of work-items in a work-group; nil leaves it to the driver.
  ///   - event: Where to leave the launch's event.
  /// - Throws: If an argument was never given, the sizes do not suit the kernel or the device, or
  ///   the driver refuses.
  public func enqueueAgain(
    _ kernel: DynamicKernel, global: WorkSize, local: WorkSize? = nil, event: Event? = nil
  ) throws(OpenCLError) {
    try kernel.object.enqueue(on: self, global: global, local: local, event: event)
  }

  /// Launches a kernel (clEnqueueNDRangeKernel) and returns without waiting for it.
  ///
  /// A global size of 0 in any dimension launches nothing.
  /// - Parameters:
  ///   - kernel: The kernel, of the same context as the queue.
  ///   - argument: Its arguments. Buffers may be let go as soon as this returns.
  ///   - global: The number of work-items, a multiple of `local` in each dimension.
  ///   - local: The number of work-items in a work-group; nil leaves it to the driver, and some
  ///     (PoCL) choose badly.
  ///   - event: Where to leave the launch's event.
  /// - Throws: If the sizes do not suit the kernel or the device, or the driver refuses.
  public func enqueue<each Argument: KernelArgument>(
    _ kernel: Kernel<repeat each Argument>, _ argument: repeat each Argument,
    global: WorkSize, local: WorkSize? = nil, event: Event? = nil
  ) throws(OpenCLError) {
    var index = 0
    for argument in repeat each argument {
      try argument.encode(to: ArgumentEncoder(kernel: kernel.object, index: index))
      index += 1
    }
    try kernel.object.enqueue(on: self, global: global, local: local, event: event)
  }

  /// Launches a kernel (clEnqueueNDRangeKernel) and returns without waiting for it.
  ///
  /// A global size of 0 in any dimension launches nothing.
  /// - Parameters:
  ///   - kernel: The kernel, of the same context as the queue.
  ///   - arguments: Its arguments. Buffers may be let go as soon as this returns.
  ///   - global: The number of work-items, a multiple of `local` in each dimension.
  ///   - local: The number of work-items in a work-group; nil leaves it to the driver, and some
  ///     (PoCL) choose badly.
  ///   - event: Where to leave the launch's event.
  /// - Throws: If there are too many or too few arguments, the sizes do not suit the kernel or the
  ///   device, or the driver refuses.
  public func enqueue(
    _ kernel: DynamicKernel, _ arguments: [any KernelArgument],
    global: WorkSize, local: WorkSize? = nil, event: Event? = nil
  ) throws(OpenCLError) {
    try kernel.object.check(
      argumentCount: arguments.count, .clEnqueueNDRangeKernel, "this launch")
    for (index, argument) in arguments.enumerated() {
      try argument.encode(to: ArgumentEncoder(kernel: kernel.object, index: index))
    }
    try kernel.object.enqueue(on: self, global: global, local: local, event: event)
  }
}
