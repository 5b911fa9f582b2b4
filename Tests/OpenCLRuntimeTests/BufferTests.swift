import Foundation
import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice)) struct BufferTests {
  @Test("What is written is read, whole and in part")
  func roundTrip() throws {
    let bench = try Bench()
    let buffer = try Buffer(bench.context, copying: [Int32](0..<10))
    #expect(buffer.bytes == 40)
    #expect(try bench.queue.read(buffer, as: Int32.self) == [Int32](0..<10))
    try bench.queue.write([Int32(-1), -2], to: buffer, at: 8)
    #expect(try bench.queue.read(buffer, at: 4, count: 4) == [Int32(1), -1, -2, 4])
  }

  @Test("Reads and writes that do not wait are done when their event is")
  func withoutWaiting() throws {
    let bench = try Bench()
    let buffer = try Buffer(bench.context, bytes: 16)
    let source = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: 2)
    let destination = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: 2)
    defer {
      source.deallocate()
      destination.deallocate()
    }
    _ = source.update(from: [3, 5])
    _ = destination.update(from: [0, 0])
    let done = Event()
    try bench.queue.enqueueWrite(UnsafeRawBufferPointer(source), to: buffer)
    try bench.queue.enqueueRead(
      buffer, into: UnsafeMutableRawBufferPointer(destination), event: done)
    try bench.queue.flush()
    try done.wait()
    #expect(Array(destination) == [3, 5])
    #expect(try done.isComplete())
  }

  @Test("Buffers are filled and copied")
  func fillAndCopy() throws {
    let bench = try Bench()
    let source = try Buffer(bench.context, bytes: 32)
    let destination = try Buffer(bench.context, bytes: 32)
    try bench.queue.fill(source, with: Float(1.5))
    try bench.queue.fill(source, with: Float(-2), at: 8, count: 2)
    try bench.queue.fill(destination, with: UInt8(0))
    try bench.queue.copy(source, from: 4, to: destination, at: 12, bytes: 12)
    #expect(
      try bench.queue.read(destination, as: Float.self) == [0, 0, 0, 1.5, -2, -2, 0, 0])
    try bench.queue.copy(source, to: destination)
    #expect(
      try bench.queue.read(destination, as: Float.self)
        == [1.5, 1.5, -2, -2, 1.5, 1.5, 1.5, 1.5])
  }

  @Test("Ranges outside a buffer are refused, and empty ones do nothing")
  func ranges() throws {
    let bench = try Bench()
    let buffer = try Buffer(bench.context, bytes: 16)
    let read = failure { () throws(OpenCLError) in
      try bench.queue.read(buffer, at: 8, count: 3, as: Float.self)
    }
    #expect(read?.status == .invalidValue)
    #expect(read?.attempt == "reading 12 bytes at 8 of a buffer of 16")
    for error in [
      failure { () throws(OpenCLError) in try bench.queue.write([Float(1)], to: buffer, at: -4) },
      failure { () throws(OpenCLError) in
        try bench.queue.fill(buffer, with: Float(1), at: 0, count: 5)
      },
      failure { () throws(OpenCLError) in try bench.queue.copy(buffer, from: 20, to: buffer) },
      failure { () throws(OpenCLError) in
        try bench.queue.copy(buffer, to: buffer, at: 8, bytes: 12)
      },
    ] {
      #expect(error?.status == .invalidValue)
    }
    #expect(try bench.queue.read(buffer, at: 16, as: Float.self).isEmpty)
    try bench.queue.write([Float](), to: buffer)
    try bench.queue.fill(buffer, with: Float(0), count: 0)
    try bench.queue.copy(buffer, from: 16, to: buffer)
    #expect(bench.calls.count(of: .clEnqueueReadBuffer) == 0)
    #expect(bench.calls.count(of: .clEnqueueWriteBuffer) == 0)
  }

  @Test("A buffer of no bytes is refused")
  func empty() throws {
    let bench = try Bench()
    #expect(
      failure { () throws(OpenCLError) in try Buffer(bench.context, bytes: 0) }?.status
        == .invalidBufferSize)
    #expect(
      failure { () throws(OpenCLError) in try Buffer(bench.context, copying: [Float]()) }?.status
        == .invalidBufferSize)
  }

  @Test("A buffer in memory of the process is read and written, in part too, and given back")
  func hostMemory() throws {
    let bench = try Bench()
    let bytes = 5 << 20
    let alignment = bench.device.baseAddressAlignment
    let buffer = try Buffer(bench.context, hostBytes: bytes)
    try bench.queue.fill(buffer, with: UInt8(3))
    try bench.queue.fill(buffer.part(at: alignment, bytes: 8), with: UInt8(5))
    try bench.queue.write([UInt8(7)], to: buffer, at: bytes - 1)
    #expect(
      try bench.queue.read(buffer, at: alignment - 1, count: 10) == [3]
        + [UInt8](repeating: 5, count: 8) + [3])
    #expect(try bench.queue.read(buffer, at: bytes - 2, count: 2) == [UInt8(3), 7])
    #expect(
      failure { () throws(OpenCLError) in try Buffer(bench.context, hostBytes: 0) }?.status
        == .invalidBufferSize)

    // The driver gives memory back when the last command that uses it has ended.
    let size = try addressSpace()
    for _ in 0..<64 {
      try bench.queue.write([UInt8(1)], to: Buffer(bench.context, hostBytes: 64 << 20))
    }
    try bench.queue.finish()
    #expect(try addressSpace() < size + 1 << 30)
  }

  /// The bytes that the process has addresses for; 0 where the system does not tell.
  private func addressSpace() throws -> Int {
    guard let numbers = FileManager.default.contents(atPath: "/proc/self/statm") else { return 0 }
    let pages = String(decoding: numbers, as: UTF8.self).split(separator: " ").first
    return try #require(pages.flatMap { Int($0) }) * Int(getpagesize())
  }

  @Test("A part shares its whole's memory, and a part of a part too")
  func parts() throws {
    let bench = try Bench()
    let alignment = bench.device.baseAddressAlignment
    let whole = try Buffer(bench.context, bytes: alignment * 4)
    try bench.queue.fill(whole, with: UInt8(0))
    let part = try whole.part(at: alignment, bytes: alignment * 3)
    let inner = try part.part(at: alignment, bytes: alignment)
    #expect(inner.offset == alignment * 2)
    try bench.queue.fill(inner, with: UInt8(7))
    let bytes = try bench.queue.read(whole, as: UInt8.self)
    #expect(
      bytes == [0, 0, 7, 0].flatMap { [UInt8](repeating: $0, count: alignment) })
  }

  @Test("A misaligned part is refused with the alignment, one outside with the sizes")
  func misaligned() throws {
    let bench = try Bench()
    let alignment = bench.device.baseAddressAlignment
    let whole = try Buffer(bench.context, bytes: alignment * 2)
    let error = failure { () throws(OpenCLError) in try whole.part(at: 4, bytes: 4) }
    #expect(error?.status == .misalignedSubBufferOffset)
    #expect(
      error?.attempt == "a part of 4 bytes at 4 of a buffer of \(alignment * 2): "
        + "'\(bench.device.name)' wants a multiple of \(alignment) bytes")
    let outside = failure { () throws(OpenCLError) in
      try whole.part(at: alignment, bytes: alignment + 1)
    }
    #expect(outside?.status == .invalidValue)
    #expect(bench.calls.count(of: .clCreateSubBuffer) == 0)
  }

  @Test("A buffer let go of while a command uses it is still there for the command")
  func releasedInUse() throws {
    let bench = try Bench()
    let add = try Kernel<Buffer, Float, UInt32>(bench.program(addKernel), "add")
    let result = try Buffer(bench.context, bytes: 4000)
    for _ in 0..<10 {
      let x = try Buffer(bench.context, copying: [Float](repeating: 1, count: 1000))
      try bench.queue.enqueue(add, x, 1, 1000, global: [1000], local: [8])
      try bench.queue.copy(x, to: result)
    }
    #expect(try bench.queue.read(result) == [Float](repeating: 2, count: 1000))
    #expect(bench.live.count(of: .buffer) == 1)
  }

  @Test("A buffer of another context traps")
  func foreignBuffer() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let (one, other) = (try Bench(), try Bench())
      try one.queue.fill(Buffer(other.context, bytes: 4), with: Float(0))
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("clEnqueueFillBuffer: the buffer belongs to another context"))
  }
}
