import Foundation

/// The members of a zip archive, stored or deflated, with the 64-bit sizes that NumPy writes.
///
/// The form: PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", version 6.3.
struct ZipArchive: Sendable {
  /// A member as the archive's directory has it.
  struct Member: Sendable {
    let name: String
    fileprivate let flags: UInt16
    fileprivate let method: UInt16
    fileprivate let checksum: UInt32
    fileprivate let compressedSize: UInt64
    fileprivate let size: UInt64
    /// Where the member's own header begins.
    fileprivate let offset: UInt64
  }

  /// The members, in the order of the directory.
  let members: [Member]
  private let file: Data

  /// Reads the directory; the members are read when they are asked for.
  init(_ data: Data) throws(ArrayFileProblem) {
    let fields = ZipFields(data)
    let directory = try Self.directory(of: fields)
    var members: [Member] = []
    var names: Set<String> = []
    var offset = directory.range.lowerBound
    while offset < directory.range.upperBound {
      let (member, end) = try Self.member(at: offset, of: fields)
      guard names.insert(member.name).inserted else { throw .duplicateMember(member.name) }
      members.append(member)
      offset = end
    }
    guard offset == directory.range.upperBound, UInt64(members.count) == directory.count else {
      throw .malformedDirectory
    }
    self.members = members
    file = data
  }

  // MARK: - The directory

  private static let endSignature: UInt32 = 0x0605_4b50
  private static let endLength = 22
  private static let locatorSignature: UInt32 = 0x0706_4b50
  private static let locatorLength = 20
  private static let largeEndSignature: UInt32 = 0x0606_4b50
  private static let largeEndLength = 56
  private static let entrySignature: UInt32 = 0x0201_4b50
  private static let entryLength = 46
  private static let memberSignature: UInt32 = 0x0403_4b50
  private static let memberLength = 30

  /// Where the directory lies, and how many members it is said to have.
  private static func directory(
    of fields: ZipFields
  ) throws(ArrayFileProblem) -> (range: Range<Int>, count: UInt64) {
    guard let end = endRecord(in: fields) else { throw .notAnArchive }
    var count = UInt64(try fields.uint16(end + 10))
    var size = UInt64(try fields.uint32(end + 12))
    var offset = UInt64(try fields.uint32(end + 16))
    var limit = end
    let disks = (try fields.uint16(end + 4), try fields.uint16(end + 6))
    guard disks == (0, 0) || disks == (.max, .max) else { throw .dividedArchive }
    let locator = end - locatorLength
    let isLarge = count == UInt16.max || size == UInt32.max || offset == UInt32.max
    if isLarge, locator >= 0, try fields.uint32(locator) == locatorSignature {
      guard let large = Int(exactly: try fields.uint64(locator + 8)),
        large >= 0, large <= locator - largeEndLength,
        try fields.uint32(large) == largeEndSignature
      else { throw .misplacedRecord("the 64-bit end of the directory") }
      count = try fields.uint64(large + 32)
      size = try fields.uint64(large + 40)
      offset = try fields.uint64(large + 48)
      limit = large
    }
    guard let start = Int(exactly: offset), let length = Int(exactly: size), start <= limit,
      length <= limit - start
    else { throw .misplacedRecord("the list of members") }
    return (start..<start + length, count)
  }

  /// Where the last record of the archive begins: so that its comment ends with the file.
  private static func endRecord(in fields: ZipFields) -> Int? {
    let last = fields.count - endLength
    let first = max(last - Int(UInt16.max), 0)
    guard first <= last else { return nil }
    for offset in stride(from: last, through: first, by: -1)
    where (try? fields.uint32(offset)) == endSignature
      && (try? fields.uint16(offset + 20)) == UInt16(exactly: last - offset)
    {
      return offset
    }
    return nil
  }

  /// The member at a place of the directory, and where the next one begins.
  private static func member(
    at offset: Int, of fields: ZipFields
  ) throws(ArrayFileProblem) -> (Member, end: Int) {
    guard try fields.uint32(offset) == entrySignature else { throw .malformedDirectory }
    let nameLength = Int(try fields.uint16(offset + 28))
    let extraLength = Int(try fields.uint16(offset + 30))
    let commentLength = Int(try fields.uint16(offset + 32))
    let nameStart = offset + entryLength
    let extraStart = nameStart + nameLength
    let name = String(
      decoding: try fields.bytes(nameStart..<extraStart), as: UTF8.self)
    var size = UInt64(try fields.uint32(offset + 24))
    var compressedSize = UInt64(try fields.uint32(offset + 20))
    var position = UInt64(try fields.uint32(offset + 42))
    // What does not fit 32 bits is in an extra field, in this order.
    var large = try largeSizes(in: extraStart..<extraStart + extraLength, of: fields)
    func widen(_ value: inout UInt64) throws(ArrayFileProblem) {
      guard value == UInt32.max, !large.isEmpty else { return }
      value = try fields.uint64(large.lowerBound)
      large = large.lowerBound + 8..<large.upperBound
    }
    try widen(&size)
    try widen(&compressedSize)
    try widen(&position)
    let member = Member(
      name: name, flags: try fields.uint16(offset + 8), method: try fields.uint16(offset + 10),
      checksum: try fields.uint32(offset + 16), compressedSize: compressedSize, size: size,
      offset: position)
    return (member, extraStart + extraLength + commentLength)
  }

  /// Where the 64-bit sizes lie among the extra fields, in whole numbers; empty where there are none.
  private static func largeSizes(
    in extra: Range<Int>, of fields: ZipFields
  ) throws(ArrayFileProblem) -> Range<Int> {
    var offset = extra.lowerBound
    while offset + 4 <= extra.upperBound {
      let start = offset + 4
      let length = Int(try fields.uint16(offset + 2))
      guard length <= extra.upperBound - start else { throw .malformedDirectory }
      if try fields.uint16(offset) == 1 { return start..<start + length / 8 * 8 }
      offset = start + length
    }
    return 0..<0
  }

  // MARK: - A member

  /// The most bytes that deflate makes of one: 258 of two bits, with the header of a block aside.
  private static let greatestExpansion: UInt64 = 1032

  /// The bytes of a member, checked by its checksum.
  func contents(of member: Member) throws(ArrayFileProblem) -> Data {
    let fields = ZipFields(file)
    let name = "the member \(quoted(member.name))"
    guard member.flags & 1 == 0 else { throw .encrypted }
    guard let start = Int(exactly: member.offset), start <= fields.count - Self.memberLength,
      try fields.uint32(start) == Self.memberSignature
    else { throw .misplacedRecord(name) }
    let nameLength = Int(try fields.uint16(start + 26))
    let extraLength = Int(try fields.uint16(start + 28))
    let dataStart = start + Self.memberLength + nameLength + extraLength
    guard let length = Int(exactly: member.compressedSize), dataStart <= fields.count,
      length <= fields.count - dataStart
    else { throw .misplacedRecord(name) }
    let stored = try fields.bytes(dataStart..<dataStart + length)

    let contents: Data
    switch member.method {
    case 0:
      guard member.size == member.compressedSize else {
        throw .impossibleSize(size: member.size, compressed: member.compressedSize)
      }
      contents = stored
    case 8:
      // The file is not believed that it needs more memory than it can fill.
      guard let size = Int(exactly: member.size),
        member.size / Self.greatestExpansion <= member.compressedSize
      else { throw .impossibleSize(size: member.size, compressed: member.compressedSize) }
      contents = Data(try inflated(stored, size: size))
    default: throw .unknownCompression(method: Int(member.method))
    }
    let found = contents.withUnsafeBytes(checksum)
    guard found == member.checksum else {
      throw .wrongChecksum(expected: member.checksum, found: found)
    }
    return contents
  }
}

/// Little-endian fields of a file, each checked to lie within it.
private struct ZipFields {
  private let data: Data

  init(_ data: Data) { self.data = data }

  var count: Int { data.count }

  func bytes(_ range: Range<Int>) throws(ArrayFileProblem) -> Data {
    guard range.lowerBound >= 0, range.upperBound <= data.count else {
      throw .misplacedRecord("a part of the archive")
    }
    return data[data.startIndex + range.lowerBound..<data.startIndex + range.upperBound]
  }

  func uint16(_ offset: Int) throws(ArrayFileProblem) -> UInt16 { try load(offset) }
  func uint32(_ offset: Int) throws(ArrayFileProblem) -> UInt32 { try load(offset) }
  func uint64(_ offset: Int) throws(ArrayFileProblem) -> UInt64 { try load(offset) }

  private func load<Field: FixedWidthInteger>(_ offset: Int) throws(ArrayFileProblem) -> Field {
    guard offset >= 0, offset <= data.count - MemoryLayout<Field>.size else {
      throw .misplacedRecord("a part of the archive")
    }
    return try bytes(offset..<offset + MemoryLayout<Field>.size).reversed().reduce(0) {
      $0 << 8 | Field($1)
    }
  }
}
