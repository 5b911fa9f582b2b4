import Compute
import Tensors
import TestSupport
import Testing

@Suite struct MatMulTests {
  /// The product, as its definition has it: rows of a by columns of b, leading axes broadcast.
  private func product(_ a: HostArray, _ b: HostArray) -> HostArray {
    let (m, k, n) = (a.shape[-2], a.shape[-1], b.shape[-1])
    func batch(_ x: HostArray) -> Shape { Shape(x.shape.dimensions.dropLast(2)) }
    let leading = batch(a).broadcast(with: batch(b)) ?? .scalar
    return HostArray(Shape(leading.dimensions + [m, n])) { index in
      func element(_ x: HostArray, _ row: Int, _ column: Int) -> Double {
        let own = zip(index.dropLast(2).suffix(batch(x).rank), batch(x).dimensions)
          .map { $1 == 1 ? 0 : $0 }
        return x[own + [row, column]]
      }
      let (row, column) = (index[index.count - 2], index[index.count - 1])
      return (0..<k).reduce(0) { $0 + element(a, row, $1) * element(b, $1, column) }
    }
  }

  private func transposed(_ x: HostArray) -> HostArray {
    let shape = Shape(x.shape.dimensions.dropLast(2) + [x.shape[-1], x.shape[-2]])
    return HostArray(shape) { index in
      x[index.dropLast(2) + [index[index.count - 1], index[index.count - 2]]]
    }
  }

  /// The sum over the axes along which a shape was broadcast.
  private func summed(_ x: HostArray, to shape: Shape) -> HostArray {
    if x.shape == shape { return x }
    return HostArray(shape) { own in
      HostArray.indices(of: x.shape).filter { index in
        zip(index.suffix(own.count), zip(own, shape.dimensions))
          .allSatisfy { $0 == $1.0 || $1.1 == 1 }
      }.reduce(0) { $0 + x[$1] }
    }
  }

  private static let shapes: [(Shape, Shape)] = [
    ([1, 1], [1, 1]), ([3, 17], [17, 5]), ([33, 7], [7, 65]), ([65, 33], [33, 3]),
    ([1, 127], [127, 9]),
    ([9, 1], [1, 9]), ([0, 3], [3, 2]), ([3, 0], [0, 2]), ([3, 2], [2, 0]),
    ([3, 5, 7], [3, 7, 2]), ([3, 5, 7], [7, 2]), ([5, 7], [3, 7, 2]), ([2, 1, 4, 5], [3, 5, 6]),
    ([0, 4, 5], [5, 6]), ([2, 0, 5], [5, 6]),
  ]

  @Test("Products of whole numbers are exact, however the operands lie", arguments: Setting.all)
  func products(setting: Setting) throws {
    var random = SeededGenerator(1)
    for (left, right) in Self.shapes {
      let (a, b) = (random.whole(left), random.whole(right))
      let expected = product(a, b)
      for first in SampleInput.Layout.allCases {
        for second in setting.chosen(SampleInput.Layout.allCases) {
          try expectClose(
            setting.tensor(a, first).matmul(setting.tensor(b, second)), expected, .exact,
            "\(left) by \(right), \(first) by \(second)")
        }
      }
    }
  }

  @Test("Gradients of products are products with the other's transpose", arguments: Setting.all)
  func gradients(setting: Setting) throws {
    var random = SeededGenerator(2)
    for (left, right) in setting.chosen(Self.shapes) {
      let (a, b) = (random.whole(left), random.whole(right))
      let cotangent = random.whole(product(a, b).shape)
      let (_, pullback) = valueWithPullback(at: [setting.tensor(a), setting.tensor(b)]) {
        $0[0].matmul($0[1])
      }
      let gradients = pullback(setting.tensor(cotangent))
      let label = "\(left) by \(right)"
      try expectClose(
        gradients[0], summed(product(cotangent, transposed(b)), to: left), .exact, label)
      try expectClose(
        gradients[1], summed(product(transposed(a), cotangent), to: right), .exact, label)
    }
  }

  @Test("A vector is a row on the left and a column on the right", arguments: Setting.all)
  func vectors(setting: Setting) throws {
    let x = setting.tensor([1, 2, 3])
    let matrix = setting.tensor([[1, 0, 2], [0, 1, -1], [3, 1, 0]])
    try expectEqual(x.matmul(x), [], [14])
    try expectEqual(x.matmul(matrix), [3], [10, 5, 0])
    try expectEqual(matrix.matmul(x), [3], [7, -1, 5])
    let batch = setting.tensor([1, 0, 0, 0, 1, 0], [2, 1, 3])
    try expectEqual(batch.matmul(x), [2, 1], [1, 2])
    try expectEqual(x.matmul(batch.transposed()), [2, 1], [1, 2])
    let (_, gradients) = valueWithGradient(at: x, matrix) { $0.matmul($1.matmul($0)) }
    // (A + Aᵀ)x and x xᵀ.
    try expectEqual(gradients.0, [3], [17, 4, 5])
    try expectEqual(gradients.1, [3, 3], [1, 2, 3, 2, 4, 6, 3, 6, 9])
  }

  @Test("Transposed operands are read in place", arguments: TestDevices.all)
  func transposedOperands(device: Device) throws {
    let device = try Device.unshared(device.identifier)
    let here = Setting(device, .float32)
    let (a, b) = (here.range([5, 7]), here.range([5, 3]))
    _ = a.transposed().matmul(b)
    _ = b.transposed().matmul(a).transposed().matmul(b.transposed())
    #expect(device.statistics.packs == 0)
  }

  @Test("A fully connected layer is one product, with bias and activation", arguments: Setting.all)
  func fullyConnected(setting: Setting) throws {
    var random = SeededGenerator(3)
    for lead in [[5], [2, 3], [], [0]] as [[Int]] {
      let x = random.whole(Shape(lead + [7]))
      let weight = random.whole([4, 7])
      let bias = random.whole([4])
      func expected(_ hasBias: Bool, _ isReLU: Bool) -> HostArray {
        HostArray(Shape(lead + [4])) { index in
          let unit = index[index.count - 1]
          let sum = (0..<7).reduce(hasBias ? bias[[unit]] : 0) {
            $0 + x[index.dropLast() + [$1]] * weight[[unit, $1]]
          }
          return isReLU ? Swift.max(0, sum) : sum
        }
      }
      func check(in setting: Setting) throws {
        let (input, w, b) = (setting.tensor(x), setting.tensor(weight), setting.tensor(bias))
        try expectClose(linear(input, weight: w, bias: nil), expected(false, false))
        try expectClose(linear(input, weight: w, bias: b), expected(true, false))
        try expectClose(
          linear(input, weight: w, bias: b, activation: .relu), expected(true, true))
      }
      try check(in: setting)
      let watched = WatchedBackend()
      try check(in: Setting(watched.device, .float32))
      #expect(watched.count(.multiply) == (lead == [0] ? 0 : 3))
      #expect(watched.count(.map) == 0)
    }
  }

  @Test("Without inputs a layer gives its bias", arguments: Setting.all)
  func noInputs(setting: Setting) throws {
    let y = linear(
      .zeros([2, 0], dtype: setting.dtype, on: setting.device),
      weight: .zeros([3, 0], dtype: setting.dtype, on: setting.device),
      bias: setting.tensor([1, -2, 3]), activation: .relu)
    try expectEqual(y, [2, 3], [1, 0, 3, 1, 0, 3])
  }

  @Test("An activation in the layer has the gradients of one behind it", arguments: Setting.all)
  func activationGradients(setting: Setting) throws {
    var random = SeededGenerator(4)
    let (x, weight, bias) = (
      random.tensor([5, 7], setting), random.tensor([4, 7], setting), random.tensor([4], setting)
    )
    let cotangent = random.tensor([5, 4], setting)
    // One that keeps its output, one that keeps its input, and one without a stated derivative.
    for activation in [Activation.tanh, .leakyReLU(), .square] {
      let (fused, fusedBack) = valueWithPullback(at: [x, weight, bias]) {
        linear($0[0], weight: $0[1], bias: $0[2], activation: activation)
      }
      let (plain, plainBack) = valueWithPullback(at: [x, weight, bias]) {
        activation(linear($0[0], weight: $0[1], bias: $0[2]))
      }
      let tolerance = Tolerance.norm(16 * setting.epsilon)
      try expectClose(fused, try plain.array(), tolerance, activation.name)
      for (first, second) in zip(fusedBack(cotangent), plainBack(cotangent)) {
        #expect(first.shape == second.shape)
        try expectClose(first, try second.array(), tolerance, activation.name)
      }
    }
  }
}
