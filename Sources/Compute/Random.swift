/// The distributions that devices draw from.
public enum RandomDistribution: String, CaseIterable, Sendable {
  /// Uniform on [0, 1): 24 random bits in float32, 53 in float64.
  case uniform
  /// Normal with mean 0 and variance 1, by the Box–Muller transform of two uniforms.
  case normal
}

/// Random numbers.
public protocol RandomBackend {
  /// Fills a contiguous view with numbers that depend on key, draw and position alone.
  ///
  /// One Philox block (counter: block number, then the key's stream) serves four float32 or two
  /// float64 elements: see `RandomKey.block(_:)`. Uniforms have the same bits on every backend,
  /// normals agree within rounding.
  ///
  /// - Parameters:
  ///   - distribution: What is drawn from.
  ///   - key: The stream.
  ///   - draw: One int64 on the device, the upper half of every block's number, so that a replayed
  ///     launch draws anew; nil for 0.
  ///   - output: float32 or float64.
  func random(
    _ distribution: RandomDistribution, key: RandomKey, draw: View?, into output: View) throws
}

extension RandomBackend {
  /// Fills a contiguous view with the numbers of draw 0.
  public func random(
    _ distribution: RandomDistribution, key: RandomKey, into output: View
  ) throws {
    try random(distribution, key: key, draw: nil, into: output)
  }

  /// Traps unless views are what ``random(_:key:draw:into:)`` takes.
  package func checkRandom(draw: View?, output: View) {
    require(
      draw.map { $0.count == 1 && $0.dtype == .int64 } ?? true,
      "random: the number of the draw is a \(draw?.dtype ?? .int64) view of shape "
        + "\(draw?.shape ?? .scalar); one int64 was expected")
    require(
      output.isContiguous && output.dtype.isComputed,
      "random: a \(output.dtype) view with strides \(output.strides) came; a contiguous one of "
        + "float32 or float64 was expected")
  }
}
