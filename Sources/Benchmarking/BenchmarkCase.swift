import Tensors

/// What is measured: one line of words, which every worker understands.
public enum BenchmarkCase: Hashable, Sendable, LosslessStringConvertible {
  /// `matmul M K N NT`: an [m, k] matrix by a [k, n] one, stored as they are (N) or transposed (T).
  case matmul(m: Int, k: Int, n: Int, isLeftTransposed: Bool, isRightTransposed: Bool)
  /// `train 64-128-10 batchNorm 128`: forward, backward and Adam of fully connected layers of these
  /// widths, with rectifiers between them.
  case train(widths: [Int], hasBatchNorm: Bool, batch: Int)
  /// `batchNorm 128x64x32x32`: forward in training, and backward.
  case batchNorm(shape: [Int])
  /// `conv2d 8x64x56x56 64 3`: forward and backward of images `[n, channels, height, width]` to so
  /// many channels, through square windows of an odd length, padded to keep the size.
  case conv2d(shape: [Int], outputs: Int, kernel: Int)
  /// `cnn 128`: forward, backward and Adam of a batch of 28×28 images: twice a convolution through
  /// 3×3 windows, to 32 and 64 channels, a rectifier and the largest of 2×2; then 128 rectified units
  /// and 10 classes.
  case convolutionalNetwork(batch: Int)
  /// `elementwise tanh 4096x4096`: a function of each element, or the sum of two (`add`).
  case elementwise(function: String, shape: [Int])
  /// `sum rows 4096x4096`: the sum of each row, or of each column.
  case sum(overRows: Bool, shape: [Int])
  /// `crossEntropy 8192x1024`: of logits, forward and backward.
  case crossEntropy(shape: [Int])
  /// `adam 8000000`: the update of so many parameters.
  case adam(count: Int)

  /// Reads a line; nil when it is none of the above.
  public init?(_ description: String) {
    let words = description.split(separator: " ").map(String.init)
    func numbers(_ text: String, _ separator: Character) -> [Int]? {
      let numbers = text.split(separator: separator).compactMap { Int($0) }
      return numbers.count == text.split(separator: separator).count ? numbers : nil
    }
    switch words.first {
    case "matmul":
      let layouts = ["NN", "NT", "TN", "TT"]
      guard words.count == 5, layouts.contains(words[4]), let m = Int(words[1]),
        let k = Int(words[2]), let n = Int(words[3])
      else { return nil }
      self = .matmul(
        m: m, k: k, n: n, isLeftTransposed: words[4].hasPrefix("T"),
        isRightTransposed: words[4].hasSuffix("T"))
    case "train":
      guard words.count == 4, let widths = numbers(words[1], "-"), widths.count >= 2,
        ["plain", "batchNorm"].contains(words[2]), let batch = Int(words[3])
      else { return nil }
      self = .train(widths: widths, hasBatchNorm: words[2] == "batchNorm", batch: batch)
    case "batchNorm":
      guard words.count == 2, let shape = numbers(words[1], "x"), shape.count >= 2 else {
        return nil
      }
      self = .batchNorm(shape: shape)
    case "conv2d":
      guard words.count == 4, let shape = numbers(words[1], "x"), shape.count == 4,
        let outputs = Int(words[2]), let kernel = Int(words[3]), kernel % 2 == 1
      else { return nil }
      self = .conv2d(shape: shape, outputs: outputs, kernel: kernel)
    case "cnn":
      guard words.count == 2, let batch = Int(words[1]) else { return nil }
      self = .convolutionalNetwork(batch: batch)
    case "elementwise":
      guard words.count == 3, words[1] == "add" || Activation.named(words[1]) != nil,
        let shape = numbers(words[2], "x")
      else { return nil }
      self = .elementwise(function: words[1], shape: shape)
    case "sum":
      guard words.count == 3, ["rows", "columns"].contains(words[1]),
        let shape = numbers(words[2], "x"), shape.count == 2
      else { return nil }
      self = .sum(overRows: words[1] == "rows", shape: shape)
    case "crossEntropy":
      guard words.count == 2, let shape = numbers(words[1], "x"), shape.count == 2 else {
        return nil
      }
      self = .crossEntropy(shape: shape)
    case "adam":
      guard words.count == 2, let count = Int(words[1]), count > 0 else { return nil }
      self = .adam(count: count)
    default:
      return nil
    }
  }

  /// The line.
  public var description: String {
    switch self {
    case .matmul(let m, let k, let n, let left, let right):
      "matmul \(m) \(k) \(n) \(left ? "T" : "N")\(right ? "T" : "N")"
    case .train(let widths, let hasBatchNorm, let batch):
      """
      train \(widths.map(String.init).joined(separator: "-")) \
      \(hasBatchNorm ? "batchNorm" : "plain") \(batch)
      """
    case .batchNorm(let shape):
      "batchNorm \(Self.text(shape))"
    case .conv2d(let shape, let outputs, let kernel):
      "conv2d \(Self.text(shape)) \(outputs) \(kernel)"
    case .convolutionalNetwork(let batch): "cnn \(batch)"
    case .elementwise(let function, let shape): "elementwise \(function) \(Self.text(shape))"
    case .sum(let overRows, let shape): "sum \(overRows ? "rows" : "columns") \(Self.text(shape))"
    case .crossEntropy(let shape): "crossEntropy \(Self.text(shape))"
    case .adam(let count): "adam \(count)"
    }
  }

  private static func text(_ shape: [Int]) -> String {
    shape.map(String.init).joined(separator: "x")
  }

  /// The floating-point operations of matrix products, and of convolutions, whose gradients are two
  /// more; nil for the rest, which memory bounds too.
  public var operationCount: Double? {
    switch self {
    case .matmul(let m, let k, let n, _, _): 2 * Double(m) * Double(k) * Double(n)
    case .conv2d(let shape, let outputs, let kernel):
      6 * Double(shape.reduce(1, *)) * Double(outputs * kernel * kernel)
    default: nil
    }
  }

  /// The bytes that a case bound by memory moves; nil for products and training steps.
  ///
  /// Of batch normalisation, which needs its statistics before it can write: forward x is read twice
  /// and y written, backward x and the cotangent are read twice and the gradient written.
  public var byteCount: Double? {
    func bytes(_ shape: [Int], passes: Int) -> Double {
      4 * Double(passes) * Double(shape.reduce(1, *))
    }
    return switch self {
    case .matmul, .train, .conv2d, .convolutionalNetwork: nil
    case .batchNorm(let shape): bytes(shape, passes: 8)
    case .elementwise(let function, let shape): bytes(shape, passes: function == "add" ? 3 : 2)
    case .sum(_, let shape): bytes(shape, passes: 1)
    case .crossEntropy(let shape): bytes(shape, passes: 3)
    case .adam(let count): bytes([count], passes: 7)
    }
  }
}

extension BenchmarkCase {
  /// The matrix products that are published.
  public static let products: [BenchmarkCase] = {
    let squares = [256, 512, 1024, 2048].map { ($0, $0, $0) }
    let layers = [(128, 784, 512), (512, 2048, 2048), (1000, 500, 500)]
    return (squares + layers).flatMap { m, k, n in
      [(false, false), (false, true), (true, false)].map { left, right in
        BenchmarkCase.matmul(m: m, k: k, n: n, isLeftTransposed: left, isRightTransposed: right)
      }
    }
  }()

  /// The training steps that are published.
  public static let steps: [BenchmarkCase] = [
    .train(widths: [2, 2, 2], hasBatchNorm: false, batch: 200),
    .train(widths: [2, 8, 8, 2], hasBatchNorm: false, batch: 256),
    .train(widths: [64, 128, 64, 10], hasBatchNorm: true, batch: 128),
    .train(widths: [784, 512, 256, 10], hasBatchNorm: true, batch: 128),
    .train(widths: [784, 2048, 2048, 2048, 10], hasBatchNorm: true, batch: 512),
    .train(widths: [Int](repeating: 500, count: 10) + [10], hasBatchNorm: false, batch: 1000),
  ]

  /// The normalisations that are published.
  public static let normalizations: [BenchmarkCase] = [
    .batchNorm(shape: [512, 2048]), .batchNorm(shape: [128, 64, 32, 32]),
  ]

  /// The convolutions that are published.
  public static let convolutions: [BenchmarkCase] = [
    .convolutionalNetwork(batch: 128), .conv2d(shape: [8, 64, 56, 56], outputs: 64, kernel: 3),
  ]

  /// What memory bounds.
  public static let streams: [BenchmarkCase] = [
    .elementwise(function: "add", shape: [4096, 4096]),
    .elementwise(function: "relu", shape: [4096, 4096]),
    .elementwise(function: "tanh", shape: [4096, 4096]),
    .sum(overRows: true, shape: [4096, 4096]), .sum(overRows: false, shape: [4096, 4096]),
    .crossEntropy(shape: [8192, 1024]), .adam(count: 8_000_000),
  ]

  /// What is published beside the peers' figures.
  public static let compared = products + steps + normalizations + convolutions

  /// Every case.
  public static let all = compared + streams
}
