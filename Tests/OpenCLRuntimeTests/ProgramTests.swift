import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice)) struct ProgramTests {
  @Test("A program names its kernels")
  func kernelNames() throws {
    let program = try Bench().program("kernel void one() {}\nkernel void two() {}")
    #expect(program.kernelNames.sorted() == ["one", "two"])
  }

  @Test("An error in an included file is shown with that file's name, number and lines")
  func errorInInclude() throws {
    let bench = try Bench()
    let source = try ProgramSource(
      name: "main.cl", text: "#include \"x.clh\"\nkernel void one() {}"
    ) { _ in "int first;\nfloat f() {\n  return undeclared;\n}" }
    let error = failure { () throws(OpenCLError) in
      try Program(bench.context, source: source, definitions: ["A": 1, "B": 2])
    }
    #expect(error?.call == .clBuildProgram)
    #expect(error?.status == .buildProgramFailure)
    #expect(error?.attempt.hasPrefix("program 'main.cl' for '\(bench.device.name)'") == true)
    let detail = error?.detail ?? ""
    #expect(detail.contains("x.clh:3"))
    #expect(detail.contains("undeclared"))
    #expect(
      detail.hasSuffix(
        """
        x.clh:3
          1 | int first;
          2 | float f() {
        > 3 |   return undeclared;
          4 | }
        """))
    #expect(bench.live.count(of: .program) == 0)
  }

  @Test("Sources that are compiled apart are one program, which its binary keeps")
  func linking() throws {
    let bench = try Bench()
    let half = ProgramSource(
      name: "half.cl", text: "static float f(float x) { return BY * x; }\n"
    ).appending("float half_of(float x) { return f(x); }", name: "more")
    let main = ProgramSource(
      name: "main.cl",
      text: """
        float half_of(float x);
        static float f(float x) { return 100 * x; }
        kernel void scale(global float *x) { x[0] = half_of(x[0]) + f(1); }
        """)
    var program = try Program(
      bench.context, linking: [(half, ["BY": "0.5f"]), (main, [:])], name: "both")
    #expect(program.kernelNames == ["scale"])
    for _ in 0..<2 {
      let buffer = try Buffer(bench.context, bytes: 4)
      try bench.queue.write([Float(6)], to: buffer)
      try bench.queue.enqueue(Kernel<Buffer>(program, "scale"), buffer, global: [1], local: [1])
      #expect(try bench.queue.read(buffer, as: Float.self) == [103])
      program = try Program(bench.context, binary: try program.binary(), name: "both")
    }
  }

  @Test("A source that does not compile, or lacks a function, is no part of a program")
  func failedLinking() throws {
    let bench = try Bench()
    let main = ProgramSource(
      name: "main.cl", text: "float f(float x);\nkernel void one(global float *x) { x[0] = f(1); }")
    let wrong = ProgramSource(name: "wrong.cl", text: "float f(float x) { return y; }")
    let compiling = failure { () throws(OpenCLError) in
      try Program(bench.context, linking: [(main, [:]), (wrong, [:])], name: "both")
    }
    #expect(compiling?.call == .clCompileProgram)
    #expect(compiling?.detail?.contains("> 1 | float f(float x) { return y; }") == true)
    #expect(bench.live.count(of: .program) == 0)
  }

  @Test("An error after definitions and includes is shown in its own file and line")
  func errorInMain() throws {
    let bench = try Bench()
    let source = try ProgramSource(
      name: "main.cl", text: "#include \"x.clh\"\n\nkernel void one() { int a = UNKNOWN; }"
    ) { _ in "int f();\n" }
    let error = failure { () throws(OpenCLError) in
      try Program(bench.context, source: source, definitions: ["A": 1])
    }
    #expect(error?.detail?.hasSuffix("> 3 | kernel void one() { int a = UNKNOWN; }") == true)
  }

  @Test("An error in a definition is shown where it is used and where it is defined")
  func errorInDefinition() throws {
    let bench = try Bench()
    let error = failure { () throws(OpenCLError) in
      try Program(
        bench.context, source: ProgramSource(name: "main.cl", text: "kernel void one() { F }"),
        definitions: ["A": 1, "F": "int a = undeclared;"])
    }
    let detail = error?.detail ?? ""
    #expect(detail.contains("> 1 | kernel void one() { F }"))
    #expect(detail.contains("> 2 | #define F int a = undeclared;"))
  }

  @Test("Definitions with spaces and parentheses reach the kernel")
  func definitions() throws {
    let bench = try Bench()
    let program = try bench.program(
      """
      kernel void f(global int *x) {
      #ifdef ENABLED
        x[0] = OFFSET + TWICE(x[0]);
      #endif
      }
      """, definitions: ["OFFSET": -3, "ENABLED": .flag, "TWICE(v)": "(2 * (v))"])
    let x = try Buffer(bench.context, copying: [Int32(21)])
    try bench.queue.enqueue(Kernel<Buffer>(program, "f"), x, global: [1], local: [1])
    #expect(try bench.queue.read(x, as: Int32.self) == [39])
  }

  @Test("A program's binary does what the program does")
  func binary() throws {
    let bench = try Bench()
    let x = try Buffer(bench.context, copying: [Float](repeating: 1, count: 64))
    func run(_ program: Program) throws {
      let add = try Kernel<Buffer, Float, UInt32>(program, "add")
      try bench.queue.enqueue(add, x, 2, 64, global: [64], local: [8])
      try bench.queue.finish()
    }
    let program = try bench.program(addKernel)
    try run(program)
    let again = try Program(bench.context, binary: program.binary(), name: "again")
    #expect(again.kernelNames == ["add"])
    try run(again)
    #expect(try bench.queue.read(x, as: Float.self) == [Float](repeating: 5, count: 64))
  }

  @Test("What is not a binary is refused", arguments: [[], [1, 2, 3, 4, 5, 6, 7, 8]] as [[UInt8]])
  func badBinary(bytes: [UInt8]) throws {
    let bench = try Bench()
    let error = failure { () throws(OpenCLError) in
      try Program(bench.context, binary: bytes, name: "bad")
    }
    #expect(error?.attempt.contains("program 'bad'") == true)
    #expect(bench.live.count(of: .program) == 0)
  }
}
