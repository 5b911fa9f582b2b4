import COpenCL

/// Compiled OpenCL C (a cl_program), built for its context's device.
public final class Program: Sendable {
  /// The context that the program belongs to.
  public let context: Context
  /// The name that errors give the program.
  public let name: String
  /// The names of the program's kernels, in the driver's order.
  public let kernelNames: [String]
  /// What the compiler said although it succeeded: warnings, or nothing.
  public let buildLog: String

  let handle: Handle

  /// Compiles a source (clCreateProgramWithSource, clBuildProgram).
  /// - Throws: If it does not compile: the error's detail holds the compiler's messages, and the
  ///   numbered lines around each error.
  public init(
    _ context: Context, source: ProgramSource, definitions: Definitions = [:],
    options: BuildOptions = BuildOptions()
  ) throws(OpenCLError) {
    let text = source.text(defining: definitions)
    let handle = try context.driver.create(
      .program, .clCreateProgramWithSource,
      "program '\(source.name)' of \(text.utf8.count) bytes"
    ) { functions, status in
      text.withCString { pointer in
        var strings: UnsafePointer<CChar>? = pointer
        return functions.clCreateProgramWithSource(
          context.handle.pointer, 1, &strings, nil, status)
      }
    }
    let files = source.files.merging([source.definitionsName: definitions.text]) { own, _ in own }
    (kernelNames, buildLog) = try Self.build(
      handle, named: source.name, from: files, options, context)
    self.context = context
    self.handle = handle
    name = source.name
  }

  /// Takes up what ``binary()`` gave, on the same device with the same driver.
  /// - Parameters:
  ///   - name: The name that errors give the program.
  ///   - options: The options that it was compiled with.
  /// - Throws: If the driver does not take the binary: compile the source again then.
  public init(
    _ context: Context, binary: [UInt8], name: String, options: BuildOptions = BuildOptions()
  ) throws(OpenCLError) {
    let attempt = "program '\(name)' from a binary of \(binary.count) bytes"
    guard !binary.isEmpty else {
      throw OpenCLError(.clCreateProgramWithBinary, .invalidBinary, attempt: attempt)
    }
    var binaryStatus = OpenCLStatus.success.rawValue
    let handle = try context.driver.create(.program, .clCreateProgramWithBinary, attempt) {
      functions, status in
      binary.withUnsafeBufferPointer { bytes in
        var device: OpaquePointer? = context.device.handle.pointer
        var length = bytes.count
        var start = bytes.baseAddress
        return functions.clCreateProgramWithBinary(
          context.handle.pointer, 1, &device, &length, &start, &binaryStatus, status)
      }
    }
    guard binaryStatus == OpenCLStatus.success.rawValue else {
      throw OpenCLError(
        .clCreateProgramWithBinary, OpenCLStatus(rawValue: binaryStatus), attempt: attempt)
    }
    (kernelNames, buildLog) = try Self.build(handle, named: name, from: [:], options, context)
    self.context = context
    self.handle = handle
    self.name = name
  }

  /// The compiled program, to be kept and given to ``init(_:binary:name:options:)``.
  ///
  /// Some drivers (PoCL) compile a kernel for good only when it first runs; what they have compiled
  /// until now is in the binary.
  /// - Throws: If the driver has none.
  public func binary() throws(OpenCLError) -> [UInt8] {
    let info = Self.info(handle, named: name, context)
    // There is one device, so one size and one binary.
    let size = try info.size(CL_PROGRAM_BINARY_SIZES)
    guard size > 0 else {
      throw OpenCLError(
        .clGetProgramInfo, .invalidBinary, attempt: "program '\(name)' has no binary")
    }
    var binary = [UInt8](repeating: 0, count: size)
    try context.driver.call(.clGetProgramInfo, "the binary of program '\(name)', \(size) bytes") {
      functions in
      binary.withUnsafeMutableBufferPointer { bytes in
        var start = bytes.baseAddress
        return functions.clGetProgramInfo(
          handle.pointer, UInt32(CL_PROGRAM_BINARIES), MemoryLayout.size(ofValue: start), &start,
          nil)
      }
    }
    return binary
  }

  private static func build(
    _ handle: Handle, named name: String, from files: [String: String], _ options: BuildOptions,
    _ context: Context
  ) throws(OpenCLError) -> (kernelNames: [String], log: String) {
    let device = context.device
    var log: String {
      get throws(OpenCLError) {
        try InfoReader(
          driver: context.driver, call: .clGetProgramBuildInfo, subject: "program '\(name)'"
        ) {
          $0.clGetProgramBuildInfo(handle.pointer, device.handle.pointer, $1, $2, $3, $4)
        }.string(CL_PROGRAM_BUILD_LOG)
      }
    }
    do {
      try context.driver.call(
        .clBuildProgram, "program '\(name)' for '\(device.name)' with \(options.text)"
      ) {
        var identifier: OpaquePointer? = device.handle.pointer
        return $0.clBuildProgram(handle.pointer, 1, &identifier, options.text)
      }
    } catch {
      let detail: String
      do {
        detail = BuildLog(text: try log, files: files).annotated
      } catch let logError {
        detail = "The build log cannot be had: \(logError)"
      }
      throw OpenCLError(error.call, error.status, attempt: error.attempt, detail: detail)
    }
    let names = try info(handle, named: name, context).string(CL_PROGRAM_KERNEL_NAMES)
    return (names.split(separator: ";").map { String($0) }, try log)
  }

  private static func info(
    _ handle: Handle, named name: String, _ context: Context
  ) -> InfoReader {
    InfoReader(driver: context.driver, call: .clGetProgramInfo, subject: "program '\(name)'") {
      $0.clGetProgramInfo(handle.pointer, $1, $2, $3, $4)
    }
  }
}
