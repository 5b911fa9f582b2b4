import COpenCL

/// A queue of commands that run one after the other, in the order enqueued (a cl_command_queue).
///
/// Safe to use from several threads. Letting it go waits for nothing: `finish()` first if it matters.
public final class Queue: Sendable {
  /// The context that the queue belongs to.
  public let context: Context
  /// Whether events record when commands ran.
  public let isProfiling: Bool

  let handle: Handle
  private var driver: Driver { context.driver }

  /// Makes an in-order queue (clCreateCommandQueue).
  /// - Parameters:
  ///   - context: The context whose device runs the commands.
  ///   - profiling: Whether events record when commands ran, which costs some time.
  /// - Throws: If the driver refuses.
  public init(_ context: Context, profiling: Bool = false) throws(OpenCLError) {
    handle = try context.driver.create(
      .queue, .clCreateCommandQueue,
      "a queue\(profiling ? " with profiling" : "") on '\(context.device.name)'"
    ) {
      $0.clCreateCommandQueue(
        context.handle.pointer, context.device.handle.pointer,
        profiling ? UInt64(CL_QUEUE_PROFILING_ENABLE) : 0, $1)
    }
    self.context = context
    isProfiling = profiling
  }

  /// Sees to it that the device begins with what was enqueued (clFlush).
  /// - Throws: If the driver refuses.
  public func flush() throws(OpenCLError) {
    try driver.call(.clFlush, "a queue on '\(context.device.name)'") {
      $0.clFlush(handle.pointer)
    }
  }

  /// Waits until all that was enqueued has run (clFinish).
  /// - Throws: If a command failed since the last wait, where the driver tells.
  public func finish() throws(OpenCLError) {
    try driver.call(.clFinish, "waiting for a queue on '\(context.device.name)'") {
      $0.clFinish(handle.pointer)
    }
  }

  /// Enqueues nothing but an event, which completes when all that was enqueued before has run
  /// (clEnqueueMarkerWithWaitList).
  /// - Throws: If the driver refuses.
  public func mark(_ event: Event) throws(OpenCLError) {
    try driver.enqueue(.clEnqueueMarkerWithWaitList, event: event, "a marker") {
      $0.clEnqueueMarkerWithWaitList(handle.pointer, 0, nil, $1)
    }
  }
}

extension Queue {
  /// Throws unless a range lies inside the buffer; traps if the buffer is another context's.
  private func check(
    _ buffer: Buffer, _ call: OpenCLCall, _ action: String, offset: Int, bytes: Int
  ) throws(OpenCLError) {
    require(
      buffer.context === context, "\(call.rawValue): the buffer belongs to another context")
    try buffer.check(call, action, offset: offset, bytes: bytes)
  }
}

// MARK: - Reading

extension Queue {
  /// Waits for what was enqueued before, then copies bytes of a buffer to the host.
  ///
  /// - Parameters:
  ///   - buffer: Where to read.
  ///   - offset: Where to begin, in bytes.
  ///   - destination: Where to write; its size says how many bytes.
  ///   - event: Where to leave the command's event.
  /// - Throws: If the range reaches outside the buffer, or a command failed.
  public func read(
    _ buffer: Buffer, at offset: Int = 0, into destination: UnsafeMutableRawBufferPointer,
    event: Event? = nil
  ) throws(OpenCLError) {
    try read(buffer, at: offset, into: destination, blocking: true, event: event)
  }

  /// Waits for what was enqueued before, then copies values of a buffer to the host.
  /// - Parameters:
  ///   - buffer: Where to read.
  ///   - offset: Where to begin, in bytes.
  ///   - count: How many values; nil for as many as there are.
  ///   - type: The type of the values.
  /// - Throws: If the range reaches outside the buffer, or a command failed.
  public func read<Element: BitwiseCopyable>(
    _ buffer: Buffer, at offset: Int = 0, count: Int? = nil, as type: Element.Type = Element.self
  ) throws(OpenCLError) -> [Element] {
    let stride = MemoryLayout<Element>.stride
    let count = count ?? max(0, buffer.bytes - offset) / stride
    try check(buffer, .clEnqueueReadBuffer, "reading", offset: offset, bytes: count * stride)
    guard count > 0 else { return [] }
    var failure: OpenCLError?
    let values = [Element](unsafeUninitializedCapacity: count) { memory, initialized in
      do throws(OpenCLError) {
        try read(
          buffer, at: offset, into: UnsafeMutableRawBufferPointer(memory), blocking: true,
          event: nil)
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return values
  }

  /// Enqueues a copy of a buffer's bytes to the host and returns without waiting for it.
  /// - Parameters:
  ///   - buffer: Where to read.
  ///   - offset: Where to begin, in bytes.
  ///   - destination: Where to write; its size says how many bytes. It must stay allocated, and is
  ///     not to be touched, until the command has run.
  ///   - event: Where to leave the command's event.
  /// - Throws: If the range reaches outside the buffer, or the driver refuses.
  public func enqueueRead(
    _ buffer: Buffer, at offset: Int = 0, into destination: UnsafeMutableRawBufferPointer,
    event: Event? = nil
  ) throws(OpenCLError) {
    try read(buffer, at: offset, into: destination, blocking: false, event: event)
  }

  private func read(
    _ buffer: Buffer, at offset: Int, into destination: UnsafeMutableRawBufferPointer,
    blocking: Bool, event: Event?
  ) throws(OpenCLError) {
    let bytes = destination.count
    try check(buffer, .clEnqueueReadBuffer, "reading", offset: offset, bytes: bytes)
    guard bytes > 0 else { return }
    try driver.enqueue(
      .clEnqueueReadBuffer, event: event,
      "reading \(bytes) bytes at \(offset) of a buffer of \(buffer.bytes)"
    ) {
      $0.clEnqueueReadBuffer(
        handle.pointer, buffer.handle.pointer, blocking ? 1 : 0, offset, bytes,
        destination.baseAddress, 0, nil, $1)
    }
  }
}

// MARK: - Writing

extension Queue {
  /// Copies bytes of the host to a buffer, and waits until the host's may be changed again.
  ///
  /// - Parameters:
  ///   - source: What to write.
  ///   - buffer: Where to write.
  ///   - offset: Where to begin, in bytes.
  ///   - event: Where to leave the command's event.
  /// - Throws: If the range reaches outside the buffer, or a command failed.
  public func write(
    _ source: UnsafeRawBufferPointer, to buffer: Buffer, at offset: Int = 0, event: Event? = nil
  ) throws(OpenCLError) {
    try write(source, to: buffer, at: offset, blocking: true, event: event)
  }

  /// Copies values of the host to a buffer, and waits until that is done.
  /// - Parameters:
  ///   - values: What to write.
  ///   - buffer: Where to write.
  ///   - offset: Where to begin, in bytes.
  /// - Throws: If the range reaches outside the buffer, or a command failed.
  public func write<Element: BitwiseCopyable>(
    _ values: [Element], to buffer: Buffer, at offset: Int = 0
  ) throws(OpenCLError) {
    try values.withUnsafeBufferPointer { values throws(OpenCLError) in
      try write(UnsafeRawBufferPointer(values), to: buffer, at: offset)
    }
  }

  /// Enqueues a copy of the host's bytes to a buffer and returns without waiting for it.
  /// - Parameters:
  ///   - source: What to write. It must stay allocated and unchanged until the command has run.
  ///   - buffer: Where to write.
  ///   - offset: Where to begin, in bytes.
  ///   - event: Where to leave the command's event.
  /// - Throws: If the range reaches outside the buffer, or the driver refuses.
  public func enqueueWrite(
    _ source: UnsafeRawBufferPointer, to buffer: Buffer, at offset: Int = 0, event: Event? = nil
  ) throws(OpenCLError) {
    try write(source, to: buffer, at: offset, blocking: false, event: event)
  }

  private func write(
    _ source: UnsafeRawBufferPointer, to buffer: Buffer, at offset: Int, blocking: Bool,
    event: Event?
  ) throws(OpenCLError) {
    let bytes = source.count
    try check(buffer, .clEnqueueWriteBuffer, "writing", offset: offset, bytes: bytes)
    guard bytes > 0 else { return }
    try driver.enqueue(
      .clEnqueueWriteBuffer, event: event,
      "writing \(bytes) bytes at \(offset) of a buffer of \(buffer.bytes)"
    ) {
      $0.clEnqueueWriteBuffer(
        handle.pointer, buffer.handle.pointer, blocking ? 1 : 0, offset, bytes,
        source.baseAddress, 0, nil, $1)
    }
  }
}

// MARK: - Copying and filling

extension Queue {
  /// Enqueues a copy from one buffer to another (clEnqueueCopyBuffer).
  /// - Parameters:
  ///   - source: Where to read.
  ///   - sourceOffset: Where to begin reading, in bytes.
  ///   - destination: Where to write. The ranges must not overlap.
  ///   - destinationOffset: Where to begin writing, in bytes.
  ///   - bytes: How many bytes; nil for all of the source from where reading begins.
  ///   - event: Where to leave the command's event.
  /// - Throws: If a range reaches outside its buffer, or the driver refuses.
  public func copy(
    _ source: Buffer, from sourceOffset: Int = 0,
    to destination: Buffer, at destinationOffset: Int = 0,
    bytes: Int? = nil, event: Event? = nil
  ) throws(OpenCLError) {
    let bytes = bytes ?? max(0, source.bytes - sourceOffset)
    try check(
      source, .clEnqueueCopyBuffer, "copying from", offset: sourceOffset, bytes: bytes)
    try check(
      destination, .clEnqueueCopyBuffer, "copying to", offset: destinationOffset, bytes: bytes)
    guard bytes > 0 else { return }
    try driver.enqueue(
      .clEnqueueCopyBuffer, event: event,
      "copying \(bytes) bytes from \(sourceOffset) of a buffer of \(source.bytes) to "
        + "\(destinationOffset) of one of \(destination.bytes)"
    ) {
      $0.clEnqueueCopyBuffer(
        handle.pointer, source.handle.pointer, destination.handle.pointer, sourceOffset,
        destinationOffset, bytes, 0, nil, $1)
    }
  }

  /// Enqueues writing one value over and over (clEnqueueFillBuffer).
  /// - Parameters:
  ///   - buffer: Where to write.
  ///   - pattern: The value; its size must be a power of two up to 128 bytes.
  ///   - offset: Where to begin, in bytes, a multiple of the pattern's size.
  ///   - count: How many values; nil for as many as there is room for.
  ///   - event: Where to leave the command's event.
  /// - Throws: If the range reaches outside the buffer, or the driver refuses.
  public func fill<Pattern: BitwiseCopyable>(
    _ buffer: Buffer, with pattern: Pattern, at offset: Int = 0, count: Int? = nil,
    event: Event? = nil
  ) throws(OpenCLError) {
    let size = MemoryLayout<Pattern>.size
    require(size > 0, "a buffer cannot be filled with \(Pattern.self), which has no bytes")
    let bytes = (count ?? max(0, buffer.bytes - offset) / size) * size
    try check(buffer, .clEnqueueFillBuffer, "filling", offset: offset, bytes: bytes)
    guard bytes > 0 else { return }
    try driver.enqueue(
      .clEnqueueFillBuffer, event: event,
      "filling \(bytes) bytes at \(offset) of a buffer of \(buffer.bytes) by \(size)"
    ) { functions, event in
      withUnsafeBytes(of: pattern) {
        functions.clEnqueueFillBuffer(
          handle.pointer, buffer.handle.pointer, $0.baseAddress, size, offset, bytes, 0, nil,
          event)
      }
    }
  }
}
