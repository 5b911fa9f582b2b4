import CZlib
import Foundation

/// Decompresses what deflate compressed, without a header of its own, to a size that is known.
///
/// Throws ``ArrayFileProblem/damagedCompression`` unless all bytes are used and give just as many.
///
/// The form: RFC 1951.
func inflated(_ compressed: Data, size: Int) throws(ArrayFileProblem) -> [UInt8] {
  var isWhole = false
  let result = [UInt8](unsafeUninitializedCapacity: size) { output, count in
    compressed.withUnsafeBytes { input in
      (count, isWhole) = decompress(input, into: output)
    }
  }
  guard isWhole else { throw .damagedCompression }
  return result
}

/// The number of bytes written, and whether that was all there is and all that was asked for.
private func decompress(
  _ input: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<UInt8>
) -> (count: Int, isWhole: Bool) {
  var stream = z_stream()
  // Negative bits stand for data without a header and checksum.
  let opening = inflateInit2_(
    &stream, -MAX_WBITS, zlibVersion(), Int32(MemoryLayout<z_stream>.size))
  guard opening == Z_OK else { return (0, false) }
  defer { inflateEnd(&stream) }
  var consumed = 0
  var produced = 0
  // zlib counts in 32 bits, so longer data goes in pieces.
  let piece = Int(UInt32.max >> 1)
  // With nowhere to write, an empty member's end could not be read.
  var spare: UInt8 = 0
  return withUnsafeMutablePointer(to: &spare) { spare in
    while true {
      let available = min(input.count - consumed, piece)
      let room = min(output.count - produced, piece)
      stream.next_in = UnsafeMutablePointer(
        mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self).advanced(by: consumed))
      stream.avail_in = UInt32(available)
      stream.next_out = room > 0 ? output.baseAddress?.advanced(by: produced) : spare
      stream.avail_out = room > 0 ? UInt32(room) : 1
      let status = inflate(&stream, Z_NO_FLUSH)
      consumed += available - Int(stream.avail_in)
      let written = (room > 0 ? room : 1) - Int(stream.avail_out)
      guard room > 0 || written == 0 else { return (produced, false) }
      produced += written
      if status == Z_STREAM_END {
        return (produced, produced == output.count && consumed == input.count)
      }
      guard status == Z_OK, written > 0 || Int(stream.avail_in) < available else {
        return (produced, false)
      }
    }
  }
}

/// The checksum of a zip archive's members: CRC-32 as in RFC 1952.
func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  UInt32(
    truncatingIfNeeded: crc32_z(
      0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
}
