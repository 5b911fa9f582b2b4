public import Compute
import Synchronization
public import Tensors

/// A backend that computes as the reference does, tells what it was asked, and fails on demand.
public final class WatchedBackend: Backend {
  /// What a backend can be asked to do.
  public enum Call: String, Sendable {
    case allocate, write, read, wait, fence, fenceWait
    case map, reduce, multiply, normalize, normalizeGradient
    case classLoss, classLossGradient, gather, scatterAdd, random
    case convolve, convolveTransposed, convolutionWeightGradient, pool, poolGradient
  }

  /// Thrown by calls that were told to fail.
  public struct Refusal: Error, Equatable {
    /// The call that failed.
    public let call: Call

    /// The error of a call.
    public init(call: Call) { self.call = call }
  }

  private struct State {
    var calls: [Call] = []
    var fences = 0
    var waitedFences: [Int] = []
    var refuses: @Sendable (Call, Int) -> Bool = { _, _ in false }
  }

  private let base: any Backend
  private let state = Mutex(State())

  private let lacking: DType?
  private let spoilsProducts: Bool

  /// What may be tuned; nothing comes of it.
  public let tunableParameters: [TunableParameter]

  /// Creates a backend that watches one of its own, may lack a dtype, and may add 1 to every product
  /// of matrices.
  public init(
    lacking: DType? = nil, tunableParameters: [TunableParameter] = [], spoilsProducts: Bool = false
  ) {
    base = Device.unsharedReference().backend
    self.lacking = lacking
    self.tunableParameters = tunableParameters
    self.spoilsProducts = spoilsProducts
  }

  /// A device that computes with this backend.
  public var device: Device { Device(identifier: "watched", backend: self) }

  /// The calls since the last ``forget()``, in order.
  public var calls: [Call] { state.withLock { $0.calls } }

  /// The number of calls of a kind since the last ``forget()``.
  public func count(_ call: Call) -> Int { calls.count { $0 == call } }

  /// The numbers, from 0, of the fences that were waited for since the last ``forget()``.
  public var waitedFences: [Int] { state.withLock { $0.waitedFences } }

  /// Begins a new record of calls.
  public func forget() {
    state.withLock { state in
      state.calls = []
      state.waitedFences = []
    }
  }

  /// Lets calls fail; `refuses` is given each call and its number among those of its kind, from 0,
  /// since now.
  public func refuse(_ refuses: @escaping @Sendable (_ call: Call, _ number: Int) -> Bool) {
    forget()
    state.withLock { $0.refuses = refuses }
  }

  /// Lets no call fail.
  public func refuseNothing() { refuse { _, _ in false } }

  private func enter(_ call: Call) throws {
    let isRefused = state.withLock { state in
      let number = state.calls.count { $0 == call }
      state.calls.append(call)
      return state.refuses(call, number)
    }
    if isRefused { throw Refusal(call: call) }
  }

  // MARK: What is asked

  /// A name of its own.
  public var name: String { lacking.map { "without \($0)" } ?? "reference" }

  /// All but the one it lacks.
  public func supports(_ dtype: DType) -> Bool { dtype != lacking }

  /// As the reference.
  public var statistics: DeviceStatistics { base.statistics }

  /// As the reference.
  public func allocate(byteCount: Int) throws -> Storage {
    try enter(.allocate)
    return try base.allocate(byteCount: byteCount)
  }

  /// As the reference.
  public func write(
    _ bytes: UnsafeRawBufferPointer, to storage: Storage, atByte offset: Int
  ) throws {
    try enter(.write)
    try base.write(bytes, to: storage, atByte: offset)
  }

  /// As the reference.
  public func read(
    _ storage: Storage, atByte offset: Int, into bytes: UnsafeMutableRawBufferPointer
  ) throws {
    try enter(.read)
    try base.read(storage, atByte: offset, into: bytes)
  }

  /// As the reference.
  public func wait() throws {
    try enter(.wait)
    try base.wait()
  }

  /// A fence whose waits are told of.
  public func fence() throws -> any Fence {
    try enter(.fence)
    let number = state.withLock { state in
      state.fences += 1
      return state.fences - 1
    }
    return WatchedFence(backend: self, number: number)
  }

  private struct WatchedFence: Fence {
    let backend: WatchedBackend
    let number: Int

    func wait() throws {
      backend.state.withLock { $0.waitedFences.append(number) }
      try backend.enter(.fenceWait)
    }
  }

  /// As the reference.
  public func map(_ expressions: [Expression], of operands: [Operand], into outputs: [View]) throws
  {
    try enter(.map)
    try base.map(expressions, of: operands, into: outputs)
  }

  /// As the reference.
  public func reduce(
    _ reduction: Reduction, of expression: Expression, operands: [Operand], axes: [Int],
    scale: Double, into output: View
  ) throws {
    try enter(.reduce)
    try base.reduce(
      reduction, of: expression, operands: operands, axes: axes, scale: scale, into: output)
  }

  /// As the reference.
  public var matMulPrecision: MatMulPrecision { base.matMulPrecision }

  /// As the reference.
  public func multiply(
    _ a: View, _ b: View, epilogue: Epilogue?, into output: View, rowSums: View?
  ) throws {
    try enter(.multiply)
    try base.multiply(a, b, epilogue: epilogue, into: output, rowSums: rowSums)
    if spoilsProducts { try base.map([.input(0) + 1], of: [.view(output)], into: [output]) }
  }

  /// As the reference.
  public func convolve(
    _ x: View, weight: View, epilogue: Epilogue?, geometry: ConvolutionGeometry, into y: View
  ) throws {
    try enter(.convolve)
    try base.convolve(x, weight: weight, epilogue: epilogue, geometry: geometry, into: y)
  }

  /// As the reference.
  public func convolveTransposed(
    _ y: View, weight: View, epilogue: Epilogue?, geometry: ConvolutionGeometry, into x: View
  ) throws {
    try enter(.convolveTransposed)
    try base.convolveTransposed(y, weight: weight, epilogue: epilogue, geometry: geometry, into: x)
  }

  /// As the reference.
  public func convolutionWeightGradient(
    _ cotangent: View, x: View, geometry: ConvolutionGeometry, into gradient: View,
    biasGradient: View?
  ) throws {
    try enter(.convolutionWeightGradient)
    try base.convolutionWeightGradient(
      cotangent, x: x, geometry: geometry, into: gradient, biasGradient: biasGradient)
  }

  /// As the reference.
  public func pool(
    _ x: View, _ pooling: Pooling, geometry: PoolingGeometry, into y: View, taps: View?
  ) throws {
    try enter(.pool)
    try base.pool(x, pooling, geometry: geometry, into: y, taps: taps)
  }

  /// As the reference.
  public func poolGradient(
    _ cotangent: View, _ pooling: Pooling, geometry: PoolingGeometry, taps: View?,
    epilogue: Epilogue?, into gradient: View
  ) throws {
    try enter(.poolGradient)
    try base.poolGradient(
      cotangent, pooling, geometry: geometry, taps: taps, epilogue: epilogue, into: gradient)
  }

  /// As the reference.
  public func normalize(
    _ x: View, geometry: NormalizationGeometry, mode: NormalizationMode, epsilon: Double,
    scale: View?, shift: View?, activation: Expression?,
    into y: View, mean: View, inverseDeviation: View
  ) throws {
    try enter(.normalize)
    try base.normalize(
      x, geometry: geometry, mode: mode, epsilon: epsilon, scale: scale, shift: shift,
      activation: activation, into: y, mean: mean, inverseDeviation: inverseDeviation)
  }

  /// As the reference.
  public func normalizeGradient(
    _ cotangent: View, x: View, mean: View, inverseDeviation: View,
    geometry: NormalizationGeometry, mode: NormalizationMode, scale: View?, shift: View?,
    activationDerivative: Expression?,
    into xGradient: View, scaleGradient: View?, shiftGradient: View?
  ) throws {
    try enter(.normalizeGradient)
    try base.normalizeGradient(
      cotangent, x: x, mean: mean, inverseDeviation: inverseDeviation, geometry: geometry,
      mode: mode, scale: scale, shift: shift, activationDerivative: activationDerivative,
      into: xGradient, scaleGradient: scaleGradient, shiftGradient: shiftGradient)
  }

  /// As the reference.
  public func classLoss(
    _ loss: ClassLoss, scores: View, targets: View, weights: View?, into losses: View,
    statistics: View
  ) throws {
    try enter(.classLoss)
    try base.classLoss(
      loss, scores: scores, targets: targets, weights: weights, into: losses,
      statistics: statistics)
  }

  /// As the reference.
  public func classLossGradient(
    _ loss: ClassLoss, cotangent: View, scores: View, targets: View, weights: View?,
    statistics: View, into gradient: View, targetGradient: View?
  ) throws {
    try enter(.classLossGradient)
    try base.classLossGradient(
      loss, cotangent: cotangent, scores: scores, targets: targets, weights: weights,
      statistics: statistics, into: gradient, targetGradient: targetGradient)
  }

  /// As the reference.
  public func gather(_ table: View, indices: View, into output: View) throws {
    try enter(.gather)
    try base.gather(table, indices: indices, into: output)
  }

  /// As the reference.
  public func scatterAdd(_ values: View, indices: View, into output: View) throws {
    try enter(.scatterAdd)
    try base.scatterAdd(values, indices: indices, into: output)
  }

  /// As the reference.
  public func random(
    _ distribution: RandomDistribution, key: RandomKey, draw: View?, into output: View
  ) throws {
    try enter(.random)
    try base.random(distribution, key: key, draw: draw, into: output)
  }

  /// None: every call is to be seen.
  public func makeRecorder() -> (any LaunchRecorder)? { nil }
}
