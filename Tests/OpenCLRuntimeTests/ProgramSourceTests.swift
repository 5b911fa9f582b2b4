import OpenCLRuntime
import Testing

@Suite struct ProgramSourceTests {
  private struct Unreadable: Error, CustomStringConvertible {
    let description = "permission denied"
  }

  private func source(_ files: [String: String]) throws -> ProgramSource {
    try ProgramSource(name: "main.cl", text: files["main.cl"] ?? "") { files[$0] }
  }

  private func includeError(_ files: [String: String]) -> IncludeError? {
    #expect(throws: IncludeError.self) { try source(files) }
  }

  @Test("Includes are expanded in place, and every line keeps its file and number")
  func expansion() throws {
    let source = try source([
      "main.cl": "int a;\n#include \"x.clh\"\nint d;\n",
      "x.clh": "int b;\n  #  include \"y.clh\"\nint c;",
      "y.clh": "int y;",
    ])
    #expect(
      source.text == """
        #line 1 "main.cl"
        int a;
        #line 1 "x.clh"
        int b;
        #line 1 "y.clh"
        int y;
        #line 3 "x.clh"
        int c;
        #line 3 "main.cl"
        int d;

        """)
    #expect(source.files.keys.sorted() == ["main.cl", "x.clh", "y.clh"])
  }

  @Test("A file included twice is expanded once")
  func onlyOnce() throws {
    let source = try source([
      "main.cl": "#include \"x.clh\"\n#include \"y.clh\"\n#include \"x.clh\"\nint end;",
      "x.clh": "int x;\n",
      "y.clh": "#include \"x.clh\"\nint y;\n",
    ])
    #expect(source.text.split(separator: "int x;", omittingEmptySubsequences: false).count == 2)
    #expect(source.text.hasSuffix("#line 3 \"main.cl\"\n\nint end;"))
  }

  @Test("Only a line that includes by a quoted name is an include")
  func otherLines() throws {
    let text = "#include <x.clh>\n// #include \"x.clh\"\nint a; // # include\n"
    #expect(try source(["main.cl": text]).text == "#line 1 \"main.cl\"\n" + text)
  }

  @Test("A missing file is named, with the place and the chain that led there")
  func missing() {
    let error = includeError([
      "main.cl": "\n#include \"x.clh\"", "x.clh": "\n\n#include \"gone.clh\"",
    ])
    #expect(error?.reason == .missing)
    #expect(
      error?.description
        == "x.clh:3: no file 'gone.clh' to include (main.cl → x.clh → gone.clh)")
  }

  @Test("A cycle is named")
  func cycle() {
    let error = includeError([
      "main.cl": "#include \"x.clh\"", "x.clh": "#include \"y.clh\"", "y.clh": "#include \"x.clh\"",
    ])
    #expect(
      error?.description == "y.clh:1: 'x.clh' includes itself (main.cl → x.clh → y.clh → x.clh)")
  }

  @Test("A file that cannot be read says why")
  func unreadable() {
    let error = #expect(throws: IncludeError.self) {
      try ProgramSource(name: "main.cl", text: "#include \"x.clh\"") { _ in throw Unreadable() }
    }
    #expect(
      error?.description
        == "main.cl:1: 'x.clh' cannot be read: permission denied (main.cl → x.clh)")
  }

  @Test("Definitions stand in front, and the source still begins at line 1")
  func definitions() {
    let source = ProgramSource(name: "main.cl", text: "int a;")
    #expect(
      source.text(defining: ["TILE": 8, "FLAG": .flag, "F(x)": "max(x,\n 0.0f)"]) == """
        #line 1 "main.cl.definitions"
        #define TILE 8
        #define FLAG
        #define F(x) max(x, \\
         0.0f)
        #line 1 "main.cl"
        int a;
        """)
    #expect(source.text(defining: [:]) == source.text)
  }

  @Test("Definitions keep their order, which is part of their identity")
  func order() {
    let one: Definitions = ["A": 1, "B": 2]
    let other: Definitions = ["B": 2, "A": 1]
    #expect(one != other)
    #expect(one.text == "#define A 1\n#define B 2\n")
    var both = one
    both.append(["C": .flag])
    #expect(both.all.map(\.name) == ["A", "B", "C"])
  }

  /// What a process wrote as it trapped.
  private func message(of result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test("Defining a macro twice traps and names it")
  func definedTwice() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var definitions: Definitions = ["F(x)": "x"]
      definitions.define("F", 1)
    }
    #expect(message(of: result).contains("'F' is defined twice"))
  }

  @Test("A macro's name must be an identifier")
  func badName() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var definitions = Definitions()
      definitions.define("2x")
    }
    #expect(message(of: result).contains("'2x' cannot be defined"))
  }

  @Test("Options are written as the compiler takes them, and are accurate unless asked")
  func options() {
    #expect(BuildOptions().text == "-cl-std=CL1.2")
    let all = BuildOptions(
      languageVersion: .openCL30, madEnable: true, denormalsAreZero: true,
      correctlyRoundedDivision: true, warningsAreErrors: true, vendorOptions: ["-cl-nv-verbose"])
    #expect(
      all.text == "-cl-std=CL3.0 -cl-mad-enable -cl-denorms-are-zero "
        + "-cl-fp32-correctly-rounded-divide-sqrt -Werror -cl-nv-verbose")
  }
}
