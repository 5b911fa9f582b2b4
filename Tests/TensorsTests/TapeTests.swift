import Compute
import Tensors
import TestSupport
import Testing

@Suite struct TapeTests {
  @Test("A tensor that is used several times has the sum of its gradients", arguments: Setting.all)
  func repeatedUse(setting: Setting) throws {
    let x = setting.tensor([1, 2, 3])
    let (value, gradient) = valueWithGradient(at: x) { x in
      let y = x * x
      return (y + y * 3 + x + x.reshaped(to: [3, 1]).squeezed() * 2).sum()
    }
    #expect(try value.item(of: Double.self) == 74)
    try expectEqual(gradient, [3], [11, 19, 27])
  }

  @Test("What the value does not depend on has a gradient of zero", arguments: Setting.all)
  func independence(setting: Setting) throws {
    let (x, y) = (setting.tensor([1, 2]), setting.tensor([[3, 4], [5, 6]]))
    let (_, gradients) = valueWithGradient(at: [x, y]) { inputs in
      _ = inputs[1] * 2
      return inputs[0].sum()
    }
    try expectEqual(gradients[0], [2], [1, 1])
    try expectEqual(gradients[1], [2, 2], [0, 0, 0, 0])
    #expect(gradients[1].dtype == setting.dtype)
    let (value, gradient) = valueWithGradient(at: x) { _ in y.sum() }
    #expect(try value.item(of: Double.self) == 18)
    try expectEqual(gradient, [2], [0, 0])
  }

  @Test("Only what leads to an argument is computed back")
  func onlyWhatIsNeeded() throws {
    let watched = WatchedBackend()
    let here = Setting(watched.device, .float64)
    let (a, b) = (here.range([3, 4]), here.range([4, 5]))
    let (value, pullback) = valueWithPullback(at: [a]) { x in
      // A branch that leads nowhere, and a constant operand that needs no gradient.
      _ = x[0].exp.matmul(b).exp
      return x[0].matmul(b)
    }
    watched.forget()
    _ = pullback(.ones(value.shape, dtype: .float64, on: here.device))
    #expect(watched.count(.multiply) == 1)
    // The cotangent of ones alone.
    #expect(watched.count(.map) == 1)
  }

  @Test("A derivative is multiplied in the launch behind it, unless several gradients meet there")
  func launches() throws {
    let watched = WatchedBackend()
    let here = Setting(watched.device, .float64)
    let (x, a, b) = (here.range([2, 3]), here.range([4, 3]), here.range([5, 4]))
    func maps(_ function: ([Tensor]) -> Tensor) -> Int {
      let (value, pullback) = valueWithPullback(at: [x, a, b], of: function)
      let cotangent = Tensor.ones(value.shape, dtype: .float64, on: here.device)
      watched.forget()
      _ = pullback(cotangent)
      return watched.count(.map)
    }
    func layer(_ x: [Tensor]) -> Tensor {
      linear(x[0], weight: x[1], bias: nil, activation: .relu)
    }
    #expect(maps { linear(layer($0), weight: $0[2], bias: nil) } == 0)
    #expect(maps { Activation.square(layer($0)).matmul($0[2].transposed()) } == 1)
    // What else is computed from the layer does not count if the value does not depend on it.
    let unused = maps { inputs in
      let y = layer(inputs)
      _ = y.exp
      return linear(y, weight: inputs[2], bias: nil)
    }
    #expect(unused == 0)
    // A sum of gradients, and the derivative.
    let twice = maps { inputs in
      let y = layer(inputs)
      return linear(y, weight: inputs[2], bias: nil).sum() + y.sum()
    }
    #expect(twice == 2)
  }

  @Test("A layer's bias has its gradient from the launch of the weight's")
  func biasGradient() throws {
    let watched = WatchedBackend()
    let here = Setting(watched.device, .float64)
    let (x, weight, bias) = (here.range([2, 3, 3]), here.range([4, 3]), here.range([4]))
    for needed in [[0, 1, 2], [1, 2], [2]] {
      let inputs = [x, weight, bias]
      let (value, pullback) = valueWithPullback(at: needed.map { inputs[$0] }) { tracked in
        var all = inputs
        for (position, input) in needed.enumerated() { all[input] = tracked[position] }
        return linear(all[0], weight: all[1], bias: all[2])
      }
      let cotangent = here.range([2, 3, 4])
      watched.forget()
      let gradients = pullback(cotangent)
      #expect(watched.count(.multiply) == needed.count - 1)
      #expect(watched.count(.reduce) == (needed == [2] ? 1 : 0))
      try expectEqual(
        gradients[needed.count - 1], [4], cotangent.sum(axes: [0, 1]).array(of: Double.self))
      #expect(value.shape == [2, 3, 4])
    }
  }

  @Test("A pullback may be used again, and is linear", arguments: Setting.all)
  func repeatedPullback(setting: Setting) throws {
    let x = setting.tensor([1, 2])
    let (_, pullback) = valueWithPullback(at: [x]) { $0[0] * $0[0] }
    try expectEqual(pullback(setting.tensor([1, 10]))[0], [2], [2, 40])
    try expectEqual(pullback(setting.tensor([2, 20]))[0], [2], [4, 80])
    try expectEqual(pullback(setting.tensor([0, 0]))[0], [2], [0, 0])
  }

  /// Layers with an activation, and what follows each.
  private static let followed: [(name: String, function: @Sendable ([Tensor], Bool) -> Tensor)] = {
    /// The result of a layer as it is or, to the same values, of an operation that no derivative
    /// reaches through.
    @Sendable func result(_ y: Tensor, _ isHidden: Bool) -> Tensor { isHidden ? y * 1 : y }
    return [
      (
        "a product",
        { x, isHidden in
          let y = linear(x[0].reshaped(to: [6, 8]), weight: x[1], bias: nil, activation: .relu)
          return result(y, isHidden).matmul(x[2])
        }
      ),
      (
        "a product of vectors of a sequence",
        { x, isHidden in
          let y = linear(x[0].reshaped(to: [2, 3, 8]), weight: x[1], bias: nil, activation: .relu)
          return linear(result(y, isHidden), weight: x[2].transposed(), bias: nil)
        }
      ),
      (
        "a product with itself",
        { x, isHidden in
          let y = linear(x[0].reshaped(to: [6, 8]), weight: x[1], bias: nil, activation: .relu)
          let z = result(y, isHidden)
          return z.matmul(z.transposed())
        }
      ),
      (
        "a product, after an activation that keeps its input",
        { x, isHidden in
          let y = Activation.square(x[0].reshaped(to: [6, 8]).matmul(x[1].transposed()))
          return result(y, isHidden).matmul(x[2])
        }
      ),
      (
        "a product of matrices that are broadcast",
        { x, isHidden in
          let y = Activation.relu(x[0].reshaped(to: [1, 6, 8]))
          return result(y, isHidden).matmul(x[1].reshaped(to: [2, 8, 4])) * 2
        }
      ),
      (
        "a convolution",
        { x, isHidden in
          let y = conv2d(
            x[0].reshaped(to: [2, 1, 6, 4]), weight: x[1].reshaped(to: [4, 1, 4, 4]), padding: 2,
            activation: .relu)
          return conv2d(result(y, isHidden), weight: x[2].reshaped(to: [2, 4, 1, 5]), stride: 2)
        }
      ),
      (
        "a transposed convolution of a sequence",
        { x, isHidden in
          let y = conv1d(
            x[0].reshaped(to: [2, 1, 24]), weight: x[2].reshaped(to: [4, 1, 10]),
            activation: .relu)
          let images = result(y, isHidden).reshaped(to: [2, 4, 1, 15])
          return convTranspose2d(images, weight: x[1].reshaped(to: [4, 4, 2, 2]), stride: 2)
        }
      ),
      (
        "pooling",
        { x, isHidden in
          let y = conv2d(
            x[0].reshaped(to: [2, 1, 6, 4]), weight: x[1].reshaped(to: [4, 1, 4, 4]), padding: 2,
            activation: .relu)
          return maxPool2d(result(y, isHidden), window: 2)
        }
      ),
      (
        "averages of rows",
        { x, isHidden in
          averagePool1d(result(Activation.relu(x[0].reshaped(to: [6, 8])), isHidden), window: 2)
        }
      ),
    ]
  }()

  @Test("What follows a layer multiplies by its activation's derivative", arguments: Setting.all)
  func derivatives(setting: Setting) throws {
    var random = SeededGenerator(12)
    let arrays = [random.whole([48]), random.whole([8, 8]), random.whole([8, 5])]
    for (name, function) in setting.chosen(Self.followed) {
      func gradients(isHidden: Bool) throws -> [[Double]] {
        let (value, pullback) = valueWithPullback(at: arrays.map { setting.tensor($0) }) {
          function($0, isHidden)
        }
        return try pullback(setting.range(value.shape)).map { try $0.array(of: Double.self) }
      }
      #expect(try gradients(isHidden: false) == gradients(isHidden: true), "\(name)")
    }
  }

  @Test(
    "Chains of 100,000 operations are recorded, walked and released", arguments: TestDevices.all)
  func longChains(device: Device) throws {
    let count = 100_000
    let x = Tensor([1], dtype: .float32, on: device)
    // Views record as well, and cost no launch.
    let (value, gradient) = valueWithGradient(at: x) { x in
      var y = x
      for step in 0..<count { y = y.reshaped(to: step % 2 == 0 ? [1, 1] : [1]) }
      return (y * 3).sum()
    }
    #expect(try value.item(of: Double.self) == 3)
    try expectEqual(gradient, [1], [3])
  }

  @Test("A chain of launches releases its memory in one go")
  func longArithmetic() throws {
    let device = Device.unsharedReference()
    let x = Tensor([1], dtype: .float64, on: device)
    func gradient() throws -> [Double] {
      try valueWithGradient(at: x) { x in
        var y = x
        for _ in 0..<20_000 { y = y + x * 0.5 }
        return y
      }.gradient.array()
    }
    #expect(try gradient() == [10_001])
    #expect(device.statistics.liveStorages == 1)
  }

  @Test("Nothing is recorded outside of a differentiation")
  func outside() throws {
    let device = Device.unsharedReference()
    let x = Tensor([1, 2], on: device)
    var y = x
    for _ in 0..<100 { y = y + x }
    #expect(!y.isTracked)
    #expect(device.statistics.liveStorages == 2)
    try expectEqual(y, [2], [101, 202])
  }

  @Test("A tensor that left its differentiation is a constant in the next", arguments: Setting.all)
  func escapes(setting: Setting) throws {
    let x = setting.tensor([1, 2])
    var escaped: Tensor?
    _ = valueWithGradient(at: x) { x in
      escaped = x * 3
      return x.sum()
    }
    let kept = try #require(escaped).detached
    let (_, gradient) = valueWithGradient(at: x) { ($0 * kept).sum() }
    try expectEqual(gradient, [2], [3, 6])
  }

  @Test(
    "Gradients of operands that were broadcast have the operands' shapes", arguments: Setting.all)
  func broadcasting(setting: Setting) throws {
    let shapes: [Shape] = [[], [3], [1, 3], [2, 1], [4, 1, 1], [4, 2, 3], [1, 1, 1]]
    var random = SeededGenerator(1)
    let arrays = shapes.map { random.whole($0) }
    let (_, gradients) = valueWithGradient(at: arrays.map { setting.tensor($0) }) { tensors in
      tensors.dropFirst().reduce(tensors[0]) { $0 + $1 }
    }
    for (gradient, shape) in zip(gradients, shapes) {
      let count = Double(24 / shape.count)
      try expectClose(gradient, HostArray(shape) { _ in count })
    }
  }
}
