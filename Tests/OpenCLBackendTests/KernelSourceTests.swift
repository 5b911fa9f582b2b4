import Compute
import Foundation
import OpenCLBackend
import OpenCLRuntime
import Testing

/// The kernels' folder in the source tree, or the one that is tested in its place.
enum KernelSources {
  static let folder: String? = {
    if let chosen = ProcessInfo.processInfo.environment["APUS_KERNELS"] { return chosen }
    return URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Kernels").resolvingSymlinksInPath().path
  }()

  /// All files.
  static let files: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder ?? "")) ?? []).sorted()

  /// A file with its headers.
  static func source(_ file: String) throws -> ProgramSource {
    let folder = try #require(folder)
    func text(_ name: String) throws -> String {
      try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    }
    return try ProgramSource(name: file, text: try text(file), resolvingIncludes: text)
  }
}

@Suite struct KernelSourceTests {
  @Test(
    "Each file compiles alone, with the defaults of its macros and without a warning",
    .enabled(if: hasDevice, "no OpenCL device"), arguments: KernelSources.files)
  func compilesAlone(file: String) throws {
    let source = try KernelSources.source(file)
    for device in Target.devices {
      let program = try Program(Context(device), source: source)
      #expect(program.kernelNames.isEmpty == file.hasSuffix(".clh"))
      #expect(!program.buildLog.contains("warning"), "\(program.buildLog)")
    }
  }

  /// Without FLOAT64 no double reaches the compiler: a device without doubles would refuse it.
  @Test(arguments: KernelSources.files)
  func noDoubles(file: String) throws {
    let lines = try activeLines(of: try KernelSources.source(file).text)
    // What is there for doubles by name is used only where they are asked for.
    let named = /#define (TYPE|LOAD|STORE)_float64\b.*/
    for line in lines where line.wholeMatch(of: named) == nil {
      #expect(line.firstMatch(of: /\bdouble/) == nil, "\(file): \(line)")
      // A literal is a float's by its suffix, or by REAL.
      let rest = line.replacing(/REAL\([^)]*\)/, with: "")
      let literal = /(\d+\.\d*|\.\d+|\b\d+(?=[eE]))([eE][+-]?\d+)?(?![\w.])/
      #expect(rest.firstMatch(of: literal) == nil, "\(file): \(line)")
    }
  }

  /// The lines outside comments that are compiled without FLOAT64.
  private func activeLines(of text: String) throws -> [String] {
    var lines: [String] = []
    var isExcluded: [Bool] = []
    for line in text.split(separator: "\n") {
      let line = line.replacing(/\/\/.*/, with: "")
      let needsDoubles = line.contains(/FLOAT64/) && !line.contains(/!\s*defined\(FLOAT64\)|ifndef/)
      switch try #/^\s*\#\s*(ifdef|ifndef|if|elif|else|endif)\b/#.firstMatch(in: line)?.output.1 {
      case "ifdef", "ifndef", "if": isExcluded.append(needsDoubles)
      case "elif", "else": isExcluded[isExcluded.count - 1] = needsDoubles
      case "endif": isExcluded.removeLast()
      default: if !isExcluded.contains(true) { lines.append(String(line)) }
      }
    }
    #expect(isExcluded.isEmpty)
    return lines
  }

  /// The same of what the backend really gives to the compiler, printed expressions included.
  @Test(.enabled(if: hasDevice, "no OpenCL device"))
  func noDoublesInWhatIsBuilt() throws {
    let sources = Sources()
    var functions = OpenCLFunctions.system
    let create = functions.clCreateProgramWithSource
    functions.clCreateProgramWithSource = { context, count, strings, lengths, status in
      if let text = strings?.pointee { sources.append(String(cString: text)) }
      return create(context, count, strings, lengths, status)
    }
    var options = OpenCLBackend.Options(environment: Bench.environment)
    options.cacheDirectory = nil
    let device = try OpenCLDevice.all(through: functions, counting: LiveHandles())[0]
    let backend = try OpenCLBackend(device: device, options: options)
    let storage = try backend.allocate(byteCount: 400)
    let x = View(storage, dtype: .float32, shape: [10])
    let all: Compute.Expression = UnaryIntrinsic.allCases.reduce(0.1) { $0 + $1(.input(0)) }
    try backend.map(
      [BinaryIntrinsic.allCases.reduce(all) { $1($0, .input(0) + 0.5) }, 1e300], of: [.view(x)],
      into: [x, View(storage, dtype: .bfloat16, shape: [10], offset: 40)])
    try backend.reduce(
      .argmax, of: .input(0) * 0.5, operands: [.view(x)], axes: [0], scale: 1,
      into: View(storage, dtype: .int32, shape: [1], offset: 30))
    try backend.random(.normal, key: RandomKey(seed: 1), into: x)
    try backend.wait()
    #expect(sources.all.count == 3)
    let named = /#define (TYPE|LOAD|STORE)_float64\b.*/
    for line in try sources.all.flatMap(activeLines) where line.wholeMatch(of: named) == nil {
      #expect(line.firstMatch(of: /\bdouble|float64/) == nil, "\(line)")
      let rest = line.replacing(/REAL\([^)]*\)/, with: "").replacing(/#line.*/, with: "")
      #expect(rest.firstMatch(of: /\d\.\d*([eE][+-]?\d+)?(?![\w.])/) == nil, "\(line)")
    }
  }

  // MARK: Where the sources are found

  private func library(
    _ environment: [String: String], executable: String, source: String
  ) throws -> KernelLibrary {
    try KernelLibrary(environment: environment, executable: executable, sourceFile: source)
  }

  private func makeKernels(_ folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data().write(to: URL(filePath: "\(folder)/pointwise.cl"))
  }

  @Test func theFirstPlaceCounts() throws {
    try withTemporaryFolder { folder in
      let (executable, source) = (
        "\(folder)/bin/apus", "\(folder)/package/Sources/Module/File.swift"
      )
      let places = [
        "\(folder)/package/Kernels", "\(folder)/share/apus/Kernels", "\(folder)/bin/Kernels",
      ]
      for place in places {
        try makeKernels(place)
        #expect(try library([:], executable: executable, source: source).directory == place)
      }
      try makeKernels("\(folder)/own")
      #expect(
        try library(["APUS_KERNELS": "\(folder)/own"], executable: executable, source: source)
          .directory == "\(folder)/own")
    }
  }

  @Test func allPlacesAreListed() throws {
    try withTemporaryFolder { folder in
      let error = try failure {
        try library([:], executable: "\(folder)/bin/apus", source: "\(folder)/a/b/c/d.swift")
      }
      #expect(error?.kind == .build)
      for place in ["bin/Kernels", "share/apus/Kernels", "a/Kernels"] {
        #expect(error?.message.contains("'\(folder)/\(place)'") == true)
      }
      #expect(error?.message.contains("APUS_KERNELS") == true)
    }
  }

  /// A folder that was asked for is not replaced by another.
  @Test(.enabled(if: hasDevice, "no OpenCL device"))
  func aChosenFolderMustBeThere() throws {
    let error = try failure { try Bench { $0.environment = ["APUS_KERNELS": "/nowhere"] } }
    #expect(error?.kind == .build)
    #expect(error?.message.contains("'/nowhere'") == true)
  }
}

/// Texts from any thread.
private final class Sources: @unchecked Sendable {
  private let lock = NSLock()
  private var texts: [String] = []
  var all: [String] { lock.withLock { texts } }
  func append(_ text: String) { lock.withLock { texts.append(text) } }
}
