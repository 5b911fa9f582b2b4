import Compute
import ReferenceBackend
import Testing

/// A programmer's error stops the program and says what was wrong.
@Suite struct TrapTests {
  private func message(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test func shapesOfAMap() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let rig = Rig()
      let (a, b) = (try rig.zeros([2], .float32), try rig.zeros([3], .float32))
      try rig.backend.map([.input(0)], of: [.view(a)], into: [b])
    }
    #expect(message(result).contains("map: shapes are [[2], [3]]; equal ones were expected"))
  }

  @Test func shapesOfAProduct() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let rig = Rig()
      let a = try rig.zeros([2, 3], .float32)
      try rig.backend.multiply(a, a, bias: nil, activation: nil, into: a)
    }
    #expect(message(result).contains("multiply: [2, 3] by [2, 3] with operand none into [2, 3]"))
  }

  @Test func anEpilogueWithoutItsOperand() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Epilogue(.input(0) * .input(1))
    }
    #expect(message(result).contains("Epilogue: the function has input(1); without an operand"))
  }

  @Test func aTranscendentalOfIntegers() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let rig = Rig()
      let a = try rig.zeros([2], .int32)
      try rig.backend.map([Expression.input(0).tanh], of: [.view(a)], into: [a])
    }
    #expect(message(result).contains("Pointwise: tanh came with integers alone"))
  }

  @Test func argmaxOfNothing() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let rig = Rig()
      try rig.backend.reduce(
        .argmax, of: .input(0), operands: [.view(try rig.zeros([2, 0], .float32))], axes: [1],
        scale: 1, into: try rig.zeros([2, 1], .int32))
    }
    #expect(
      message(result).contains("reduce argmax: there are no elements along axes [1] of [2, 0]"))
  }

  @Test func aViewBeyondItsStorage() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let rig = Rig()
      let a = try rig.zeros([4], .float32)
      try rig.backend.random(
        .uniform, key: RandomKey(seed: 1), into: a.with(shape: [3], strides: [1], offset: 2))
    }
    #expect(message(result).contains("reaches elements 2...4 of a storage of 4"))
  }

  @Test func channelsThatDoNotDivide() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let rig = Rig()
      let (x, group) = (try rig.zeros([7], .float32), try rig.zeros([1], .float32))
      try rig.backend.normalize(
        x,
        geometry: NormalizationGeometry(
          outer: 1, groups: 1, inner: 7, channels: 2, channelStride: 1),
        mode: .mean, epsilon: 0, scale: try rig.zeros([2], .float32), shift: nil, activation: nil,
        into: x, mean: group, inverseDeviation: group)
    }
    #expect(
      message(result).contains("2 channels of 1 neighbours do not divide the 7 elements of a model")
    )
  }
}
