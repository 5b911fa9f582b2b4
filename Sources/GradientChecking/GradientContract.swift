import Compute
import Tensors

/// What holds for the gradient of every function, whatever its derivative.
struct GradientContract {
  let points: [HostInput]
  let device: Device
  let key: RandomKey
  let function: ([Tensor]) -> Tensor

  /// The error that sums in another order may have, relative to a gradient's magnitude, cancellation
  /// of seven digits included; what is not linear is off by far more.
  private static let linearityTolerance = 1e-9
  /// The share of the values' and the other gradients' magnitude below which a gradient is made of
  /// rounding, such as that of a bias before a batch normalisation.
  private static let negligible = 1e-3

  /// Takes the gradient for a cotangent of the given weights, and checks the rules.
  ///
  /// Returns the gradient of each point, empty for one without, or nil if it has not the right
  /// form to be compared; and what is broken.
  func check(plain: [Double], shape: Shape, weights: [Double]) throws -> (
    gradients: [[Double]]?, broken: [String]
  ) {
    let pass = Pass(points, device, function)
    guard pass.value.shape == shape else {
      return (nil, ["differentiated, the value has shape \(pass.value.shape), else \(shape)"])
    }
    var broken: [String] = []
    let value = try pass.value.array(of: Double.self)
    if !isClose(value, plain, scale: largest(plain), tolerance: 1e-12) {
      broken.append("the value is another when it is being differentiated")
    }
    let gradients = pass.pullback(cotangent(weights, shape))
    for (point, gradient) in zip(differentiable, gradients) {
      if gradient.shape != point.shape || gradient.dtype != .float64 || gradient.device != device {
        broken.append(
          """
          the gradient of \(point.name) is \(gradient.dtype) of shape \(gradient.shape) on \
          \(gradient.device.identifier), the input float64 of shape \(point.shape) on \
          \(device.identifier)
          """)
        return (nil, broken)
      }
    }
    let first = try arrays(gradients)
    broken += try unusedAndZero(pass, first, shape)
    let floor = Self.negligible * first.map(largest).reduce(largest(plain), max)
    broken += try linear(pass, first, weights, shape, floor: floor)
    broken += try repeatable(pass, value, first, weights, shape, floor: floor)
    var rest = first.makeIterator()
    return (points.map { $0.isDifferentiable ? rest.next() ?? [] : [] }, broken)
  }

  /// One differentiation, with an input that the function does not use behind the others.
  private struct Pass {
    let value: Tensor
    let pullback: (Tensor) -> [Tensor]

    init(_ points: [HostInput], _ device: Device, _ function: ([Tensor]) -> Tensor) {
      let tensors = points.map { $0.tensor(.float64, on: device) }
      let tracked = zip(points, tensors).filter(\.0.isDifferentiable).map(\.1)
      let unused = Tensor.ones([2, 3], dtype: .float64, on: device)
      (value, pullback) = valueWithPullback(at: tracked + [unused]) { arguments in
        var next = arguments.makeIterator()
        return function(
          zip(points, tensors).map { $0.isDifferentiable ? next.next() ?? $1 : $1 })
      }
    }
  }

  private var differentiable: [HostInput] { points.filter(\.isDifferentiable) }

  private func cotangent(
    _ weights: [Double], _ shape: Shape, layout: SampleInput.Layout = .contiguous
  ) -> Tensor {
    HostInput(
      name: "cotangent", shape: shape, layout: layout, isDifferentiable: true, values: weights
    ).tensor(.float64, on: device)
  }

  private func arrays(_ gradients: [Tensor]) throws -> [[Double]] {
    try gradients.map { try $0.array(of: Double.self) }
  }

  private func unusedAndZero(_ pass: Pass, _ gradients: [[Double]], _ shape: Shape) throws
    -> [String]
  {
    var broken: [String] = []
    if gradients.last != [Double](repeating: 0, count: 6) {
      broken.append("an input that the value does not depend on has a gradient other than zeros")
    }
    let zeros = [Double](repeating: 0, count: shape.count)
    let ofZero = try arrays(pass.pullback(cotangent(zeros, shape)))
    for (point, gradient) in zip(differentiable, ofZero) where gradient.contains(where: { $0 != 0 })
    {
      broken.append("the gradient of \(point.name) is not zero for a zero cotangent")
    }
    return broken
  }

  /// P(v + w) = P(v) + P(w) and P(−4v) = −4·P(v).
  private func linear(
    _ pass: Pass, _ gradients: [[Double]], _ weights: [Double], _ shape: Shape, floor: Double
  ) throws -> [String] {
    let others = key["other"].weights(weights.count)
    let ofOthers = try arrays(pass.pullback(cotangent(others, shape)))
    let ofSum = try arrays(pass.pullback(cotangent(zip(weights, others).map { $0 + $1 }, shape)))
    let ofMultiple = try arrays(pass.pullback(cotangent(weights.map { -4 * $0 }, shape)))
    var broken: [String] = []
    for (number, point) in differentiable.enumerated() {
      let sum = zip(gradients[number], ofOthers[number]).map { $0 + $1 }
      let multiple = gradients[number].map { -4 * $0 }
      let scale = largest(gradients[number]) + largest(ofOthers[number]) + floor
      let tolerance = Self.linearityTolerance
      if !isClose(ofSum[number], sum, scale: scale, tolerance: tolerance)
        || !isClose(ofMultiple[number], multiple, scale: scale, tolerance: tolerance)
      {
        broken.append("the gradient of \(point.name) is not linear in the cotangent")
      }
    }
    return broken
  }

  /// The same again, from the same record, from a new one, and from a cotangent with gaps.
  private func repeatable(
    _ pass: Pass, _ value: [Double], _ gradients: [[Double]], _ weights: [Double], _ shape: Shape,
    floor: Double
  ) throws -> [String] {
    var broken: [String] = []
    let again = try arrays(pass.pullback(cotangent(weights, shape)))
    if !again.hasBits(of: gradients) {
      broken.append("the pullback, called twice, gives two gradients")
    }
    let other = Pass(points, device, function)
    let otherValue = try other.value.array(of: Double.self)
    if ![otherValue].hasBits(of: [value]) {
      return broken + ["two evaluations give two values: the function is random, or has state"]
    }
    if !(try arrays(other.pullback(cotangent(weights, shape)))).hasBits(of: gradients) {
      broken.append("two differentiations give two gradients")
    }
    let strided = try arrays(pass.pullback(cotangent(weights, shape, layout: .sliced)))
    for (number, point) in differentiable.enumerated()
    where !isClose(
      strided[number], gradients[number], scale: largest(gradients[number]) + floor,
      tolerance: Self.linearityTolerance)
    {
      broken.append("the gradient of \(point.name) depends on how the cotangent lies in memory")
    }
    return broken
  }

  private func largest(_ values: [Double]) -> Double { values.reduce(0) { max($0, abs($1)) } }

  private func isClose(
    _ left: [Double], _ right: [Double], scale: Double, tolerance: Double
  ) -> Bool {
    left.count == right.count
      && zip(left, right).allSatisfy { abs($0 - $1) <= tolerance * scale }
  }
}

extension [[Double]] {
  /// Whether all numbers have the same bits, so that a NaN equals itself and −0 is not 0.
  func hasBits(of other: [[Double]]) -> Bool {
    count == other.count
      && zip(self, other).allSatisfy { mine, theirs in
        mine.count == theirs.count
          && zip(mine, theirs).allSatisfy { $0.bitPattern == $1.bitPattern }
      }
  }
}
