import Compute
import Tensors
import TestSupport
import Testing

/// Failures travel with values: no operation throws, reading does.
@Suite struct LaunchTests {
  /// A device with room for `count` float64 numbers.
  private func device(roomFor count: Int) -> Device { .unsharedReference(byteLimit: 8 * count) }

  @Test("A tensor for which there is no room carries the error until it is read")
  func outOfMemory() throws {
    let device = device(roomFor: 100)
    let x = Tensor.ones([101], dtype: .float64, on: device)
    #expect(x.shape == [101])
    for read in [
      { _ = try x.array(of: Double.self) }, { try x.wait() }, { _ = try x.bytes() },
      { _ = try x.sum().item(of: Double.self) },
    ] {
      let error = #expect(throws: BackendError.self) { try read() }
      #expect(error?.kind == .outOfMemory)
      #expect(error?.message.contains("808 bytes were wanted under a limit of 800 bytes") == true)
    }
    #expect("\(x)".contains("failed: out of memory: 808 bytes"))
    // What was freed can be had again.
    try expectClose(
      Tensor.ones([100], dtype: .float64, on: device), [Double](repeating: 1, count: 100))
  }

  @Test("What is computed from a failed tensor fails for the same reason, without a launch")
  func failuresTravel() throws {
    let watched = WatchedBackend()
    let device = watched.device
    let whole = Tensor([[1, 2], [3, 4]], dtype: .float64, on: device)
    let labels = Tensor([0, 1], dtype: .int32, on: device)
    watched.refuse { call, number in call == .allocate && number == 0 }
    let failed = whole + 1
    watched.forget()
    let vector = whole[0]
    let results = [
      failed + whole, whole * failed, failed.exp, failed.sum(), failed.max(axes: [0]),
      failed.argmax(axis: 0), failed.matmul(whole), whole.matmul(failed), failed.transposed(),
      failed[0], failed.reshaped(to: [4]), failed.transposed().contiguous(),
      concatenate([whole, failed], axis: 0), failed.cast(to: .float32), relu(failed),
      failed.gather(labels), whole.gather(failed[0].cast(to: .int32)), crossEntropy(failed, labels),
      crossEntropyPerExample(whole, failed[0].cast(to: .int32)), meanSquaredError(whole, failed),
      dropout(failed, probability: 0.5, key: RandomKey(seed: 1)),
      linear(whole, weight: whole, bias: failed[0], activation: .tanh),
      normalize(failed, geometry: .batch([2, 2]), mode: .meanAndVariance, epsilon: 1e-5).output,
      normalize(
        whole, geometry: .batch([2, 2]), mode: .meanAndVariance, epsilon: 1e-5, scale: failed[0],
        shift: vector
      ).mean,
      fused(whole, failed) { $0 * $1 }, failed.variance(), maxPool2d(failed, window: 2),
      conv2d(failed.reshaped(to: [1, 1, 2, 2]), weight: whole.reshaped(to: [1, 1, 2, 2])),
    ]
    for (number, result) in results.enumerated() {
      #expect(throws: WatchedBackend.Refusal(call: .allocate), "\(number)") {
        try result.array(of: Double.self)
      }
    }
    // Only the dropout's draws, and their conversion to float64, owe nothing to what failed.
    #expect(watched.calls.filter { $0 != .allocate } == [.random, .map])
  }

  @Test(
    "A launch that cannot be made fails its results",
    arguments: [
      WatchedBackend.Call.map, .reduce, .multiply, .normalize, .gather, .random, .write,
      .scatterAdd, .normalizeGradient, .classLoss, .classLossGradient,
      .convolve, .convolveTransposed, .convolutionWeightGradient, .pool, .poolGradient,
    ])
  func refusedLaunches(call: WatchedBackend.Call) throws {
    let watched = WatchedBackend()
    let device = watched.device
    let x = Tensor([[1, 2], [3, 4]], dtype: .float64, on: device)
    let labels = Tensor([0, 1], dtype: .int32, on: device)
    let image = Tensor([1, 2, 3, 4], dtype: .float64, on: device).reshaped(to: [1, 1, 2, 2])
    let pixel = Tensor([1], dtype: .float64, on: device).reshaped(to: [1, 1, 1, 1])
    watched.refuse { asked, _ in asked == call }
    func gradient(_ body: (Tensor) -> Tensor) -> Tensor {
      valueWithPullback(at: [x]) { body($0[0]) }.pullback(x)[0]
    }
    let result =
      switch call {
      case .map: x + x
      case .reduce: x.sum()
      case .multiply: x.matmul(x)
      case .normalize:
        normalize(x, geometry: .batch([2, 2]), mode: .mean, epsilon: 0).output
      case .classLoss: multiclassHingePerExample(x, labels)
      case .gather: x.gather(labels)
      case .random: Tensor.uniform([2], key: RandomKey(seed: 1), on: device)
      case .write: Tensor([1, 2], on: device)
      case .scatterAdd: gradient { $0.gather(labels) }
      case .normalizeGradient:
        gradient { normalize($0, geometry: .batch([2, 2]), mode: .mean, epsilon: 0).output }
      case .classLossGradient:
        valueWithPullback(at: [x]) { multiclassHingePerExample($0[0], labels) }.pullback(x[0])[0]
      case .convolve: conv2d(image, weight: image)
      case .convolveTransposed: convTranspose2d(image, weight: image)
      case .convolutionWeightGradient:
        valueWithPullback(at: [image]) { conv2d(image, weight: $0[0]) }.pullback(pixel)[0]
      case .pool: maxPool2d(x, window: 2)
      case .poolGradient:
        valueWithPullback(at: [image]) { averagePool2d($0[0], window: 2) }.pullback(pixel)[0]
      case .allocate, .read, .wait, .fence, .fenceWait: x
      }
    #expect(throws: WatchedBackend.Refusal(call: call)) { try result.wait() }
    // What it was computed from is as it was.
    watched.refuseNothing()
    try expectEqual(x, [2, 2], [1, 2, 3, 4])
    try expectEqual(x + x, [2, 2], [2, 4, 6, 8])
  }

  @Test("A read or a wait that fails throws, and spoils nothing")
  func refusedReads() throws {
    let watched = WatchedBackend()
    let x = Tensor([1, 2], on: watched.device)
    watched.refuse { call, _ in call == .read || call == .wait }
    #expect(throws: WatchedBackend.Refusal(call: .read)) { try x.array(of: Float.self) }
    #expect(throws: WatchedBackend.Refusal(call: .read)) { try x.bytes() }
    #expect(throws: WatchedBackend.Refusal(call: .wait)) { try x.wait() }
    #expect("\(x)".contains("failed: "))
    watched.refuseNothing()
    try expectEqual(x, [2], [1, 2])
  }

  @Test("A gradient fails with the value, or by itself")
  func gradients() throws {
    let watched = WatchedBackend()
    let x = Tensor([[1, 2], [3, 4]], dtype: .float64, on: watched.device)
    watched.refuse { call, number in call == .multiply && number == 0 }
    let (value, gradient) = valueWithGradient(at: x) { ($0.matmul($0)).sum() }
    #expect(throws: WatchedBackend.Refusal(call: .multiply)) { try value.wait() }
    // The gradient of a product needs the product's operands alone.
    try expectEqual(gradient, [2, 2], [7, 11, 9, 13])
    watched.refuse { call, number in call == .multiply && number == 1 }
    let (whole, broken) = valueWithGradient(at: x) { ($0.matmul($0)).sum() }
    #expect(try whole.item(of: Double.self) == 54)
    #expect(throws: WatchedBackend.Refusal(call: .multiply)) { try broken.wait() }
  }

  @Test("On a device with room again, the same program runs")
  func recovery() throws {
    let device = device(roomFor: 64)
    let x = Tensor.ones([16], dtype: .float64, on: device)
    func attempt(_ held: [Tensor]) throws -> Double {
      try ((x + 1) * (x + 2)).sum().item(of: Double.self)
    }
    do {
      let ballast = [Tensor.zeros([40], dtype: .float64, on: device)]
      #expect(throws: BackendError.self) { try attempt(ballast) }
    }
    #expect(try attempt([]) == 96)
    #expect(device.statistics.liveStorages == 1)
  }
}
