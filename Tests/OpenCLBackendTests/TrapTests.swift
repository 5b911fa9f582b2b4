import Compute
import OpenCLBackend
import ReferenceBackend
import Testing

/// A programmer's error stops the program and says what was wrong.
@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct TrapTests {
  private func message(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test func shapesOfAMap() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let bench = try Bench()
      try bench.increment(try bench.view([1, 2]), into: try bench.view([1, 2, 3]))
    }
    #expect(message(result).contains("map: shapes are [[2], [3]]; equal ones were expected"))
  }

  @Test func shapesOfAProduct() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let bench = try Bench()
      let a = try bench.view([1, 2, 3, 4, 5, 6]).with(shape: [2, 3], strides: [3, 1])
      try bench.backend.multiply(a, a, bias: nil, activation: nil, into: a)
    }
    #expect(message(result).contains("multiply: [2, 3] by [2, 3] with operand none into [2, 3]"))
  }

  @Test func rowSumsOfAProduct() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let bench = try Bench()
      let a = try bench.view([1, 2, 3, 4]).with(shape: [2, 2], strides: [2, 1])
      try bench.backend.multiply(
        a, a, epilogue: nil, into: a, rowSums: try bench.view([1, 2, 3]))
    }
    #expect(
      message(result).contains(
        "multiply: the row sums are float32 of shape [3] with strides [1]; float32 of shape [2]"))
  }

  @Test func aTranscendentalOfIntegers() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let bench = try Bench()
      let storage = try bench.view([1, 2]).storage
      let a = View(storage, dtype: .int32, shape: [2])
      try bench.backend.map([Expression.input(0).tanh], of: [.view(a)], into: [a])
    }
    #expect(message(result).contains("tanh came with integers alone"))
  }

  @Test func aViewBeyondItsStorage() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let bench = try Bench()
      let a = try bench.view([1, 2, 3, 4]).with(shape: [3], strides: [1], offset: 2)
      try bench.backend.random(.uniform, key: RandomKey(seed: 1), into: a)
    }
    #expect(message(result).contains("reaches elements 2...4 of a storage of 16 bytes"))
  }

  @Test func anotherBackendsStorage() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let bench = try Bench()
      let storage = try ReferenceBackend().allocate(byteCount: 8)
      try bench.increment(
        View(storage, dtype: .float32, shape: [2]), into: try bench.view([1, 2]))
    }
    #expect(message(result).contains("the OpenCL backend was given another's storage"))
  }

  @Test func channelsThatDoNotDivide() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let bench = try Bench()
      let (x, group) = (try bench.view([1, 2, 3, 4, 5, 6, 7]), try bench.view([1]))
      try bench.backend.normalize(
        x,
        geometry: NormalizationGeometry(
          outer: 1, groups: 1, inner: 7, channels: 2, channelStride: 1),
        mode: .mean, epsilon: 0, scale: try bench.view([1, 2]), shift: nil, activation: nil,
        into: x, mean: group, inverseDeviation: group)
    }
    #expect(
      message(result).contains("2 channels of 1 neighbours do not divide the 7 elements of a model")
    )
  }

  @Test func readingBeyondAStorage() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let bench = try Bench()
      let storage = try bench.view([1, 2]).storage
      var numbers: [Float] = [0, 0]
      try numbers.withUnsafeMutableBytes {
        try bench.backend.read(storage, atByte: 4, into: $0)
      }
    }
    #expect(message(result).contains("read: 8 bytes at byte 4 of a storage of 8"))
  }
}
