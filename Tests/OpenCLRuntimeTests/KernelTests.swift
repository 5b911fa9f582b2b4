import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice)) struct KernelTests {
  @Test("A kernel runs with typed arguments, and so does a dynamic one")
  func launch() throws {
    let bench = try Bench()
    let program = try bench.program(addKernel)
    let x = try Buffer(bench.context, copying: (0..<100).map { Float($0) })
    let global = WorkSize(100).rounded(upToMultipleOf: [16])
    #expect(global == [112])
    try bench.queue.enqueue(
      Kernel<Buffer, Float, UInt32>(program, "add"), x, 0.5, 100, global: global, local: [16])
    try bench.queue.enqueue(
      DynamicKernel(program, "add"), [x, Float(2), UInt32(50)], global: global, local: [16])
    #expect(
      try bench.queue.read(x, as: Float.self)
        == (0..<100).map { Float($0) + ($0 < 50 ? 2.5 : 0.5) })
  }

  @Test("All kinds of arguments arrive")
  func argumentKinds() throws {
    struct Window: KernelArgument, BitwiseCopyable {
      var offset: Int64
      var scale: Int32
    }
    let bench = try Bench()
    let program = try bench.program(
      """
      typedef struct { long offset; int scale; } window;
      typedef struct { int values[3]; } triple;
      kernel void f(global long *out, global const int *none, window w, triple t,
                    local int *scratch, char a, ushort b, long c, float d) {
        scratch[0] = none == 0 ? 1 : 0;
        out[0] = w.offset * w.scale;
        out[1] = t.values[0] + 10 * t.values[1] + 100 * t.values[2];
        out[2] = scratch[0];
        out[3] = a + b + c + (long)d;
      }
      """)
    let f = try Kernel<
      Buffer, Buffer?, Window, KernelBytes, LocalMemory, Int8, UInt16, Int64, Float
    >(program, "f")
    let out = try Buffer(bench.context, bytes: 32)
    let triple = KernelBytes([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])
    try bench.queue.enqueue(
      f, out, nil, Window(offset: -5, scale: 4), triple, LocalMemory(bytes: 4), -1, 1000, 1 << 40,
      8, global: [1], local: [1])
    #expect(try bench.queue.read(out, as: Int64.self) == [-20, 321, 1, 1007 + 1 << 40])
  }

  @Test("A wrong number of arguments is refused, by type and at launch")
  func argumentCount() throws {
    let bench = try Bench()
    let program = try bench.program(addKernel)
    let typed = failure { () throws(OpenCLError) in try Kernel<Buffer, Float>(program, "add") }
    #expect(typed?.status == .invalidKernelArguments)
    #expect(
      typed?.attempt == "kernel 'add' takes 3 arguments, not the 2 of Kernel<Buffer, Float>")
    let dynamic = try DynamicKernel(program, "add")
    let launch = failure { () throws(OpenCLError) in
      try bench.queue.enqueue(dynamic, [Float(1)], global: [1])
    }
    #expect(launch?.attempt == "kernel 'add' takes 3 arguments, not the 1 of this launch")
  }

  @Test("An unknown kernel's error names those that there are")
  func unknownKernel() throws {
    let bench = try Bench()
    let program = try bench.program(addKernel)
    let error = failure { () throws(OpenCLError) in try Kernel<Buffer>(program, "sub") }
    #expect(error?.status == .invalidKernelName)
    #expect(error?.attempt == "kernel 'sub' of program 'test.cl', which has 'add'")
  }

  @Test("An argument of the wrong size is refused by name")
  func argumentSize() throws {
    let bench = try Bench()
    let add = try Kernel<Buffer, Double, UInt32>(bench.program(addKernel), "add")
    let x = try Buffer(bench.context, bytes: 4)
    let error = failure { () throws(OpenCLError) in
      try bench.queue.enqueue(add, x, 1, 1, global: [1], local: [1])
    }
    #expect(error?.status == .invalidArgumentSize)
    #expect(error?.attempt == "argument 1 of kernel 'add' to 8 bytes")
  }

  @Test("Arguments that did not change are not set again")
  func unchangedArguments() throws {
    let bench = try Bench()
    let add = try Kernel<Buffer, Float, UInt32>(bench.program(addKernel), "add")
    let x = try Buffer(bench.context, copying: [Float](repeating: 0, count: 8))
    func newlySet(_ amount: Float, _ count: UInt32) throws -> Int {
      let before = bench.calls.count(of: .clSetKernelArg)
      try bench.queue.enqueue(add, x, amount, count, global: [8], local: [8])
      return bench.calls.count(of: .clSetKernelArg) - before
    }
    #expect(try newlySet(1, 8) == 3)
    #expect(try newlySet(1, 8) == 0)
    #expect(try newlySet(2, 8) == 1)
    #expect(try newlySet(3, 4) == 2)
    let values = try bench.queue.read(x, as: Float.self)
    #expect(values == [7, 7, 7, 7, 4, 4, 4, 4])
  }

  @Test("A new buffer is set even where the driver gives it a released one's address")
  func reusedHandle() throws {
    let bench = try Bench()
    let add = try Kernel<Buffer, Float, UInt32>(bench.program(addKernel), "add")
    for _ in 0..<20 {
      let x = try Buffer(bench.context, copying: [Float(1)])
      let before = bench.calls.count(of: .clSetKernelArg)
      try bench.queue.enqueue(add, x, 1, 1, global: [1], local: [1])
      #expect(bench.calls.count(of: .clSetKernelArg) > before)
      #expect(try bench.queue.read(x, as: Float.self) == [2])
    }
  }

  @Test("An argument whose setting failed is set by the next launch")
  func failedArgument() throws {
    let bench = try Bench()
    let add = try Kernel<Buffer, Float, UInt32>(bench.program(addKernel), "add")
    let x = try Buffer(bench.context, copying: [Float(0)])
    try bench.queue.enqueue(add, x, 1, 1, global: [1], local: [1])
    bench.calls.fail(.clSetKernelArg, with: .outOfResources)
    let error = failure { () throws(OpenCLError) in
      try bench.queue.enqueue(add, x, 2, 1, global: [1], local: [1])
    }
    #expect(error?.call == .clSetKernelArg)
    try bench.queue.enqueue(add, x, 1, 1, global: [1], local: [1])
    #expect(try bench.queue.read(x, as: Float.self) == [2])
  }

  @Test("A global size of zero launches nothing")
  func emptyLaunch() throws {
    let bench = try Bench()
    let add = try Kernel<Buffer, Float, UInt32>(bench.program(addKernel), "add")
    let x = try Buffer(bench.context, bytes: 4)
    let event = Event()
    try bench.queue.enqueue(add, x, 1, 0, global: [0], local: [8], event: event)
    try bench.queue.enqueue(add, x, 1, 0, global: [4, 0])
    #expect(bench.calls.count(of: .clEnqueueNDRangeKernel) == 0)
    #expect(try event.isComplete())
    try event.wait()
  }

  @Test("Local sizes that cannot be are refused before the driver sees them")
  func localSizes() throws {
    let bench = try Bench()
    let program = try bench.program(
      """
      kernel void plain(int x) {}
      kernel __attribute__((reqd_work_group_size(8, 1, 1))) void eight(int x) {}
      """)
    func refusal(_ name: String, _ global: WorkSize, _ local: WorkSize?) throws -> OpenCLError? {
      let kernel = try Kernel<Int32>(program, name)
      return failure { () throws(OpenCLError) in
        try bench.queue.enqueue(kernel, 0, global: global, local: local)
      }
    }
    let plain = try Kernel<Int32>(program, "plain")
    #expect(plain.info.preferredMultiple > 0)
    #expect(plain.info.requiredLocalSize == nil)
    let tooMany = plain.info.workGroupSize * 2
    let tooLarge = try refusal("plain", [tooMany, 2], [plain.info.workGroupSize, 2])
    #expect(tooLarge?.status == .invalidWorkGroupSize)
    #expect(
      tooLarge?.attempt
        == "kernel 'plain', global [\(tooMany), 2], local [\(plain.info.workGroupSize), 2]: "
        + "\(tooMany) work-items in a work-group, of which the kernel as compiled for "
        + "'\(bench.device.name)' allows \(plain.info.workGroupSize)")
    let beyond = bench.device.maxWorkItemSizes[0] * 2
    #expect(try refusal("plain", [beyond], [beyond])?.status == .invalidWorkItemSize)
    #expect(try refusal("plain", [10], [4])?.status == .invalidWorkGroupSize)
    #expect(try refusal("plain", [8], [0])?.status == .invalidWorkGroupSize)
    #expect(try refusal("plain", [8, 8], [8])?.status == .invalidWorkDimension)
    #expect(try refusal("plain", [-8], nil)?.status == .invalidValue)

    #expect(try Kernel<Int32>(program, "eight").info.requiredLocalSize == [8, 1, 1])
    #expect(
      try refusal("eight", [16], [4])?.attempt
        == "kernel 'eight', global [16], local [4]: the kernel's source demands local [8, 1, 1]")
    #expect(try refusal("eight", [16], nil)?.status == .invalidWorkGroupSize)
    #expect(try refusal("eight", [16], [8]) == nil)
    #expect(try refusal("eight", [16, 3], [8, 1]) == nil)
    #expect(bench.calls.count(of: .clEnqueueNDRangeKernel) == 2)
  }
}
