import Compute
import Tensors
import TestSupport
import Testing

@Suite struct ConvolutionTests {
  /// The kernels in float64 are those of other tests.
  private static let settings = Setting.all.filter { $0.dtype == .float32 }

  @Test("A window slides, is not flipped, and is summed with the bias", arguments: settings)
  func byHand(setting: Setting) throws {
    let x = setting.range([1, 1, 3, 4])
    let weight = setting.tensor([1, 0, 0, -10], [1, 1, 2, 2])
    try expectEqual(
      conv2d(x, weight: weight, bias: setting.tensor([100])), [1, 1, 2, 3],
      [50, 41, 32, 14, 5, -4])
    try expectEqual(
      conv2d(x, weight: weight, stride: 2, padding: 1), [1, 1, 2, 3],
      [0, -20, 0, -80, -95, 7])
    // One more zero at the bottom and on the right than at the top and on the left.
    try expectEqual(
      conv2d(x, weight: weight, padding: .same), [1, 1, 3, 4],
      [-50, -59, -68, 3, -86, -95, -104, 7, 8, 9, 10, 11])
    try expectEqual(
      conv2d(x, weight: weight, dilation: [2, 3], activation: .relu), [1, 1, 1, 1], [0])
    try expectEqual(
      conv1d(setting.range([1, 2, 4]), weight: setting.range([1, 2, 2])), [1, 1, 3],
      [24, 30, 36])
  }

  @Test("Same padding gives ⌈length / stride⌉ positions")
  func samePadding() {
    for length in 1...9 {
      for kernel in 1...4 {
        for stride in 1...3 {
          for dilation in 1...2 {
            let y = conv1d(
              .zeros([1, 1, length], on: .reference),
              weight: .zeros([1, 1, kernel], on: .reference), stride: stride, padding: .same,
              dilation: dilation)
            #expect(y.shape == [1, 1, (length + stride - 1) / stride])
          }
        }
      }
    }
  }

  @Test("A transposed convolution adds windows", arguments: settings)
  func transposed(setting: Setting) throws {
    let x = setting.tensor([1, 2, 3, 4], [1, 1, 2, 2])
    let weight = setting.tensor([1, 10, 100, 1000], [1, 1, 2, 2])
    try expectEqual(
      convTranspose2d(x, weight: weight), [1, 1, 3, 3],
      [1, 12, 20, 103, 1234, 2040, 300, 3400, 4000])
    try expectEqual(
      convTranspose2d(x, weight: weight, stride: 2, padding: 1, outputPadding: 1), [1, 1, 3, 3],
      [1000, 200, 2000, 30, 4, 40, 3000, 400, 4000])
  }

  /// ⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩.
  @Test("A transposed convolution is a convolution's adjoint", arguments: settings)
  func adjoint(setting: Setting) throws {
    var generator = SeededGenerator(7)
    let x = setting.tensor(generator.whole([2, 4, 7, 9]))
    let weight = setting.tensor(generator.whole([6, 2, 3, 3]))
    let forward = conv2d(x, weight: weight, stride: 2, padding: 1, groups: 2)
    let y = setting.tensor(generator.whole(forward.shape))
    let back = convTranspose2d(y, weight: weight, stride: 2, padding: 1, groups: 2)
    #expect(back.shape == x.shape)
    #expect(
      try (forward * y).sum().item(of: Double.self) == (x * back).sum().item(of: Double.self))
  }

  @Test("Convolutions have PyTorch's values and gradients", arguments: Setting.all)
  func parity(setting: Setting) throws {
    for (stride, padding, dilation, groups) in setting.chosen([
      (2, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 2), (1, 1, 1, 1), (1, 2, 2, 1),
    ]) {
      let golden = Golden.linear[
        "conv2d_stride\(stride)_pad\(padding)_dil\(dilation)_groups\(groups)"]
      try Parity(golden, ["x", "weight", "bias"]) {
        conv2d(
          $0[0], weight: $0[1], bias: $0[2], stride: Size2D(stride),
          padding: .symmetric(Size2D(padding)), dilation: Size2D(dilation), groups: groups)
      }.check(in: setting, epsilons: 64)
    }
  }

  /// A convolution of height 1 is one of images, and groups are convolutions side by side.
  @Test("Rows and groups", arguments: settings)
  func identities(setting: Setting) throws {
    var generator = SeededGenerator(8)
    let x = setting.tensor(generator.whole([2, 4, 9]))
    let weight = setting.tensor(generator.whole([6, 2, 3]))
    let y = conv1d(x, weight: weight, stride: 2, padding: 1, groups: 2)
    let halves = [0, 1].map { half in
      conv1d(
        x[.all, 2 * half..<2 * half + 2], weight: weight[3 * half..<3 * half + 3], stride: 2,
        padding: 1)
    }
    try expectClose(y, concatenate(halves, axis: 1).array(of: Double.self), .exact)
    let image = conv2d(
      x.expandingShape(at: 2), weight: weight.expandingShape(at: 2), stride: [1, 2],
      padding: .symmetric([0, 1]), groups: 2)
    try expectClose(image, y.array(of: Double.self), .exact)
  }
}
