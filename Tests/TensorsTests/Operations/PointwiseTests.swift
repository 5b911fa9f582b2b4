import Compute
import Tensors
import TestSupport
import Testing

import func Foundation.cos
import func Foundation.erf
import func Foundation.exp
import func Foundation.expm1
import func Foundation.log
import func Foundation.log1p
import func Foundation.pow
import func Foundation.sin
import func Foundation.tanh

@Suite struct PointwiseTests {
  // MARK: Two operands

  private typealias Binary = (
    name: String, tensors: @Sendable (Tensor, Tensor) -> Tensor,
    right: @Sendable (Tensor, Double) -> Tensor, left: @Sendable (Double, Tensor) -> Tensor,
    host: @Sendable (Double, Double) -> Double
  )

  private static let binaries: [Binary] = [
    ("+", { $0 + $1 }, { $0 + $1 }, { $0 + $1 }, { $0 + $1 }),
    ("-", { $0 - $1 }, { $0 - $1 }, { $0 - $1 }, { $0 - $1 }),
    ("*", { $0 * $1 }, { $0 * $1 }, { $0 * $1 }, { $0 * $1 }),
    ("/", { $0 / $1 }, { $0 / $1 }, { $0 / $1 }, { $0 / $1 }),
    (".<", { $0 .< $1 }, { $0 .< $1 }, { $0 .< $1 }, { $0 < $1 ? 1 : 0 }),
    (".<=", { $0 .<= $1 }, { $0 .<= $1 }, { $0 .<= $1 }, { $0 <= $1 ? 1 : 0 }),
    (".>", { $0 .> $1 }, { $0 .> $1 }, { $0 .> $1 }, { $0 > $1 ? 1 : 0 }),
    (".>=", { $0 .>= $1 }, { $0 .>= $1 }, { $0 .>= $1 }, { $0 >= $1 ? 1 : 0 }),
    (".==", { $0 .== $1 }, { $0 .== $1 }, { $0 .== $1 }, { $0 == $1 ? 1 : 0 }),
    (".!=", { $0 .!= $1 }, { $0 .!= $1 }, { $0 .!= $1 }, { $0 != $1 ? 1 : 0 }),
  ]

  /// Shapes that are broadcast together, and the shape they take.
  private static let pairs: [(Shape, Shape, Shape)] = [
    ([], [], []), ([17], [17], [17]), ([3, 17], [17], [3, 17]), ([3, 1], [1, 5], [3, 5]),
    ([2, 3, 5], [3, 1], [2, 3, 5]), ([], [4, 3], [4, 3]), ([1], [7], [7]), ([0, 3], [3], [0, 3]),
    ([2, 1, 3], [4, 1], [2, 4, 3]), ([1, 0], [3, 1], [3, 0]),
  ]

  /// No zeros, and many that are equal.
  private func operand(_ random: inout SeededGenerator, _ shape: Shape) -> HostArray {
    HostArray(shape, random.whole(shape, -3...2).values.map { $0 == 0 ? 3 : $0 })
  }

  @Test("Operators are NumPy's, on operands that are broadcast", arguments: Setting.all)
  func operators(setting: Setting) throws {
    var random = SeededGenerator(1)
    for (number, (left, right, shape)) in Self.pairs.enumerated() {
      let (a, b) = (operand(&random, left), operand(&random, right))
      let layouts = SampleInput.Layout.allCases
      let x = setting.tensor(a, layouts[number % 3])
      let y = setting.tensor(b, layouts[(number / 3) % 3])
      // One operator shows how operands are broadcast, the others what they compute.
      for binary in Self.binaries where binary.name == "-" || number == 2 {
        // Only quotients are rounded, and a device may round them to 2.5 units of float32.
        let tolerance: Tolerance = binary.name == "/" ? .ulps(2.5) : .exact
        try expectClose(
          binary.tensors(x, y),
          HostArray(shape) { binary.host(a[broadcast: $0], b[broadcast: $0]) }, tolerance,
          "\(left) \(binary.name) \(right)")
      }
    }
  }

  @Test("A number takes the tensor's dtype, on either side", arguments: TestDevices.all)
  func scalars(device: Device) throws {
    for dtype in DType.allCases where device.supports(dtype) {
      let x = Tensor([1, 2, 3], dtype: dtype, on: device)
      for binary in Self.binaries
      where binary.name != "/" && (dtype == .float32 || ["-", ".<"].contains(binary.name)) {
        let (right, left) = (binary.right(x, 2), binary.left(2, x))
        #expect(right.dtype == dtype)
        #expect(left.dtype == dtype)
        // A byte has no −1.
        let host = { (value: Double) in dtype == .uint8 && value < 0 ? value + 256 : value }
        #expect(
          try right.array(of: Double.self) == [1, 2, 3].map { host(binary.host($0, 2)) },
          "\(dtype) \(binary.name) 2")
        #expect(
          try left.array(of: Double.self) == [1, 2, 3].map { host(binary.host(2, $0)) },
          "2 \(binary.name) \(dtype)")
      }
    }
    try expectClose(Tensor([1, 2, 4], on: device) / 2, [0.5, 1, 2], .ulps(2.5))
    try expectClose(2 / Tensor([1, 2, 4], on: device), [2, 1, 0.5], .ulps(2.5))
    // Whole numbers are divided as whole numbers, and 2.5 is 2 to them.
    let x = Tensor([7, -7, 1], dtype: .int32, on: device)
    #expect(try (x / 2.0).array(of: Int.self) == [3, -3, 0])
    #expect(try (x / 0.0).array(of: Int.self) == [0, 0, 0])
    #expect(try (x * 2.5).array(of: Int.self) == [14, -14, 2])
  }

  @Test("Operators' gradients, summed where an operand was broadcast", arguments: Setting.all)
  func gradients(setting: Setting) throws {
    var random = SeededGenerator(2)
    let partials: [(name: String, x: (Double, Double) -> Double, y: (Double, Double) -> Double)] = [
      ("+", { _, _ in 1 }, { _, _ in 1 }), ("-", { _, _ in 1 }, { _, _ in -1 }),
      ("*", { _, b in b }, { a, _ in a }), ("/", { _, b in 1 / b }, { a, b in -a / (b * b) }),
    ]
    for (left, right, shape) in setting.chosen(Self.pairs) {
      // Powers of two, so that quotients are exact as well.
      let a = HostArray(left, random.integers(left.count, in: -2...2).map { $0 * 4 })
      let b = HostArray(right, random.integers(right.count, in: 0...2).map { pow(2, $0) })
      let cotangent = random.whole(shape)
      // Again, one operator shows how gradients are summed.
      for (name, x, y) in partials where name == "*" || left == [17] || setting.device == .reference
      {
        guard let binary = Self.binaries.first(where: { $0.name == name }) else { continue }
        func expected(_ operand: HostArray, _ partial: (Double, Double) -> Double) -> HostArray {
          HostArray(operand.shape) { own in
            HostArray.indices(of: shape).filter { index in
              zip(index.suffix(own.count), zip(own, operand.shape.dimensions))
                .allSatisfy { $0 == $1.0 || $1.1 == 1 }
            }.reduce(0) {
              $0 + cotangent[$1] * partial(a[broadcast: $1], b[broadcast: $1])
            }
          }
        }
        let (_, pullback) = valueWithPullback(at: [setting.tensor(a), setting.tensor(b)]) {
          binary.tensors($0[0], $0[1])
        }
        let gradients = pullback(setting.tensor(cotangent))
        // Powers of two are divided exactly by every device that rounds at all well.
        let tolerance = Tolerance.absolute(name == "/" ? 1000 * setting.epsilon : 0)
        try expectClose(gradients[0], expected(a, x), tolerance, "\(left) \(name) \(right), left")
        try expectClose(gradients[1], expected(b, y), tolerance, "\(left) \(name) \(right), right")
      }
    }
    // With a number there is one gradient.
    let x = setting.tensor([1, 2, 4])
    try expectEqual(valueWithGradient(at: x) { ($0 * 3).sum() }.gradient, [3], [3, 3, 3])
    try expectEqual(valueWithGradient(at: x) { (3 - $0).sum() }.gradient, [3], [-1, -1, -1])
    try expectEqual(valueWithGradient(at: x) { ($0 / 4).sum() }.gradient, [3], [0.25, 0.25, 0.25])
    try expectEqual(valueWithGradient(at: x) { ($0 .< 2).sum() }.gradient, [3], [0, 0, 0])
  }

  @Test(
    "Of two, NaN or the smaller or larger, and equals share the gradient", arguments: Setting.all)
  func extremes(setting: Setting) throws {
    let x = setting.tensor([1, 5, 3, .nan, 2])
    let y = setting.tensor([4, 2, 3, 1, .nan])
    try expectEqual(min(x, y), [5], [1, 2, 3, .nan, .nan])
    try expectEqual(max(x, y), [5], [4, 5, 3, .nan, .nan])
    let (a, b) = (x[0..<3], y[0..<3])
    let smaller = valueWithGradient(at: a, b) { min($0, $1).sum() }.gradients
    try expectEqual(smaller.0, [3], [1, 0, 0.5])
    try expectEqual(smaller.1, [3], [0, 1, 0.5])
    let larger = valueWithGradient(at: a, b) { max($0, $1).sum() }.gradients
    try expectEqual(larger.0, [3], [0, 1, 0.5])
    try expectEqual(larger.1, [3], [1, 0, 0.5])
  }

  @Test("Powers, of numbers and of tensors", arguments: Setting.all)
  func powers(setting: Setting) throws {
    let bases = [0.5, 1, 2, 3, 4]
    let x = setting.tensor(bases)
    for exponent in [-2, -1, -0.5, 0, 0.5, 1, 2, 3, 2.5] {
      let (value, gradient) = valueWithGradient(at: x) { $0.power(exponent).sum() }
      let host = bases.map { pow($0, exponent) }
      try expectClose(x.power(exponent), host, .ulps(16), "to the power of \(exponent)")
      try expectClose(value, [host.reduce(0, +)], .ulps(32))
      try expectClose(
        gradient, bases.map { exponent * pow($0, exponent - 1) }, .ulps(20),
        "gradient of \(exponent)")
    }
    let y = setting.tensor([2, -1, 0.5, 0, 3])
    let exponents = [2, -1, 0.5, 0, 3]
    try expectClose(x.power(y), zip(bases, exponents).map(pow), .ulps(16))
    let (_, gradient) = valueWithGradient(at: y) { x.power($0).sum() }
    try expectClose(
      gradient, zip(bases, exponents).map { pow($0, $1) * log($0) }, .ulps(24))
    // A negative base has whole powers, and x⁰ is 1.
    let negative = setting.tensor([-2, -0.5, 0])
    try expectClose(negative.power(3), [-8, -0.125, 0], .ulps(16))
    try expectClose(negative.power(-2), [0.25, 4, .infinity], .ulps(16))
    try expectClose(negative.power(0), [1, 1, 1], .exact)
    try expectClose(negative.power(0.5), [.nan, .nan, 0], .exact)
  }

  // MARK: One operand

  private typealias Unary = (
    name: String, tensor: @Sendable (Tensor) -> Tensor, host: @Sendable (Double) -> Double,
    derivative: @Sendable (Double) -> Double, ulps: Double, isPositive: Bool
  )

  /// With the errors that OpenCL allows, in units in the last place of float32.
  private static let unaries: [Unary] = [
    ("-", { -$0 }, { -$0 }, { _ in -1 }, 0, false),
    ("exp", { $0.exp }, { exp($0) }, { exp($0) }, 3, false),
    ("expMinusOne", { $0.expMinusOne }, { expm1($0) }, { exp($0) }, 3, false),
    ("log", { $0.log }, { log($0) }, { 1 / $0 }, 3, true),
    ("logOnePlus", { $0.logOnePlus }, { log1p($0) }, { 1 / (1 + $0) }, 2, true),
    ("squareRoot", { $0.squareRoot }, { $0.squareRoot() }, { 0.5 / $0.squareRoot() }, 3, true),
    (
      "reciprocalSquareRoot", { $0.reciprocalSquareRoot }, { 1 / $0.squareRoot() },
      { -0.5 / ($0 * $0.squareRoot()) }, 2, true
    ),
    ("magnitude", { $0.magnitude }, { $0.magnitude }, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }, 0, false),
    ("sign", { $0.sign }, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }, { _ in 0 }, 0, false),
    ("sin", { $0.sin }, { sin($0) }, { cos($0) }, 4, false),
    ("cos", { $0.cos }, { cos($0) }, { -sin($0) }, 4, false),
    ("tanh", { Tensors.tanh($0) }, { tanh($0) }, { 1 - tanh($0) * tanh($0) }, 5, false),
    (
      "sigmoid", { Tensors.sigmoid($0) }, { 1 / (1 + exp(-$0)) },
      { exp(-$0) / ((1 + exp(-$0)) * (1 + exp(-$0))) }, 6.5, false
    ),
    (
      "erf", { $0.erf }, { erf($0) }, { 2 / Double.pi.squareRoot() * exp(-$0 * $0) }, 16, false
    ),
    ("isFinite", { $0.isFinite }, { _ in 1 }, { _ in 0 }, 0, false),
  ]

  @Test("Functions have their values and derivatives", arguments: Setting.all)
  func functions(setting: Setting) throws {
    var random = SeededGenerator(3)
    for unary in setting.dtype == .float32 ? Self.unaries : setting.chosen(Self.unaries) {
      let positive = random.values(65, bound: 3).map { $0.magnitude + 0.125 }
      let values = unary.isPositive ? positive : random.values(64, bound: 3) + [0]
      try expectClose(
        unary.tensor(setting.tensor(values, [5, 13])), values.map(unary.host), .ulps(unary.ulps),
        unary.name)
      let (_, gradient) = valueWithGradient(at: setting.tensor(values)) { unary.tensor($0).sum() }
      // A derivative in the value takes over its error: by 2y of tanh, by 1 of the others.
      try expectClose(
        gradient, values.map(unary.derivative),
        .each(
          values.map {
            (unary.ulps + 4) * setting.epsilon * Swift.max(1, unary.derivative($0).magnitude)
          }), "derivative of \(unary.name)")
    }
  }

  @Test("What is not finite goes through as it should", arguments: Setting.all)
  func notFinite(setting: Setting) throws {
    let x = setting.tensor([.infinity, -.infinity, .nan, 0, -0.0])
    try expectEqual(x.isFinite, [5], [0, 0, 0, 1, 1])
    try expectEqual(x.sign, [5], [1, -1, .nan, 0, 0])
    try expectEqual(x.magnitude, [5], [.infinity, .infinity, .nan, 0, 0])
    try expectEqual(x.exp, [5], [.infinity, 0, .nan, 1, 1])
    try expectEqual(sigmoid(x), [5], [1, 0, .nan, 0.5, 0.5])
    // PoCL's tanh of infinity is one unit below 1, which is within its bound.
    try expectClose(tanh(x), [1, -1, .nan, 0, 0], .ulps(5))
    try expectEqual(x.log, [5], [.infinity, .nan, .nan, -.infinity, -.infinity])
    try expectEqual(x .== x, [5], [1, 1, 0, 1, 1])
    try expectEqual(x .!= x, [5], [0, 0, 1, 0, 0])
  }

  @Test("Clamping holds between bounds, and its gradient stays on them", arguments: Setting.all)
  func clamping(setting: Setting) throws {
    let x = setting.tensor([-3, -1, 0.5, 2, 7, .nan])
    try expectEqual(x.clamped(-1, 2), [6], [-1, -1, 0.5, 2, 2, .nan])
    let (_, gradient) = valueWithGradient(at: x) { ($0.clamped(-1, 2) * 3).sum() }
    try expectEqual(gradient[0..<5], [5], [0, 3, 3, 3, 0])
  }

  @Test("Selecting takes one or the other, with its gradient", arguments: Setting.all)
  func selecting(setting: Setting) throws {
    let condition = setting.tensor([[1, 0, -2], [0, 3, 0]])
    let x = setting.range([2, 3])
    let y = setting.tensor([10, 20, 30])
    try expectEqual(condition.select(x, y), [2, 3], [0, 20, 2, 10, 4, 30])
    let (_, gradients) = valueWithGradient(at: [condition, x, y]) {
      $0[0].select($0[1], $0[2]).sum()
    }
    try expectEqual(gradients[0], [2, 3], [0, 0, 0, 0, 0, 0])
    try expectEqual(gradients[1], [2, 3], [1, 0, 1, 0, 1, 0])
    try expectEqual(gradients[2], [3], [1, 1, 1])
  }

  // MARK: Conversions

  @Test("Every dtype converts to every other", arguments: TestDevices.all)
  func conversions(device: Device) throws {
    let dtypes = DType.allCases.filter(device.supports)
    for source in dtypes {
      // Numbers that every dtype holds, and some that only floats do.
      let values = source.isFloatingPoint ? [0, 1, 100, 2.5, -2.5, 0.75] : [0, 1, 100, 7]
      let x = Tensor(values, dtype: source, on: device)
      #expect(x.dtype == source)
      // Each from one that is computed in, and to it, is enough of kernels.
      for target in dtypes
      where device == .reference || source == .float32 || target == .float32 || source == .int64 {
        let y = x.cast(to: target)
        #expect(y.dtype == target)
        let expected = values.map { value -> Double in
          guard !target.isFloatingPoint else { return value }
          let whole = value.rounded(.towardZero)
          return target == .uint8 ? Swift.max(whole, 0) : whole
        }
        #expect(try y.array(of: Double.self) == expected, "\(source) to \(target)")
      }
    }
  }

  @Test("Numbers stop at an integer's bounds", arguments: TestDevices.all)
  func saturation(device: Device) throws {
    let x = Tensor([1e30, -1e30, .nan, 300, -1], on: device)
    #expect(
      try x.cast(to: .int32).array(of: Int32.self) == [Int32.max, Int32.min, 0, 300, -1])
    #expect(try x.cast(to: .uint8).array(of: UInt8.self) == [255, 0, 0, 255, 0])
    #expect(
      try x.cast(to: .int64).array(of: Int64.self) == [Int64.max, Int64.min, 0, 300, -1])
  }

  @Test(
    "The gradient of a conversion is converted back",
    arguments: TestDevices.supporting(.float64))
  func conversionGradient(device: Device) throws {
    let x = Tensor([1, 2, 3], dtype: .float32, on: device)
    let (value, gradient) = valueWithGradient(at: x) { ($0.cast(to: .float64) * 2.5).sum() }
    #expect(value.dtype == .float64)
    #expect(gradient.dtype == .float32)
    try expectEqual(gradient, [3], [2.5, 2.5, 2.5])
    let (_, none) = valueWithGradient(at: x) {
      ($0 * $0.cast(to: .int32).cast(to: .float32)).sum()
    }
    try expectEqual(none, [3], [1, 2, 3])
  }

  // MARK: Chains

  @Test("A chain of arithmetic is one launch forward and one back", arguments: Setting.all)
  func fusion(setting: Setting) throws {
    let device = try Device.unshared(setting.device.identifier)
    let here = Setting(device, setting.dtype)
    let (a, b, c) = ([1.0, -2, 0.5], [2.0, 0.25, -1], [0.5, 1, 4])
    let tensors = [a, b, c].map { here.tensor($0) }
    func launches<Result>(_ body: () -> Result) -> (Result, Int) {
      let before = device.statistics.launches
      let result = body()
      return (result, device.statistics.launches - before)
    }
    let ones = here.tensor([1, 1, 1])

    let one = { (x: Double) in x * x + tanh(x) }
    let oneSlope = { (x: Double) in 2 * x + 1 - tanh(x) * tanh(x) }
    let two = { (x: Double, y: Double) in (x * y).magnitude + y }
    let three = { (x: Double, y: Double, z: Double) in x * y + y * z }

    let ((y1, back1), forward1) = launches {
      valueWithPullback(at: [tensors[0]]) { fused($0[0]) { $0 * $0 + $0.tanh } }
    }
    #expect(forward1 == 1)
    try expectClose(y1, a.map(one), .ulps(8))
    let (gradient1, backward1) = launches { back1(ones) }
    #expect(backward1 == 1)
    try expectClose(gradient1[0], a.map(oneSlope), .absolute(16 * setting.epsilon))

    let ((y2, back2), forward2) = launches {
      valueWithPullback(at: Array(tensors[0..<2])) {
        fused($0[0], $0[1]) { ($0 * $1).magnitude + $1 }
      }
    }
    #expect(forward2 == 1)
    try expectClose(y2, zip(a, b).map(two))
    let (gradient2, backward2) = launches { back2(ones) }
    #expect(backward2 == 1)
    try expectClose(gradient2[0], [2, -0.25, 1])
    try expectClose(gradient2[1], [2, 3, 0.5])

    let ((y3, back3), forward3) = launches {
      valueWithPullback(at: tensors) { fused($0[0], $0[1], $0[2]) { $0 * $1 + $1 * $2 } }
    }
    #expect(forward3 == 1)
    try expectClose(y3, (0..<3).map { three(a[$0], b[$0], c[$0]) })
    let (gradient3, backward3) = launches { back3(ones) }
    #expect(backward3 == 1)
    try expectClose(gradient3[0], b)
    try expectClose(gradient3[1], zip(a, c).map(+))
    try expectClose(gradient3[2], b)

    let ((y4, _), forward4) = launches {
      valueWithPullback(at: tensors) { fused($0) { $0[2] - $0[0] * $0[1] } }
    }
    #expect(forward4 == 1)
    try expectClose(y4, (0..<3).map { c[$0] - a[$0] * b[$0] })
  }

  @Test("A chain's operands are broadcast, and its gradients summed", arguments: Setting.all)
  func broadcastFusion(setting: Setting) throws {
    let x = setting.range([2, 3])
    let y = setting.tensor([1, 2, 4])
    let (value, pullback) = valueWithPullback(at: [x, y]) {
      fused($0[0], $0[1]) { $0 * $1 + 1 }
    }
    try expectEqual(value, [2, 3], [1, 3, 9, 4, 9, 21])
    let gradients = pullback(setting.tensor([[1, 1, 1], [2, 2, 2]]))
    try expectEqual(gradients[0], [2, 3], [1, 2, 4, 2, 4, 8])
    try expectEqual(gradients[1], [3], [6, 9, 12])
  }
}
