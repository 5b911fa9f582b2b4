import Compute
import Datasets
import Foundation
import Tensors
import TestSupport
import Testing

/// Files that NumPy 2.4 wrote, and files that nobody should write.
@Suite struct NumPyTests {
  private static let folder = Golden.folder.appending(path: "numpy")

  /// A `.npy` file of a header and data.
  private static func file(
    _ header: String, _ data: [UInt8] = [], version: UInt8 = 1, length: Int? = nil
  ) -> Data {
    let length = length ?? header.utf8.count
    let lengthBytes = (0..<(version == 1 ? 2 : 4)).map { UInt8(length >> ($0 * 8) & 0xff) }
    return Data([0x93]) + Data("NUMPY".utf8) + Data([version, 0] + lengthBytes)
      + Data(header.utf8) + Data(data)
  }

  private static func header(
    _ descriptor: String = "'<f4'", fortran: String = "False", shape: String
  ) -> String {
    "{'descr': \(descriptor), 'fortran_order': \(fortran), 'shape': \(shape), }\n"
  }

  // MARK: - What NumPy writes

  @Test(
    "Every type, order of bytes and order of axes is read without loss",
    arguments: ["stored.npz", "deflated.npz"])
  func archives(name: String) throws {
    let archive = try NumPyArchive(contentsOf: Self.folder.appending(path: name))
    #expect(archive.names.count == 27)
    func values<Scalar: TensorScalar>(
      _ name: String, _ shape: Shape, as type: Scalar.Type = Scalar.self
    ) throws -> [Scalar] {
      let array = try archive.array(name)
      #expect(array.shape == shape, "\(name)")
      if Scalar.dtype != .float64 { #expect(array.dtype == Scalar.dtype, "\(name)") }
      return try array.tensor(on: .reference).array(of: type)
    }
    for prefix in ["", "big_"] {
      for (name, dtype) in [("f2", DType.float16), ("f4", .float32), ("f8", .float64)] {
        #expect(try values(prefix + name, [2, 2]) == [0.5, -2, 1, 3.25])
        #expect(try archive.array(prefix + name).dtype == dtype)
      }
      #expect(try values(prefix + "i1", [3]) == [-128, -1, 127] as [Int32])
      #expect(try values(prefix + "i2", [3]) == [-32768, -1, 32767] as [Int32])
      #expect(try values(prefix + "i4", [3]) == [.min, -1, .max] as [Int32])
      #expect(try values(prefix + "i8", [3]) == [.min, -1, .max] as [Int64])
      #expect(try values(prefix + "u1", [2]) == [0, 255] as [UInt8])
      #expect(try values(prefix + "u2", [2]) == [0, 65535] as [Int32])
      #expect(try values(prefix + "u4", [2]) == [0, 4_294_967_295] as [Int64])
      #expect(try values(prefix + "u8", [2]) == [0, .max] as [Int64])
    }
    #expect(try values("b1", [2]) == [1, 0] as [UInt8])
    #expect(try values("scalar", .scalar) == [7.0])
    #expect(try values("empty", [2, 0, 3]) == [Float]())
    #expect(try values("fortran", [2, 3, 4]) == Array(0..<24) as [Int32])
    #expect(try values("big_fortran", [2, 3]) == [0, 1, 2, 3, 4, 5] as [Float])
  }

  @Test("Each version is read, and a tensor of any dtype made", arguments: [UInt8(1), 2, 3])
  func versions(version: UInt8) throws {
    let array = try NumPyArray(
      Self.file(Self.header("\"|u1\"", shape: "(3,)"), [1, 2, 3], version: version), file: "a")
    #expect(array.shape == [3])
    #expect(array.bytes == [1, 2, 3])
    let tensor = array.tensor(dtype: .float32, on: .reference)
    #expect(tensor.dtype == .float32)
    #expect(try tensor.array(of: Float.self) == [1, 2, 3])
  }

  @Test("Python 2 wrote its lengths with an L")
  func longLengths() throws {
    let array = try NumPyArray(
      Self.file(Self.header("'|b1'", shape: "(1L, 2L)"), [1, 0]), file: "a")
    #expect(array.shape == [1, 2])
    #expect(array.dtype == .uint8)
  }

  // MARK: - What is refused

  @Test(
    "What is no array of numbers is refused by name",
    arguments: [
      (
        "objects.npy",
        "its elements are Python objects, which only Python reads; save an array of numbers"
      ),
      (
        "structured.npy",
        "its elements are records of several fields; save each field as an array of its own"
      ),
      (
        "text.npy",
        "its elements are of type \"<U2\"; those that can be read are float16, float32, float64, "
          + "int8 to int64, uint8 to uint64 and bool"
      ),
      (
        "complex.npy",
        "its elements are of type \"<c16\"; those that can be read are float16, float32, float64, "
          + "int8 to int64, uint8 to uint64 and bool"
      ),
    ])
  func unsupported(name: String, message: String) throws {
    let data = try Data(contentsOf: Self.folder.appending(path: name))
    let error = #expect(throws: DataError.self) { try NumPyArray(data, file: name) }
    #expect(error?.description == "\(name): \(message)")
  }

  struct Malformed: CustomTestStringConvertible, Sendable {
    let file: Data
    let problem: ArrayFileProblem
    let text: String

    init(_ file: Data, _ problem: ArrayFileProblem, _ text: String) {
      self.file = file
      self.problem = problem
      self.text = text
    }

    var testDescription: String { text }
  }

  static let malformed: [Malformed] = [
    Malformed(
      Data("PK".utf8), .notAnArrayFile,
      "this is not a .npy file: it does not begin with \"\\x93NUMPY\""),
    Malformed(
      file(header(shape: "()"), version: 4), .unknownVersion(major: 4, minor: 0),
      "the file is of version 4.0; those known are 1.0, 2.0 and 3.0"),
    Malformed(
      file("{}", length: 300), .headerTruncated(length: 300, available: 2),
      "the header is said to have 300 bytes, but only 2 follow"),
    Malformed(
      file("{}", version: 2, length: 0xffff_ffff),
      .headerTruncated(length: 4_294_967_295, available: 2),
      "the header is said to have 4294967295 bytes, but only 2 follow"),
    Malformed(
      file(header("'é'", shape: "()")), .headerNotText, "the header is not text"),
    Malformed(
      file("[]"), .headerSyntax(offset: 0, expected: "'{'"), "byte 0 of the header: expected '{'"),
    Malformed(
      file("{'shape': (1"),
      .headerSyntax(offset: 12, expected: "',' or ')' after the length of an axis"),
      "byte 12 of the header: expected ',' or ')' after the length of an axis"),
    Malformed(
      file("{'shape': (-1,)}"),
      .headerSyntax(offset: 11, expected: "the length of an axis, a whole number from 0"),
      "byte 11 of the header: expected the length of an axis, a whole number from 0"),
    Malformed(
      file("{'shape': (9223372036854775808,)}"),
      .headerSyntax(offset: 11, expected: "the length of an axis, a whole number from 0"),
      "byte 11 of the header: expected the length of an axis, a whole number from 0"),
    Malformed(
      file("{'descr': '<f4}"),
      .headerSyntax(offset: 10, expected: "text that ends in the quote it begins with"),
      "byte 10 of the header: expected text that ends in the quote it begins with"),
    Malformed(
      file("{'fortran_order': 0}"), .headerSyntax(offset: 18, expected: "True or False"),
      "byte 18 of the header: expected True or False"),
    Malformed(
      file("{'shape': (), 'shape': ()}"), .duplicateKey("shape"),
      "\"shape\" is in the header twice"),
    Malformed(
      file("{'strides': (1,)}"), .unknownKey("strides"),
      "the header has the unknown key \"strides\"; there are 'descr', 'fortran_order', 'shape'"),
    Malformed(
      file("{'descr': '<f4', 'shape': ()}"), .missingKey("fortran_order"),
      "the header lacks \"fortran_order\""),
    Malformed(
      file(header(shape: "()") + "x"),
      .headerSyntax(offset: 56, expected: "nothing after the header's '}'"),
      "byte 56 of the header: expected nothing after the header's '}'"),
    Malformed(
      file(header(shape: "(4294967296, 4294967296)")),
      .shapeOverflow(shape: [4_294_967_296, 4_294_967_296], descriptor: "<f4"),
      "shape [4294967296, 4294967296] of \"<f4\" is larger than any memory"),
    Malformed(
      file(header(shape: "(2,)"), [1, 2, 3]),
      .sizeMismatch(shape: [2], descriptor: "<f4", expected: 8, found: 3),
      "shape [2] of \"<f4\" takes 8 bytes, but 3 follow (is the file truncated?)"),
    Malformed(
      file(header(shape: "(0,)"), [1]),
      .sizeMismatch(shape: [0], descriptor: "<f4", expected: 0, found: 1),
      "shape [0] of \"<f4\" takes 0 bytes, but 1 follow"),
    Malformed(
      file(header("'|b1'", shape: "(2,)"), [1, 5]), .notABoolean(position: 1, value: 5),
      "element 1 of its booleans is 5, neither 0 nor 1"),
    Malformed(
      file(header("'>u8'", shape: "()"), [0x80, 0, 0, 0, 0, 0, 0, 1]),
      .integerTooLarge(position: 0, value: 0x8000_0000_0000_0001),
      "element 0 is 9223372036854775809, which does not fit int64"),
  ]

  @Test(
    "A malformed array is refused with an error that says what is right", arguments: malformed)
  func refused(_ malformed: Malformed) {
    let error = #expect(throws: DataError.self) { try NumPyArray(malformed.file, file: "a.npy") }
    #expect(error?.problem == .array(malformed.problem))
    #expect(error?.description == "a.npy: \(malformed.text)")
  }

  // MARK: - Archives

  private func archive(_ name: String, _ change: (inout [UInt8]) -> Void) throws -> NumPyArchive {
    var bytes = try [UInt8](Data(contentsOf: Self.folder.appending(path: name)))
    change(&bytes)
    return try NumPyArchive(Data(bytes), file: "a.npz")
  }

  /// Where a member's data begins in an archive whose first member it is.
  private func dataStart(_ bytes: [UInt8]) -> Int {
    30 + Int(bytes[26]) + Int(bytes[27]) << 8 + Int(bytes[28]) + Int(bytes[29]) << 8
  }

  private static let entrySignature: [UInt8] = [0x50, 0x4b, 0x01, 0x02]

  /// Where the directory's first entry begins.
  private func directoryStart(_ bytes: [UInt8]) throws -> Int {
    try #require(bytes.indices.first { bytes[$0...].starts(with: Self.entrySignature) })
  }

  @Test("An array that is not there is named with those that are")
  func absentArray() throws {
    let archive = try archive("stored.npz") { _ in }
    let error = #expect(throws: DataError.self) { try archive.array("fortan") }
    #expect(
      error?.description.hasPrefix(
        "a.npz: there is no array \"fortan\" (did you mean \"fortran\"?); the arrays are \"f2\", ")
        == true)
  }

  @Test("Damaged data is found by its checksum, or by its compression")
  func damage() throws {
    let stored = try archive("stored.npz") { $0[dataStart($0) + 130] ^= 1 }
    let error = #expect(throws: DataError.self) { try stored.array("f2") }
    guard case .member("f2", .wrongChecksum) = error?.problem else {
      Issue.record("\(String(describing: error))")
      return
    }
    let deflated = try archive("deflated.npz") { $0[dataStart($0)] = 0xff }
    let damaged = #expect(throws: DataError.self) { try deflated.array("f2") }
    #expect(damaged?.description == "a.npz: array \"f2\": its compressed bytes are damaged")
    #expect(throws: Never.self) { try deflated.array("f4") }
  }

  @Test("A member is refused by what its entry says")
  func entries() throws {
    func problem(
      in name: String = "stored.npz", at offset: Int, _ bytes: [UInt8]
    ) throws -> DataError.Problem? {
      let archive = try archive(name) { file in
        let start = (try? directoryStart(file)) ?? 0
        file.replaceSubrange(start + offset..<start + offset + bytes.count, with: bytes)
      }
      return #expect(throws: DataError.self) { try archive.array("f2") }?.problem
    }
    #expect(try problem(at: 8, [1, 0]) == .member("f2", .encrypted))
    #expect(try problem(at: 10, [12, 0]) == .member("f2", .unknownCompression(method: 12)))
    #expect(
      try problem(at: 24, [0, 0, 0, 0x7f])
        == .member("f2", .impossibleSize(size: 0x7f00_0000, compressed: 136)))
    guard
      case .member(_, .impossibleSize(0x7f00_0000, _)) =
        try problem(in: "deflated.npz", at: 24, [0, 0, 0, 0x7f])
    else {
      Issue.record("a size beyond what deflate can give was believed")
      return
    }
    #expect(
      try problem(at: 42, [0xf0, 0xff, 0xff, 0x7f])
        == .member("f2", .misplacedRecord("the member \"f2.npy\"")))
  }

  @Test("Sizes and offsets of 64 bits are read")
  func largeArchive() throws {
    // The first member of a small archive, in one whose 32-bit fields all point to 64-bit ones.
    let small = try [UInt8](Data(contentsOf: Self.folder.appending(path: "stored.npz")))
    let entry = try directoryStart(small)
    let name = Array("f2.npy".utf8)
    let size = Int(small[entry + 24])
    let data = small[dataStart(small)..<dataStart(small) + size]
    func field(_ value: Int, _ byteCount: Int) -> [UInt8] {
      (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    func bytes(_ parts: [UInt8]...) -> [UInt8] { parts.flatMap { $0 } }
    // Versions, flags and method, times, checksum.
    let common = bytes(field(45, 2), field(0, 8), Array(small[entry + 16..<entry + 20]))
    let local = bytes(
      [0x50, 0x4b, 3, 4], common, field(size, 4), field(size, 4), field(name.count, 4), name,
      Array(data))
    // Another extra field stands before the one with the sizes and the offset.
    let extra = bytes(
      field(0x5455, 2), field(3, 2), [1, 2, 3], field(1, 2), field(24, 2), field(size, 8),
      field(size, 8), field(0, 8))
    let directory = bytes(
      Self.entrySignature, field(45, 2), common, field(-1, 8), field(name.count, 2),
      field(extra.count, 2), field(0, 10), field(-1, 4), name, extra)
    let largeEnd = bytes(
      [0x50, 0x4b, 6, 6], field(44, 8), field(45, 2), field(45, 2), field(0, 8), field(1, 8),
      field(1, 8), field(directory.count, 8), field(local.count, 8))
    let locator = bytes(
      [0x50, 0x4b, 6, 7], field(0, 4), field(local.count + directory.count, 8), field(1, 4))
    let comment = Array("saved".utf8)
    let end = bytes(
      [0x50, 0x4b, 5, 6], field(0, 4), field(-1, 8), field(-1, 4), field(comment.count, 2), comment)
    let file = bytes(local, directory, largeEnd, locator, end)
    let archive = try NumPyArchive(Data(file), file: "a.npz")
    #expect(archive.names == ["f2"])
    #expect(try archive.array("f2").shape == [2, 2])
    #expect(try archive.array("f2").dtype == .float16)

    var lost = file
    lost[local.count + directory.count] = 0
    let error = #expect(throws: DataError.self) { try NumPyArchive(Data(lost), file: "a.npz") }
    #expect(
      error?.problem == .array(.misplacedRecord("the 64-bit end of the directory")))
  }

  @Test("What is no archive, or a part of one, is refused")
  func notArchives() throws {
    func problem(_ change: (inout [UInt8]) -> Void) -> DataError.Problem? {
      #expect(throws: DataError.self) { _ = try archive("stored.npz", change) }?.problem
    }
    #expect(problem { $0 = [] } == .array(.notAnArchive))
    #expect(problem { $0.removeLast() } == .array(.notAnArchive))
    #expect(problem { $0.append(0) } == .array(.notAnArchive))
    #expect(problem { $0[$0.count - 18] = 1 } == .array(.dividedArchive))
    #expect(problem { $0[$0.count - 12] += 1 } == .array(.malformedDirectory))
    #expect(
      problem { $0[$0.count - 3] = 0x7f } == .array(.misplacedRecord("the list of members")))
    #expect(
      problem { file in
        // The entry of another member is given the name of the first.
        let names = file.indices.dropFirst(46).filter {
          file[$0...].starts(with: "f4.npy".utf8)
            && file[($0 - 46)...].starts(with: Self.entrySignature)
        }
        for start in names { file.replaceSubrange(start..<start + 2, with: "f2".utf8) }
      } == .array(.duplicateMember("f2.npy")))
  }

  @Test(
    "Whatever is done to a file, it is read or refused in one line",
    arguments: ["stored.npz", "deflated.npz", "a.npy"])
  func randomDamage(name: String) throws {
    var generator = SeededGenerator(31, name)
    let isArchive = name.hasSuffix(".npz")
    let valid =
      isArchive
      ? try Data(contentsOf: Self.folder.appending(path: name))
      : Self.file(Self.header(fortran: "True", shape: "(2, 1)"), [UInt8](0..<8))
    var readCount = 0
    for _ in 0..<3000 {
      let file = generator.damaged(valid, alphabet: "PK0123456789(),'<>=|fiubTrue {}:")
      do {
        if isArchive {
          let archive = try NumPyArchive(file, file: "damaged")
          for name in archive.names { _ = try archive.array(name) }
        } else {
          _ = try NumPyArray(file, file: "damaged")
        }
        readCount += 1
      } catch let error as DataError {
        let text = "\(error)"
        #expect(text.hasPrefix("damaged: ") && !text.contains(where: \.isNewline), "\(text)")
      }
    }
    // Where nothing checks the numbers, some damage leaves a file legal.
    #expect(isArchive ? readCount < 3000 : (1..<3000).contains(readCount))
  }
}
