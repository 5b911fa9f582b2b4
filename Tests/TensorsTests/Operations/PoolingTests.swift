import Compute
import Tensors
import TestSupport
import Testing

@Suite struct PoolingTests {
  /// The kernels in float64 are those of other tests.
  private static let settings = Setting.all.filter { $0.dtype == .float32 }

  @Test("Windows of images and of rows", arguments: settings)
  func byHand(setting: Setting) throws {
    let x = setting.range([1, 3, 4])
    try expectEqual(maxPool2d(x, window: 2), [1, 1, 2], [5, 7])
    try expectEqual(minPool2d(x, window: 2, stride: 1), [1, 2, 3], [0, 1, 2, 4, 5, 6])
    try expectEqual(averagePool2d(x, window: [3, 2]), [1, 1, 2], [4.5, 6.5])
    try expectEqual(
      averagePool2d(x, window: 2, padding: 1), [1, 2, 3], [0, 0.75, 0.75, 3, 7.5, 4.5])
    try expectEqual(
      averagePool2d(x, window: 2, padding: 1, countsPadding: false), [1, 2, 3],
      [0, 1.5, 3, 6, 7.5, 9])
    try expectEqual(maxPool1d(x, window: 3), [1, 3, 1], [2, 6, 10])
    try expectEqual(minPool1d(x, window: 2, padding: 1), [1, 3, 3], [0, 1, 3, 4, 5, 7, 8, 9, 11])
    try expectEqual(averagePool1d(x, window: 4), [1, 3, 1], [1.5, 5.5, 9.5])
    try expectEqual(globalAveragePool(x.reshaped(to: [1, 2, 2, 3])), [1, 2], [2.5, 8.5])
    try expectEqual(globalMaxPool(x.reshaped(to: [2, 2, 3])), [2, 2], [2, 5, 8, 11])
  }

  @Test("The gradient goes to the first of equals", arguments: settings)
  func ties(setting: Setting) throws {
    let x = setting.tensor([[3, 3, 1, 1], [3, 1, 1, 1]]).reshaped(to: [1, 2, 4])
    func gradient(_ pool: @escaping @Sendable (Tensor) -> Tensor) throws -> [Double] {
      let (_, pullback) = valueWithPullback(at: [x]) { pool($0[0]) }
      let y = pool(x)
      return try pullback(setting.range(y.shape) + 1)[0].array(of: Double.self)
    }
    #expect(try gradient { maxPool2d($0, window: 2) } == [1, 0, 2, 0, 0, 0, 0, 0])
    #expect(try gradient { minPool2d($0, window: 2) } == [0, 0, 2, 0, 0, 1, 0, 0])
    #expect(try gradient { globalMaxPool($0) } == [1, 0, 0, 0, 2, 0, 0, 0])
  }

  @Test("Pooling has PyTorch's values and gradients", arguments: Setting.all)
  func parity(setting: Setting) throws {
    try Parity(Golden.linear["max_pool2d_2"], ["x"]) { maxPool2d($0[0], window: 2) }
      .check(in: setting, epsilons: 16)
    try Parity(Golden.linear["max_pool2d_3_stride2_pad1"], ["x"]) {
      maxPool2d($0[0], window: 3, stride: 2, padding: 1)
    }.check(in: setting, epsilons: 16)
    try Parity(Golden.linear["avg_pool2d_2"], ["x"]) { averagePool2d($0[0], window: 2) }
      .check(in: setting, epsilons: 16)
  }
}
