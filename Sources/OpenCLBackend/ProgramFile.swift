import Foundation

/// The file of a built program.
///
/// It is a line of JSON, the header, and the binary. Its name is the hash of what identifies the
/// program; the header repeats it, and has a checksum of the rest. Processes may write the same file
/// at the same time: each writes a file of its own and renames it, which replaces the other's as a
/// whole.
struct ProgramFile: Sendable {
  private struct Header: Codable {
    var format: String
    var identity: String
    var checksum: String
  }

  private static let format = "apus program 2"

  /// Where the file is, or would be.
  let path: String
  private let directory: String
  private let identity: String

  /// Whether there is a file; it may still turn out to be damaged.
  var exists: Bool { FileManager.default.fileExists(atPath: path) }

  /// Names the file of a program.
  init(directory: String, identity parts: [String]) {
    self.directory = directory
    // Each part with its length, so that no two lists of parts read alike.
    let text = ([Self.format] + parts).map { "\($0.utf8.count):\($0)" }.joined()
    identity = StableHash.hexadecimal(of: text.utf8)
    path = "\(directory)/\(identity).program"
  }

  /// The binary, or nil where there is no file or none that can be used; a damaged one is removed.
  func read() -> [UInt8]? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    guard let end = data.firstIndex(of: UInt8(ascii: "\n")),
      let header = try? JSONDecoder().decode(Header.self, from: data[..<end]),
      header.format == Self.format, header.identity == identity,
      header.checksum == StableHash.hexadecimal(of: data[(end + 1)...])
    else {
      remove()
      return nil
    }
    return Array(data[(end + 1)...])
  }

  /// Writes the binary; a folder that cannot be written to is no error, only slower.
  func write(_ binary: [UInt8]) {
    let header = Header(
      format: Self.format, identity: identity, checksum: StableHash.hexadecimal(of: binary))
    let own = "\(directory)/\(UUID().uuidString).unfinished"
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      var data = try JSONEncoder().encode(header)
      data.append(UInt8(ascii: "\n"))
      data.append(contentsOf: binary)
      try data.write(to: URL(fileURLWithPath: own))
      if rename(own, path) != 0 { unlink(own) }
    } catch {
      unlink(own)
    }
  }

  /// Removes the file, if it is there.
  func remove() { unlink(path) }
}

/// A hash that is the same in every process and on every machine, unlike `Hasher`'s.
enum StableHash {
  /// FNV-1a of 128 bits, in 32 digits.
  ///
  /// Source: G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, "The FNV non-cryptographic hash
  /// algorithm", IETF draft, section 5. The prime is 2⁸⁸ + 0x13b, so the product with it is two
  /// multiplications of 64 bits.
  static func hexadecimal(of bytes: some Sequence<UInt8>) -> String {
    var high: UInt64 = 0x6c62_272e_07bb_0142
    var low: UInt64 = 0x62b8_2175_6295_c58d
    for byte in bytes {
      low ^= UInt64(byte)
      let product = low.multipliedFullWidth(by: 0x13b)
      high = high &* 0x13b &+ product.high &+ low << 24
      low = product.low
    }
    return [high, low].map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
