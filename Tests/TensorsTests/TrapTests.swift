import Compute
import Tensors
import TestSupport
import Testing

import class Foundation.ProcessInfo
import func Foundation.setenv

/// A programmer's error stops the program, and says which operation was given what.
@Suite(.serialized) struct TrapTests {
  /// A mistake, and what the message must say of it.
  enum Mistake: String, CaseIterable, Sendable {
    case shapesOfArithmetic, shapesOfFusion, twoDevices, twoDTypes, missingDType
    case matmulLengths, matmulBatches, matmulScalar, matmulIntegers
    case linearWeight, linearBias
    case convolutionChannels, convolutionWindow, convolutionBias, convolutionIntegers
    case sequenceRank, outputPadding, poolingWindow, poolingPadding
    case reshapeCount, reshapeOpenLength, permutation, transposedVector, broadcastShape
    case sliceRange, subscriptIndex, subscriptCount, expandedAxis, axisOutOfRange
    case concatenatedShapes, concatenatedNothing
    case repeatedAxis, maximumOfNothing, argmaxOfNothing
    case labelShape, labelDType, integerLogits, lossShapes
    case gatherIndices, gatherScalar, oneHotFloats
    case normalizedCount, normalizedChannels, normalizedIntegers
    case expOfIntegers, activationOfIntegers, dropoutProbability, randomIntegers
    case valueCount, raggedRows, byteCount, itemOfMany
    case gradientOfGradient, mixedTapes, gradientOfIntegers, escapedValue, cotangentShape
    case customGradientCount, customGradientShape, customGradientCapture

    var message: String {
      switch self {
      case .shapesOfArithmetic:
        "multiply: shapes [2, 3] and [4] do not fit; aligned at the last axis, lengths must be equal or 1"
      case .shapesOfFusion: "fused: shapes [2, 3] and [4] do not fit"
      case .twoDevices:
        "add: operands are on two devices, cpu (CPU reference (Swift)) and watched (reference)"
      case .twoDTypes:
        "add: operands have two dtypes, float32 and int32; convert one with cast(to:)"
      case .missingDType: "watched (without float64) cannot compute in float64; use float32"
      case .matmulLengths: "matmul: shapes [2, 3] and [2, 3]; the inner lengths 3 and 2 differ"
      case .matmulBatches: "matmul: shapes [2] and [3] do not fit"
      case .matmulScalar: "matmul: shapes [2, 3] and []; a scalar has no rows"
      case .matmulIntegers: "matmul: operands are int32; convert them with cast(to: .float32)"
      case .linearWeight:
        "linear: input of shape [2, 3] does not fit weight [3, 4], which is [out, in]"
      case .linearBias: "linear: bias of shape [2] does not fit weight [5, 3]"
      case .convolutionChannels:
        "conv2d: input of shape [2, 3, 5, 6] and weight [4, 2, 3, 3] in 1 groups; [n, channels, height, width] and [out, channels / groups, height, width] were expected"
      case .convolutionWindow:
        "conv2d: a window of 3×3 at stride 1×1 with dilation 3×3 and padding valid does not fit input [2, 3, 5, 6]"
      case .convolutionBias: "conv2d: bias of shape [3] for 4 output channels"
      case .convolutionIntegers:
        "conv2d: operands are int32; convert them with cast(to: .float32)"
      case .sequenceRank:
        "conv1d: input of shape [2, 3] and weight [4, 3, 3]; [n, channels, length] and [out, channels / groups, length] were expected"
      case .outputPadding:
        "convTranspose2d: a window of 3×3 at stride 2×2 with dilation 1×1, padding 1×1 and output padding 2×2 gives nothing for input [2, 4, 5, 6]; output padding is less than stride or dilation"
      case .poolingWindow:
        "maxPool2d: a window of 4×4 at stride 4×4 with padding 0×0 does not fit shape [2, 3]"
      case .poolingPadding:
        "averagePool1d: a window of 1×3 at stride 1×3 with padding 0×2 does not fit shape [2, 1, 3]; padding is at most half the window"
      case .reshapeCount: "reshaped(to:): shape [2, 3] has 6 elements, [4] has 4"
      case .reshapeOpenLength: "reshaped(to:): 6 elements of shape [2, 3] do not fill [4, -1]"
      case .permutation: "permuted: [0, 0] does not name each axis of [2, 3] once"
      case .transposedVector: "transposed(): shape [3] has fewer than two axes"
      case .broadcastShape: "broadcast: shape [2, 3] does not broadcast to [3, 2]"
      case .sliceRange: "slice: 1..<4 by 1 is outside axis 1 of shape [2, 3]"
      case .subscriptIndex: "subscript: -3 is outside axis 0 of shape [2, 3]"
      case .subscriptCount: "subscript: 3 indices for shape [2, 3], which has 2 axes"
      case .expandedAxis: "expandingShape: axis 4 is out of range for [2, 3]"
      case .axisOutOfRange: "axis 2 is out of range for shape [2, 3], which has 2 axes"
      case .concatenatedShapes: "concatenate: shapes [2, 3], [3] differ elsewhere than on axis 0"
      case .concatenatedNothing: "concatenate: no tensors"
      case .repeatedAxis: "axes [1, 1] of shape [2, 3] name an axis twice"
      case .maximumOfNothing: "maximum: shape [0, 3] has no elements along axes [0]"
      case .argmaxOfNothing: "argmax: axis 0 of shape [0, 3] is empty"
      case .labelShape: "crossEntropy: labels of shape [3] do not fit logits of shape [2, 3]"
      case .labelDType:
        "crossEntropy: distributions of shape [2] do not fit logits of shape [2, 3]; class indices "
          + "are of an integer dtype"
      case .integerLogits: "crossEntropy: logits are int32, not float32 or float64"
      case .lossShapes: "meanSquaredError: shapes [2, 3] and [3] differ; reshape one of them"
      case .gatherIndices: "gather: indices are float32, not of an integer dtype"
      case .gatherScalar: "gather: a scalar has no rows"
      case .oneHotFloats: "oneHot: labels are float32, not of an integer dtype"
      case .normalizedCount: "normalize: shape [2, 3] has 6 elements, the geometry 12"
      case .normalizedChannels: "normalize: scale or shift of shape [2] for 3 channels"
      case .normalizedIntegers:
        "normalize: the operand is int32; convert it with cast(to: .float32)"
      case .expOfIntegers: "exp: the operand is int32; convert it with cast(to: .float32)"
      case .activationOfIntegers: "relu: the operand is int32; convert it with cast(to: .float32)"
      case .dropoutProbability: "dropout: probability 1.0 is not in 0..<1"
      case .randomIntegers: "random numbers are float32 or float64, not int32"
      case .valueCount: "Tensor: 3 values for shape [2], which has 2 elements"
      case .raggedRows: "Tensor: rows of different lengths: [2, 1]"
      case .byteCount: "Tensor: 3 bytes for shape [1] of float32"
      case .itemOfMany: "item(of:): the tensor has shape [2, 3], not one element"
      case .gradientOfGradient:
        "valueWithGradient: an argument is being differentiated already; gradients are first order"
      case .mixedTapes:
        "multiply: its operands belong to two differentiations, one inside the other; gradients are first order"
      case .gradientOfIntegers: "valueWithGradient: an argument is of int32"
      case .escapedValue: "valueWithGradient: the value belongs to another differentiation"
      case .cotangentShape:
        "pullback: the cotangent is float32 of shape [2], the value float32 of shape [2, 3]"
      case .customGradientCount: "mine: its pullback gave 2 gradients for 1 inputs"
      case .customGradientShape:
        "mine: its pullback gave a gradient float32 of shape [3] for input 0, which is float32 of shape [2, 3]"
      case .customGradientCapture:
        "mine: its value depends on a tensor that is being differentiated and is not an input"
      }
    }

    func make() {
      let x = Tensor.ones([2, 3], on: .reference)
      let vector = Tensor.ones([3], on: .reference)
      let integers = Tensor.ones([2, 3], dtype: .int32, on: .reference)
      let empty = Tensor.zeros([0, 3], on: .reference)
      let images = Tensor.ones([2, 3, 5, 6], on: .reference)
      let filters = Tensor.ones([4, 3, 3, 3], on: .reference)
      let labels = Tensor.zeros([2], dtype: .int32, on: .reference)
      switch self {
      case .shapesOfArithmetic: _ = x * .ones([4], on: .reference)
      case .shapesOfFusion: _ = fused(x, .ones([4], on: .reference)) { $0 + $1 }
      case .twoDevices: _ = x + .ones([2, 3], on: WatchedBackend().device)
      case .twoDTypes: _ = x + integers
      case .missingDType:
        _ = Tensor.ones([1], dtype: .float64, on: WatchedBackend(lacking: .float64).device)
      case .matmulLengths: _ = x.matmul(x)
      case .matmulBatches:
        _ = Tensor.ones([2, 1, 1], on: .reference).matmul(.ones([3, 1, 1], on: .reference))
      case .matmulScalar: _ = x.matmul(Tensor(1, on: .reference))
      case .matmulIntegers: _ = integers.matmul(integers.transposed())
      case .linearWeight: _ = linear(x, weight: .ones([3, 4], on: .reference), bias: nil)
      case .linearBias:
        _ = linear(x, weight: .ones([5, 3], on: .reference), bias: .ones([2], on: .reference))
      case .convolutionChannels:
        _ = conv2d(images, weight: .ones([4, 2, 3, 3], on: .reference))
      case .convolutionWindow:
        _ = conv2d(images, weight: .ones([4, 3, 3, 3], on: .reference), dilation: 3)
      case .convolutionBias: _ = conv2d(images, weight: filters, bias: vector)
      case .convolutionIntegers:
        _ = conv2d(images.cast(to: .int32), weight: filters.cast(to: .int32))
      case .sequenceRank: _ = conv1d(x, weight: .ones([4, 3, 3], on: .reference))
      case .outputPadding:
        _ = convTranspose2d(
          .ones([2, 4, 5, 6], on: .reference), weight: filters, stride: 2, padding: 1,
          outputPadding: 2)
      case .poolingWindow: _ = maxPool2d(x, window: 4)
      case .poolingPadding: _ = averagePool1d(x, window: 3, padding: 2)
      case .reshapeCount: _ = x.reshaped(to: [4])
      case .reshapeOpenLength: _ = x.reshaped(to: [4, -1])
      case .permutation: _ = x.permuted([0, -2])
      case .transposedVector: _ = vector.transposed()
      case .broadcastShape: _ = x.broadcast(to: [3, 2])
      case .sliceRange: _ = x.slice(axis: -1, 1..<4)
      case .subscriptIndex: _ = x[-3]
      case .subscriptCount: _ = x[0, 0, 0]
      case .expandedAxis: _ = x.expandingShape(at: 4)
      case .axisOutOfRange: _ = x.sum(axes: [2])
      case .concatenatedShapes: _ = concatenate([x, vector], axis: 0)
      case .concatenatedNothing: _ = concatenate([], axis: 0)
      case .repeatedAxis: _ = x.sum(axes: [1, -1])
      case .maximumOfNothing: _ = empty.max(axes: [0])
      case .argmaxOfNothing: _ = empty.argmax(axis: 0)
      case .labelShape: _ = crossEntropy(x, .ones([3], dtype: .int32, on: .reference))
      case .labelDType: _ = crossEntropy(x, .ones([2], on: .reference))
      case .integerLogits: _ = crossEntropy(integers, labels)
      case .lossShapes: _ = meanSquaredError(x, vector)
      case .gatherIndices: _ = x.gather(vector)
      case .gatherScalar: _ = x.sum().gather(labels)
      case .oneHotFloats: _ = vector.oneHot(classes: 2)
      case .normalizedCount:
        _ = normalize(x, geometry: .batch([4, 3]), mode: .mean, epsilon: 0)
      case .normalizedChannels:
        _ = normalize(
          x, geometry: .batch([2, 3]), mode: .mean, epsilon: 0, scale: .ones([2], on: .reference))
      case .normalizedIntegers:
        _ = normalize(integers, geometry: .batch([2, 3]), mode: .mean, epsilon: 0)
      case .expOfIntegers: _ = integers.exp
      case .activationOfIntegers: _ = relu(integers)
      case .dropoutProbability: _ = dropout(x, probability: 1, key: RandomKey(seed: 1))
      case .randomIntegers:
        _ = Tensor.uniform([2], key: RandomKey(seed: 1), dtype: .int32, on: .reference)
      case .valueCount: _ = Tensor([1.0, 2, 3], shape: [2], on: .reference)
      case .raggedRows: _ = Tensor([[1, 2], [3]], on: .reference)
      case .byteCount:
        [UInt8](repeating: 0, count: 3).withUnsafeBytes {
          _ = Tensor(bytes: $0, dtype: .float32, shape: [1], on: .reference)
        }
      case .itemOfMany: _ = try? x.item(of: Float.self)
      case .gradientOfGradient:
        _ = valueWithGradient(at: x) { x in valueWithGradient(at: x) { $0 * $0 }.gradient }
      case .mixedTapes:
        _ = valueWithGradient(at: x) { outer in
          valueWithGradient(at: vector) { inner in outer * inner }.value
        }
      case .gradientOfIntegers: _ = valueWithGradient(at: integers) { $0 }
      case .escapedValue:
        _ = valueWithGradient(at: x) { outer in
          valueWithGradient(at: vector) { _ in outer * 2 }.value
        }
      case .cotangentShape:
        _ = valueWithPullback(at: [x]) { $0[0] }.pullback(labels.cast(to: .float32))
      case .customGradientCount:
        _ = valueWithGradient(at: x) { x in
          withGradient("mine", at: [x]) {
            $0[0] * 2
          } pullback: { _, _, c in
            [c, c]
          }
        }
      case .customGradientShape:
        _ = valueWithGradient(at: x) { x in
          withGradient("mine", at: [x]) {
            $0[0] * 2
          } pullback: { _, _, c in
            [c[0]]
          }
        }
      case .customGradientCapture:
        _ = valueWithGradient(at: x) { x in
          withGradient("mine", at: []) { _ in
            x * 2
          } pullback: { _, _, _ in
            []
          }
        }
      }
    }
  }

  @Test("A mistake stops the program with a message", arguments: Mistake.allCases)
  func mistakes(_ mistake: Mistake) async {
    // The child process has a copy of this one's environment.
    setenv("APUS_TEST_MISTAKE", mistake.rawValue, 1)
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      Mistake(rawValue: ProcessInfo.processInfo.environment["APUS_TEST_MISTAKE"] ?? "")?.make()
    }
    expectMessage(result, mistake.message)
  }
}
