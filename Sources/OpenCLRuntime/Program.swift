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
    handle = try Self.compiled(.clBuildProgram, source, definitions, options, context)
    (kernelNames, buildLog) = try Self.messages(handle, named: source.name, context)
    self.context = context
    name = source.name
  }

  /// Compiles sources one by one and links them (clCompileProgram, clLinkProgram).
  ///
  /// What is not static in one can be called from the others.
  /// - Parameters:
  ///   - sources: The sources, each with its definitions.
  ///   - name: The name that errors give the program.
  /// - Throws: If one does not compile, as with a single source, or they do not fit together.
  public init(
    _ context: Context, linking sources: [(source: ProgramSource, definitions: Definitions)],
    name: String, options: BuildOptions = BuildOptions()
  ) throws(OpenCLError) {
    var parts: [Handle] = []
    for (source, definitions) in sources {
      parts.append(
        try Self.compiled(.clCompileProgram, source, definitions, options, context))
    }
    let pointers: [OpaquePointer?] = parts.map(\.pointer)
    handle = try context.driver.create(
      .program, .clLinkProgram, "program '\(name)' of \(parts.count) sources"
    ) { functions, status in
      var device: OpaquePointer? = context.device.handle.pointer
      return pointers.withUnsafeBufferPointer {
        functions.clLinkProgram(
          context.handle.pointer, 1, &device, "", UInt32($0.count), $0.baseAddress, status)
      }
    }
    withExtendedLifetime(parts) {}
    (kernelNames, buildLog) = try Self.messages(handle, named: name, context)
    self.context = context
    self.name = name
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
    try Self.compile(handle, .clBuildProgram, named: name, from: [:], options, context)
    (kernelNames, buildLog) = try Self.messages(handle, named: name, context)
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

  /// A program of a source, built or only compiled.
  private static func compiled(
    _ call: OpenCLCall, _ source: ProgramSource, _ definitions: Definitions,
    _ options: BuildOptions, _ context: Context
  ) throws(OpenCLError) -> Handle {
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
    try compile(handle, call, named: source.name, from: files, options, context)
    return handle
  }

  /// Builds or compiles; a failure's detail is annotated with lines of the files.
  private static func compile(
    _ handle: Handle, _ call: OpenCLCall, named name: String, from files: [String: String],
    _ options: BuildOptions, _ context: Context
  ) throws(OpenCLError) {
    let device = context.device
    do {
      try context.driver.call(
        call, "program '\(name)' for '\(device.name)' with \(options.text)"
      ) {
        var identifier: OpaquePointer? = device.handle.pointer
        return call == .clBuildProgram
          ? $0.clBuildProgram(handle.pointer, 1, &identifier, options.text)
          : $0.clCompileProgram(handle.pointer, 1, &identifier, options.text)
      }
    } catch {
      let detail: String
      do {
        let log = try log(handle, named: name, context)
        detail = BuildLog(text: log, files: files).annotated
      } catch let logError {
        detail = "The build log cannot be had: \(logError)"
      }
      throw OpenCLError(error.call, error.status, attempt: error.attempt, detail: detail)
    }
  }

  /// The names of the kernels of a built program, and what the compiler said.
  private static func messages(
    _ handle: Handle, named name: String, _ context: Context
  ) throws(OpenCLError) -> (kernelNames: [String], log: String) {
    let names = try info(handle, named: name, context).string(CL_PROGRAM_KERNEL_NAMES)
    return (
      names.split(separator: ";").map { String($0) }, try log(handle, named: name, context)
    )
  }

  private static func log(
    _ handle: Handle, named name: String, _ context: Context
  ) throws(OpenCLError) -> String {
    try InfoReader(
      driver: context.driver, call: .clGetProgramBuildInfo, subject: "program '\(name)'"
    ) {
      $0.clGetProgramBuildInfo(handle.pointer, context.device.handle.pointer, $1, $2, $3, $4)
    }.string(CL_PROGRAM_BUILD_LOG)
  }

  private static func info(
    _ handle: Handle, named name: String, _ context: Context
  ) -> InfoReader {
    InfoReader(driver: context.driver, call: .clGetProgramInfo, subject: "program '\(name)'") {
      $0.clGetProgramInfo(handle.pointer, $1, $2, $3, $4)
    }
  }
}
