import Compute
import Foundation
import NeuralNetworks
import TestSupport
import Testing

extension Safetensors {
  /// Reads bytes as a file named `damaged`, and stops at an error of any other type.
  fileprivate init(parsing file: Data) throws(SafetensorsError) {
    do {
      try self.init(file, file: "damaged")
    } catch let error as SafetensorsError {
      throw error
    } catch {
      fatalError("\(error)")
    }
  }
}

@Suite struct SafetensorsTests {
  /// A file of a header, its length, and data.
  private static func file(_ header: String, data: [UInt8] = [], length: UInt64? = nil) -> Data {
    var file = Data()
    withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) {
      file.append(contentsOf: $0)
    }
    return file + Data(header.utf8) + Data(data)
  }

  private static func entry(_ dtype: String, _ shape: String, _ begin: Int, _ end: Int) -> String {
    #"{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
  }

  private static func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  // MARK: Reading and writing

  @Test("Arrays of each dtype, scalars and empty ones survive writing and reading in their order")
  func roundTrip() throws {
    var arrays = DType.allCases.map { dtype in
      Safetensors.NamedArray(
        name: "3.\(dtype)", dtype: dtype, shape: [3, 1],
        bytes: (0..<3 * dtype.byteCount).map { UInt8($0 + 1) })
    }
    arrays.append(
      .init(name: "scalar", dtype: .int64, shape: .scalar, bytes: [1, 2, 3, 4, 5, 6, 7, 8]))
    arrays.append(.init(name: "empty", dtype: .float32, shape: [4, 0, 2], bytes: []))
    arrays.append(.init(name: "\"ü\\\n😀", dtype: .uint8, shape: [1], bytes: [9]))
    let written = Safetensors(arrays, metadata: ["format": "pt", "quote\"": "tab\tü\u{1}"])

    let data = written.serialized()
    let read = try Safetensors(data)
    #expect(read == written)
    #expect(read.arrays == arrays)
    #expect(read.serialized() == data)
    #expect(read["scalar"]?.shape == .scalar)
    #expect(read["nothing"] == nil)
  }

  @Test("The bytes are those of the format: padded header, PyTorch's metadata, aligned data")
  func exactBytes() throws {
    let file = Safetensors([
      .init(name: "flag", dtype: .uint8, shape: [1], bytes: [7]),
      .init(name: "w", dtype: .float32, shape: [1], bytes: [0, 0, 128, 63]),
    ])
    let header =
      #"{"__metadata__":{"format":"pt"},"#
      + #""flag":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},"#
      + #""w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    #expect(file.serialized() == Self.file(padded, data: [0, 0, 128, 63, 7]))
  }

  @Test("A file without arrays and metadata is legal")
  func emptyHeader() throws {
    #expect(try Safetensors(Self.file("{}")) == Safetensors(metadata: [:]))
    #expect(Safetensors(metadata: [:]).serialized() == Self.file("{}      "))
  }

  @Test("White space between tokens, padding and a slice of larger data are read")
  func whiteSpace() throws {
    let header =
      "{ \"a\" :\n{\t\"shape\" : [ 1 , 2 ] , \"data_offsets\":[0,2],\"dtype\":\"U8\"} }  "
    let slice = (Data([1, 2, 3]) + Self.file(header, data: [5, 6])).dropFirst(3)
    let array = try #require(try Safetensors(slice)["a"])
    #expect(array.shape == [1, 2])
    #expect(array.bytes == [5, 6])
  }

  // MARK: Malformed files

  struct Malformed: CustomTestStringConvertible, Sendable {
    let file: Data
    let problem: SafetensorsError.Problem
    let text: String

    init(_ file: Data, _ problem: SafetensorsError.Problem, _ text: String) {
      self.file = file
      self.problem = problem
      self.text = text
    }

    init(_ header: String, _ problem: SafetensorsError.Problem, _ text: String) {
      self.init(SafetensorsTests.file(header), problem, text)
    }

    var testDescription: String { text }
  }

  static let malformed: [Malformed] = [
    // The header as a whole.
    Malformed(
      Data([1, 2, 3]), .noHeaderLength(fileByteCount: 3),
      "the file has 3 bytes; its first 8 must hold the length of its header"),
    Malformed(
      file("{}", length: .max), .headerOverLimit(length: .max),
      "the header is said to have 18446744073709551615 bytes; at most 100000000 are allowed "
        + "(is this a safetensors file?)"),
    Malformed(
      file("{}", length: 100_000_000), .headerTruncated(length: 100_000_000, available: 2),
      "the header is said to have 100000000 bytes, but only 2 follow"),
    Malformed("", .headerNotAnObject, "the header must be a JSON object and begin with '{'"),
    Malformed(" {}", .headerNotAnObject, "the header must be a JSON object and begin with '{'"),
    Malformed("[]", .headerNotAnObject, "the header must be a JSON object and begin with '{'"),
    Malformed(
      file("{", length: 2) + Data([0xff]), .headerNotUTF8, "the header must be UTF-8"),
    // JSON.
    Malformed(
      "{} x", .headerSyntax(offset: 2, expected: "nothing but spaces after the header's '}'"),
      "byte 2 of the header: expected nothing but spaces after the header's '}'"),
    Malformed(
      "{", .headerSyntax(offset: 1, expected: "a string"),
      "byte 1 of the header: expected a string"),
    Malformed(
      "{\"a", .headerSyntax(offset: 1, expected: "a string that ends within the header"),
      "byte 1 of the header: expected a string that ends within the header"),
    Malformed(
      "{\"a\\", .headerSyntax(offset: 1, expected: "a string that ends within the header"),
      "byte 1 of the header: expected a string that ends within the header"),
    Malformed(
      "{\"\\ud800\":{}}",
      .headerSyntax(
        offset: 1, expected: "a string without control characters or unknown escapes"),
      "byte 1 of the header: expected a string without control characters or unknown escapes"),
    Malformed(
      "{\"a\nb\":{}}",
      .headerSyntax(
        offset: 1, expected: "a string without control characters or unknown escapes"),
      "byte 1 of the header: expected a string without control characters or unknown escapes"),
    Malformed(
      "{\"a\" {}}", .headerSyntax(offset: 5, expected: "':' after a key"),
      "byte 5 of the header: expected ':' after a key"),
    Malformed(
      "{\"a\":" + entry("U8", "[0]", 0, 0) + ",}", .headerSyntax(offset: 53, expected: "a string"),
      "byte 53 of the header: expected a string"),
    Malformed(
      "{\"a\":" + entry("U8", "[0]", 0, 0),
      .headerSyntax(
        offset: 52, expected: "',' or '}' after a value"),
      "byte 52 of the header: expected ',' or '}' after a value"),
    // Keys.
    Malformed(
      "{\"a\":" + entry("U8", "[0]", 0, 0) + ",\"\\u0061\":" + entry("U8", "[0]", 0, 0) + "}",
      .duplicateKey("a", owner: nil), "\"a\" occurs twice in the header"),
    Malformed(
      #"{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#,
      .duplicateKey("dtype", owner: "a"), "\"a\": \"dtype\" occurs twice"),
    Malformed(
      #"{"__metadata__":{"k":"1","k":"2"}}"#, .duplicateKey("k", owner: "__metadata__"),
      "\"__metadata__\": \"k\" occurs twice"),
    Malformed(
      #"{"__metadata__":["k"]}"#, .metadataNotStrings(key: nil),
      "\"__metadata__\" must be an object of strings"),
    Malformed(
      #"{"__metadata__":{"k":1}}"#, .metadataNotStrings(key: "k"),
      "\"__metadata__\": \"k\" must be a string"),
    // The entry of an array.
    Malformed(
      #"{"a":[]}"#, .entryNotAnObject(array: "a"),
      "\"a\" must be an object with \"dtype\", \"shape\" and \"data_offsets\""),
    Malformed(
      #"{"a":{"shape":[0],"data_offsets":[0,0]}}"#, .missingField(array: "a", field: "dtype"),
      "\"a\": \"dtype\" is missing"),
    Malformed(
      #"{"a":{"dtype":"U8","data_offsets":[0,0]}}"#, .missingField(array: "a", field: "shape"),
      "\"a\": \"shape\" is missing"),
    Malformed(
      #"{"a":{"dtype":"U8","shape":[0]}}"#, .missingField(array: "a", field: "data_offsets"),
      "\"a\": \"data_offsets\" is missing"),
    Malformed(
      #"{"a":{"dtype":"U8","strides":[0]}}"#, .unknownField(array: "a", field: "strides"),
      "\"a\": unknown field \"strides\"; there are \"dtype\", \"shape\" and \"data_offsets\""),
    Malformed(
      #"{"a":{"dtype":8}}"#, .dtypeNotAString(array: "a"), "\"a\": \"dtype\" must be a string"),
    Malformed(
      "{\"a\":" + entry("F8_E4M3", "[0]", 0, 0) + "}",
      .unknownDType(array: "a", dtype: "F8_E4M3"),
      "\"a\": dtype \"F8_E4M3\" cannot be held; those that can are BOOL, I8, I16, I32, I64, U8, "
        + "U16, U32, U64, F16, BF16, F32, F64"),
    Malformed(
      "{\"a\":" + entry("U8", "[-1]", 0, 0) + "}", .malformedShape(array: "a"),
      "\"a\": \"shape\" must be an array of whole numbers from 0"),
    Malformed(
      "{\"a\":" + entry("U8", "[1.0]", 0, 1) + "}", .malformedShape(array: "a"),
      "\"a\": \"shape\" must be an array of whole numbers from 0"),
    Malformed(
      "{\"a\":" + entry("U8", "[01]", 0, 1) + "}", .malformedShape(array: "a"),
      "\"a\": \"shape\" must be an array of whole numbers from 0"),
    Malformed(
      "{\"a\":" + entry("U8", "[9223372036854775808]", 0, 0) + "}", .malformedShape(array: "a"),
      "\"a\": \"shape\" must be an array of whole numbers from 0"),
    Malformed(
      "{\"a\":" + entry("U8", "3", 0, 3) + "}", .malformedShape(array: "a"),
      "\"a\": \"shape\" must be an array of whole numbers from 0"),
    Malformed(
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}"#, .malformedOffsets(array: "a"),
      "\"a\": \"data_offsets\" must be an array of two whole numbers from 0"),
    Malformed(
      "{\"a\":" + entry("U8", "[1]", 2, 1) + "}", .reversedOffsets(array: "a", begin: 2, end: 1),
      "\"a\": its data begins at 2 and ends before that, at 1"),
    // Sizes.
    Malformed(
      "{\"a\":" + entry("F64", "[4294967296,4294967296]", 0, 0) + "}",
      .shapeOverflow(array: "a", dtype: "F64", dimensions: [4_294_967_296, 4_294_967_296]),
      "\"a\": shape [4294967296, 4294967296] of F64 is larger than any memory"),
    Malformed(
      "{\"a\":" + entry("U8", "[0,4294967296,4294967296]", 0, 0) + "}",
      .shapeOverflow(array: "a", dtype: "U8", dimensions: [0, 4_294_967_296, 4_294_967_296]),
      "\"a\": shape [0, 4294967296, 4294967296] of U8 is larger than any memory"),
    Malformed(
      file("{\"a\":" + entry("F32", "[2,3]", 0, 20) + "}", data: [UInt8](repeating: 0, count: 20)),
      .sizeMismatch(array: "a", dtype: "F32", shape: [2, 3], expected: 24, found: 20),
      "\"a\": shape [2, 3] of F32 takes 24 bytes, but its offsets span 20"),
    Malformed(
      file("{\"a\":" + entry("U8", "[]", 0, 0) + "}"),
      .sizeMismatch(array: "a", dtype: "U8", shape: .scalar, expected: 1, found: 0),
      "\"a\": shape [] of U8 takes 1 bytes, but its offsets span 0"),
    Malformed(
      "{\"a\":" + entry("I8", "[0,2305843009213693952]", 0, 0) + "}",
      .shapeOverflow(array: "a", dtype: "I8", dimensions: [0, 2_305_843_009_213_693_952]),
      "\"a\": shape [0, 2305843009213693952] of I8 is larger than any memory"),
    // The elements.
    Malformed(
      file("{\"a\":" + entry("BOOL", "[3]", 0, 3) + "}", data: [1, 0, 2]),
      .notABoolean(array: "a", position: 2, value: 2),
      "\"a\": element 2 of its booleans is 2, neither 0 nor 1"),
    Malformed(
      file(
        "{\"a\":" + entry("U64", "[1]", 0, 8) + "}", data: [UInt8](repeating: 0xff, count: 8)),
      .integerTooLarge(array: "a", position: 0, value: .max),
      "\"a\": element 0 is 18446744073709551615, which does not fit int64"),
    // The layout.
    Malformed(
      file(
        "{\"a\":" + entry("U8", "[4]", 0, 4) + ",\"b\":" + entry("U8", "[4]", 2, 6) + "}",
        data: [1, 2, 3, 4, 5, 6]),
      .overlap(array: "b", begin: 2, other: "a", otherEnd: 4),
      "\"b\": its data begins at 2, inside that of \"a\", which ends at 4"),
    Malformed(
      file(
        "{\"b\":" + entry("U8", "[2]", 4, 6) + ",\"a\":" + entry("U8", "[2]", 0, 2) + "}",
        data: [1, 2, 3, 4, 5, 6]),
      .hole(array: "b", begin: 4, expected: 2),
      "\"b\": its data begins at 4, but must begin at 2, where the data before it ends"),
    Malformed(
      file("{\"a\":" + entry("U8", "[2]", 1, 3) + "}", data: [1, 2, 3]),
      .hole(array: "a", begin: 1, expected: 0),
      "\"a\": its data begins at 1, but must begin at 0, where the data before it ends"),
    Malformed(
      file("{\"a\":" + entry("U8", "[4]", 0, 4) + "}", data: [1, 2, 3]),
      .dataTruncated(array: "a", end: 4, dataByteCount: 3),
      "\"a\": its data ends at 4, but the file has only 3 bytes of data (is it truncated?)"),
    Malformed(
      file("{\"a\":" + entry("U8", "[2]", 0, 2) + "}", data: [1, 2, 3]),
      .dataLeftOver(used: 2, dataByteCount: 3),
      "the file has 3 bytes of data, but its arrays take only 2"),
  ]

  @Test(
    "A malformed file is refused with an error that names file, array and what is right",
    arguments: malformed)
  func refused(_ malformed: Malformed) {
    let error = #expect(throws: SafetensorsError.self) {
      try Safetensors(malformed.file, file: "m.safetensors")
    }
    #expect(error?.problem == malformed.problem)
    #expect(error?.description == "m.safetensors: \(malformed.text)")
  }

  @Test("A file cut short anywhere is refused")
  func truncation() throws {
    let whole = Safetensors([
      .init(name: "a", dtype: .int32, shape: [2], bytes: [1, 2, 3, 4, 5, 6, 7, 8]),
      .init(name: "b", dtype: .uint8, shape: [3], bytes: [1, 2, 3]),
    ]).serialized()
    for count in 0..<whole.count {
      #expect(throws: SafetensorsError.self) { try Safetensors(whole.prefix(count)) }
    }
  }

  @Test("Every element type that the format's own library writes is read without loss")
  func elementTypes() throws {
    // Written by safetensors 0.8 from PyTorch's tensors.
    let file = try Safetensors(
      contentsOf: Golden.folder.appending(path: "element_types.safetensors"))
    func values<Element: BitwiseCopyable>(
      _ name: String, _ dtype: DType, as type: Element.Type = Element.self
    ) throws -> [Element] {
      let array = try #require(file[name])
      #expect(array.dtype == dtype, "\(name)")
      return array.bytes.withUnsafeBytes { bytes in
        stride(from: 0, to: bytes.count, by: MemoryLayout<Element>.stride).map {
          bytes.loadUnaligned(fromByteOffset: $0, as: type)
        }
      }
    }
    #expect(file.arrays.count == 14)
    #expect(file.metadata == ["format": "pt"])
    #expect(file["bool"]?.shape == [1, 3])
    #expect(try values("bool", .uint8) == [1, 0, 1] as [UInt8])
    #expect(try values("uint8", .uint8) == [0, 255] as [UInt8])
    #expect(try values("int8", .int32) == [-128, 127, -1] as [Int32])
    #expect(try values("int16", .int32) == [-32768, 32767] as [Int32])
    #expect(try values("uint16", .int32) == [0, 65535] as [Int32])
    #expect(try values("int32", .int32) == [.min, .max] as [Int32])
    #expect(try values("uint32", .int64) == [0, 4_294_967_295] as [Int64])
    #expect(try values("int64", .int64) == [.min, .max] as [Int64])
    #expect(try values("uint64", .int64) == [0, .max] as [Int64])
    #expect(try values("float16", .float16) == [0x3e00, 0xfbff] as [UInt16])
    #expect(try values("bfloat16", .bfloat16) == [0x3fc0, 0xff62] as [UInt16])
    #expect(try values("float32", .float32) == [0.1] as [Float])
    #expect(file["float32"]?.shape == .scalar)
    #expect(try values("float64", .float64) == [0.1, -1e300])
    #expect(file["float64"]?.shape == [2, 1])
    #expect(file["empty"]?.shape == [0, 3])
  }

  @Test("Whatever is done to a file, it is read or refused in one line, and nothing grows")
  func randomDamage() throws {
    var generator = SeededGenerator(11)
    let valid = try Data(
      contentsOf: Golden.folder.appending(path: "element_types.safetensors"))
    var readCount = 0
    for _ in 0..<4000 {
      let file = generator.damaged(valid, alphabet: "0123456789[]{},:\"\\ -.eFUIB")
      do throws(SafetensorsError) {
        let read = try Safetensors(parsing: file)
        readCount += 1
        // No element becomes more than four bytes of one.
        #expect(read.arrays.reduce(0) { $0 + $1.bytes.count } <= 4 * file.count)
      } catch {
        let text = "\(error)"
        #expect(text.hasPrefix("damaged: ") && !text.contains(where: \.isNewline), "\(text)")
      }
    }
    // Damage to the numbers alone leaves a file legal: not everything may have been refused.
    #expect((1..<4000).contains(readCount))
  }

  // MARK: The file system

  @Test("A file that is not there is named")
  func missingFile() {
    let error = #expect(throws: SafetensorsError.self) {
      try Safetensors(contentsOf: URL(filePath: "absent.safetensors"))
    }
    #expect(error?.description == "absent.safetensors: cannot be read: No such file or directory")
  }

  @Test("Writing replaces an older file and leaves nothing else")
  func replacing() throws {
    let folder = try Self.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appending(path: "m.safetensors")
    try Data("old".utf8).write(to: url)
    let file = Safetensors([.init(name: "a", dtype: .uint8, shape: [1], bytes: [1])])
    try file.write(to: url)
    #expect(try Safetensors(contentsOf: url) == file)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["m.safetensors"])
  }

  @Test("When writing fails nothing is left behind")
  func failedWriting() throws {
    let folder = try Self.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    // A folder of the file's name lets the temporary file be written and its renaming fail.
    let url = folder.appending(path: "m.safetensors")
    try FileManager.default.createDirectory(
      at: url.appending(path: "inside"), withIntermediateDirectories: true)
    let error = #expect(throws: SafetensorsError.self) { try Safetensors().write(to: url) }
    #expect(error?.problem == .unwritable(reason: "Is a directory"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["m.safetensors"])

    let lost = folder.appending(path: "absent/m.safetensors")
    let absent = #expect(throws: SafetensorsError.self) { try Safetensors().write(to: lost) }
    #expect(
      absent?.description
        == "\(lost.relativePath): cannot be written: No such file or directory")
  }

  @Test("Bytes that do not fit the shape trap with a message that says how many do")
  func wrongByteCount() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Safetensors.NamedArray(name: "w", dtype: .float32, shape: [2], bytes: [1])
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("Safetensors: w: shape [2] of float32 takes 8 bytes, not 1"))
  }
}
