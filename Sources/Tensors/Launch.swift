package import Compute

// The one way from tensors to a backend: memory is allocated and kernels are launched here, and
// here failures are passed on instead of thrown.

extension Device {
  /// What launches are made through: the device's backend, or a recorder's within a recording.
  private var launching: any Backend {
    Recorder.current.flatMap { $0.backend(for: self) } ?? backend
  }

  /// A new contiguous tensor with unspecified elements, or a failed one.
  func allocate(_ dtype: DType, _ shape: Shape) -> Tensor {
    require(
      supports(dtype), "\(identifier) (\(name)) cannot compute in \(dtype); use float32")
    let byteCount = shape.count * dtype.byteCount
    let storage: Storage
    do {
      storage = try launching.allocate(byteCount: byteCount)
    } catch {
      storage = FailedStorage(byteCount: byteCount, error: error)
    }
    return Tensor(
      buffer: TensorBuffer(storage), dtype: dtype, shape: shape,
      strides: shape.contiguousStrides, offset: 0, device: self)
  }

  /// A new tensor of the given bytes.
  func upload(_ bytes: UnsafeRawBufferPointer, dtype: DType, shape: Shape) -> Tensor {
    let result = allocate(dtype, shape)
    guard !bytes.isEmpty else { return result }
    launch(reading: [], writing: [result.view]) { backend in
      try backend.write(bytes, to: result.view.storage, atByte: 0)
    }
    return result
  }

  /// Launches kernels, unless an operand has failed; then the results fail for the same reason.
  func launch(
    reading operands: [View], writing results: [View], _ body: (any Backend) throws -> Void
  ) {
    let failed =
      operands.first { $0.storage.failure != nil } ?? results.first { $0.storage.failure != nil }
    do {
      if let failure = failed?.storage.failure { throw failure }
      try body(launching)
    } catch {
      for result in results { result.storage.fail(error) }
    }
  }

  /// Launches kernels that write in place, unless an operand has failed.
  ///
  /// Returns why nothing was written, or nil. The target then keeps its old, valid contents.
  package func launchInPlace(
    reading operands: [View], _ body: (any Backend) throws -> Void
  ) -> (any Error)? {
    if let failure = operands.lazy.compactMap(\.storage.failure).first { return failure }
    do {
      try body(launching)
      return nil
    } catch {
      return error
    }
  }
}

/// Stops unless operands are on one device, and returns it.
func commonDevice(_ operation: String, _ tensors: [Tensor]) -> Device {
  let device = tensors[0].device
  for other in tensors.dropFirst() where other.device != device {
    fatalError(
      "\(operation): operands are on two devices, \(device) and \(other.device)")
  }
  return device
}

/// Stops unless operands have one dtype, and returns it.
func commonDType(_ operation: String, _ tensors: [Tensor]) -> DType {
  let dtype = tensors[0].dtype
  for other in tensors.dropFirst() where other.dtype != dtype {
    fatalError(
      "\(operation): operands have two dtypes, \(dtype) and \(other.dtype); convert one with cast(to:)"
    )
  }
  return dtype
}

extension Tensor {
  /// Marks the tensor's contents unusable: reading them throws the error.
  package func fail(_ error: any Error) { view.storage.fail(error) }
}
