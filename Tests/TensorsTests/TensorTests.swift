import Compute
import Tensors
import TestSupport
import Testing

@Suite struct TensorTests {
  @Test("Tensors are made of numbers, rows, scalars and bytes", arguments: TestDevices.all)
  func making(device: Device) throws {
    let vector = Tensor([1, 2.5], on: device)
    #expect(vector.dtype == .float32)
    #expect(vector.device == device)
    #expect(vector.rank == 1)
    #expect(vector.count == 2)
    try expectEqual(vector, [2], [1, 2.5])
    try expectEqual(Tensor([[1, 2, 3], [4, 5, 6]], on: device), [2, 3], [1, 2, 3, 4, 5, 6])
    try expectEqual(Tensor(7, dtype: .int32, on: device), [], [7])
    try expectEqual(Tensor([Double](), on: device), [0], [])
    try expectEqual(Tensor([[Double]](), on: device), [0, 0], [])
    try expectEqual(Tensor([[], []], on: device), [2, 0], [])
    try expectEqual(Tensor([5, 6], shape: [2, 1], on: device), [2, 1], [5, 6])
    let bytes: [UInt8] = [0, 0, 128, 63, 0, 0, 0, 192]
    let fromBytes = bytes.withUnsafeBytes {
      Tensor(bytes: $0, dtype: .float32, shape: [2], on: device)
    }
    try expectEqual(fromBytes, [2], [1, -2])
    #expect(try fromBytes.bytes() == bytes)
    #expect(try Tensor([Double](), on: device).bytes() == [])
  }

  @Test("A tensor has the dtype of the numbers it is made of, unless another is named")
  func dtypes() throws {
    #expect(Tensor([1], shape: [1], on: .reference).dtype == .int64)
    #expect(Tensor([Float(1)], shape: [1], on: .reference).dtype == .float32)
    #expect(Tensor([1.0], shape: [1], on: .reference).dtype == .float64)
    #expect(Tensor([Int32(1)], shape: [1], on: .reference).dtype == .int32)
    #expect(Tensor([UInt8(1)], shape: [1], on: .reference).dtype == .uint8)
    #expect(Tensor([1.0], on: .reference).dtype == .float32)
    let x = Tensor([Int64.max, -3], shape: [2], on: .reference)
    #expect(try x.array(of: Int64.self) == [Int64.max, -3])
  }

  @Test("Filled tensors of every dtype", arguments: TestDevices.all)
  func filled(device: Device) throws {
    for dtype in DType.allCases where device.supports(dtype) {
      let full = Tensor.full([2, 3], 3, dtype: dtype, on: device)
      #expect(full.dtype == dtype)
      try expectClose(full.cast(to: .float32), [3, 3, 3, 3, 3, 3])
      #expect(try Tensor.zeros([2], dtype: dtype, on: device).array(of: Double.self) == [0, 0])
      #expect(try Tensor.ones([], dtype: dtype, on: device).array(of: Double.self) == [1])
      #expect(
        try Tensor.range(5, dtype: dtype, on: device).array(of: Double.self) == [0, 1, 2, 3, 4])
    }
    try expectEqual(Tensor.range(0, on: device), [0], [])
  }

  @Test("Tensors without elements take no launch and no memory", arguments: TestDevices.all)
  func empty(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let x = Tensor.zeros([0, 3], on: device)
    let y = Tensor([Double](), on: device)
    let results = [
      x + 1, x.exp, x.transposed(), x.sum(axes: [1]), x.matmul(.zeros([3, 0], on: device)),
      relu(x), concatenate([x, x], axis: 0), x[0..<0], x.reshaped(to: [3, 0]),
      .uniform([0], key: RandomKey(seed: 1), on: device), x.cast(to: .int32), y,
      linear(x, weight: .zeros([0, 3], on: device), bias: nil),
      x.gather(x.sum(axes: [1]).cast(to: .int32)),
      dropout(x, probability: 0.5, key: RandomKey(seed: 1)),
    ]
    for result in results {
      #expect(result.count == 0)
      #expect(try result.array(of: Double.self).isEmpty)
    }
    #expect(device.statistics.launches == 0)
    #expect(device.statistics.liveBytes == 0)
  }

  @Test(
    "A tensor's value outlives whatever happens to others that share its memory",
    arguments: Setting.all)
  func values(setting: Setting) throws {
    var view: Tensor?
    do {
      let x = setting.range([4, 3])
      view = x[1..<3, .all].transposed()
    }
    // Memory that was freed meanwhile is used again.
    for _ in 0..<8 { _ = Tensor.ones([4, 3], dtype: setting.dtype, on: setting.device) }
    try expectEqual(try #require(view), [3, 2], [3, 6, 4, 7, 5, 8])
  }

  @Test("Bytes of another dtype are converted on the host")
  func converting() throws {
    let values: [Float] = [1.5, -2, 300]
    for (dtype, expected) in [
      (DType.float32, [1.5, -2, 300]), (.float64, [1.5, -2, 300]), (.int32, [1, -2, 300]),
      (.uint8, [1, 0, 255]), (.float16, [1.5, -2, 300]), (.bfloat16, [1.5, -2, 300]),
    ] {
      let tensor = values.withUnsafeBytes {
        Tensor.converting($0, from: .float32, shape: [3], to: dtype, on: .reference)
      }
      #expect(tensor.dtype == dtype)
      #expect(try tensor.array(of: Double.self) == expected)
      // And from there on as the host reads them.
      let bytes = try tensor.bytes()
      let back = bytes.withUnsafeBytes {
        Tensor.converting($0, from: dtype, shape: [3], to: .float64, on: .reference)
      }
      #expect(try back.array(of: Double.self) == expected)
    }
  }

  @Test("Detaching leaves the value and ends the differentiation")
  func detaching() throws {
    let x = Tensor([1, 2], on: .reference)
    #expect(!x.isTracked)
    let (_, gradient) = valueWithGradient(at: x) { x in
      #expect(x.isTracked)
      #expect((x * 2).isTracked)
      #expect(!x.detached.isTracked)
      return (x * x.detached).sum()
    }
    #expect(!gradient.isTracked)
    try expectEqual(gradient, [2], [1, 2])
  }
}
