import Compute
import Tensors
import TestSupport
import Testing

@Suite struct TensorReadingTests {
  @Test("Elements are read into any Swift number", arguments: TestDevices.all)
  func arrays(device: Device) throws {
    let x = Tensor([[1.75, -2.25], [300, 0]], on: device)
    #expect(try x.array(of: Float.self) == [1.75, -2.25, 300, 0])
    #expect(try x.array(of: Double.self) == [1.75, -2.25, 300, 0])
    #expect(try x.array(of: Int.self) == [1, -2, 300, 0])
    #expect(try x.array(of: Int32.self) == [1, -2, 300, 0])
    #expect(try x.array(of: UInt8.self) == [1, 0, 255, 0])
    #expect(try x.transposed().array(of: Int64.self) == [1, 300, -2, 0])
    #expect(try x[1].array(of: Float.self) == [300, 0])
    #expect(try x.broadcast(to: [2, 2, 2]).array(of: Int.self) == [1, -2, 300, 0, 1, -2, 300, 0])
    let inferred: [Float] = try x[0].array()
    #expect(inferred == [1.75, -2.25])
  }

  @Test("Views are read from where they begin", arguments: TestDevices.all)
  func offsets(device: Device) throws {
    for dtype in DType.allCases where device.supports(dtype) {
      let x = Tensor.range(100, dtype: dtype, on: device)
      #expect(try x[40..<43].array(of: Int.self) == [40, 41, 42])
      #expect(try x[97].item(of: Int.self) == 97)
      #expect(
        try x[40..<43].bytes()
          == Array(try x.bytes()[(40 * dtype.byteCount)..<(43 * dtype.byteCount)]))
      #expect(
        try x.slice(axis: 0, 40..<46, by: 2).bytes()
          == [40, 42, 44].flatMap {
            try x[$0].bytes()
          })
    }
  }

  @Test("One element is read by itself, whatever the shape", arguments: TestDevices.all)
  func items(device: Device) throws {
    #expect(try Tensor(2.5, on: device).item(of: Double.self) == 2.5)
    #expect(try Tensor([[[7]]].flatMap { $0 }, dtype: .int64, on: device).item(of: Int.self) == 7)
    let inferred: Float = try Tensor([3], on: device).item()
    #expect(inferred == 3)
  }

  @Test(
    "Waiting is counted, and throws nothing where nothing went wrong", arguments: TestDevices.all)
  func waiting(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let x = Tensor([1, 2], on: device) + 1
    let before = device.statistics.waits
    try x.wait()
    #expect(device.statistics.waits == before + 1)
    _ = x * 2 + 1
    #expect(device.statistics.waits == before + 1)
    _ = try x.array(of: Float.self)
    #expect(device.statistics.waits > before + 1)
  }

  @Test("A tracked tensor is read as any other")
  func tracked() throws {
    let x = Tensor([[1, 2], [3, 4]], on: .reference)
    _ = try valueWithGradient(at: x) { x in
      #expect((try? x.transposed().array(of: Int.self)) == [1, 3, 2, 4])
      #expect((try? x.transposed().bytes().count) == 16)
      return x.sum()
    }.gradient.wait()
  }

  // MARK: Printing

  @Test("Tensors are printed with shape, dtype and device", arguments: TestDevices.all)
  func printing(device: Device) {
    let name = device.identifier
    #expect(
      "\(Tensor([[1, 2], [3, -4]], on: device))" == """
        Tensor(shape: [2, 2], dtype: float32, device: \(name))
        [[ 1.,  2.],
         [ 3., -4.]]
        """)
    #expect(
      "\(Tensor([1, 22, -3], dtype: .int32, on: device))" == """
        Tensor(shape: [3], dtype: int32, device: \(name))
        [ 1, 22, -3]
        """)
    #expect(
      "\(Tensor(2.5, on: device))" == """
        Tensor(shape: [], dtype: float32, device: \(name))
        2.5
        """)
    #expect(
      "\(Tensor.zeros([2, 0], on: device))" == """
        Tensor(shape: [2, 0], dtype: float32, device: \(name))
        [[],
         []]
        """)
    #expect(
      "\(Tensor.range(8, on: device).reshaped(to: [2, 2, 2]))" == """
        Tensor(shape: [2, 2, 2], dtype: float32, device: \(name))
        [[[0., 1.],
          [2., 3.]],

         [[4., 5.],
          [6., 7.]]]
        """)
  }

  @Test("Of long axes the edges are printed, and only they are read", arguments: TestDevices.all)
  func edges(device: Device) {
    let name = device.identifier
    #expect(
      "\(Tensor.range(1000, dtype: .int64, on: device))" == """
        Tensor(shape: [1000], dtype: int64, device: \(name))
        [  0,   1,   2, …, 997, 998, 999]
        """)
    #expect(
      "\(Tensor.range(6, dtype: .int64, on: device))" == """
        Tensor(shape: [6], dtype: int64, device: \(name))
        [0, 1, 2, 3, 4, 5]
        """)
    #expect(
      "\(Tensor.range(56, dtype: .int32, on: device).reshaped(to: [7, 8]).transposed())" == """
        Tensor(shape: [8, 7], dtype: int32, device: \(name))
        [[ 0,  8, 16, …, 32, 40, 48],
         [ 1,  9, 17, …, 33, 41, 49],
         [ 2, 10, 18, …, 34, 42, 50],
         …,
         [ 5, 13, 21, …, 37, 45, 53],
         [ 6, 14, 22, …, 38, 46, 54],
         [ 7, 15, 23, …, 39, 47, 55]]
        """)
  }

  @Test("Numbers of any size are printed readably")
  func numbers() {
    func printed(_ values: [Double], _ dtype: DType = .float64) -> String {
      let text = "\(Tensor(values, dtype: dtype, on: .reference))"
      return String(text.split(separator: "\n")[1])
    }
    #expect(printed([0.1]) == "[0.1]")
    #expect(printed([0.1], .float32) == "[0.1]")
    #expect(printed([1.0 / 3]) == "[0.3333]")
    #expect(printed([-0.0, .nan, .infinity]) == "[-0., nan, inf]")
    #expect(printed([123_456]) == "[123456.]")
    #expect(printed([0.0123456]) == "[0.0123]")
    #expect(printed([0.00123456]) == "[0.001235]")
    #expect(printed([-0.00007123456]) == "[-7.123e-05]")
    #expect(printed([0.00007], .float32) == "[7e-05]")
    #expect(printed([0.00999999]) == "[0.01]")
    #expect(printed([16_777_217]) == "[16777217.]")
    #expect(printed([1e30]) == "[1e+30]")
    #expect(printed([1.23456e30], .float32) == "[1.235e+30]")
    #expect(printed([1.5e-300]) == "[1.5e-300]")
    #expect(printed([.leastNonzeroMagnitude]) == "[5e-324]")
  }
}
