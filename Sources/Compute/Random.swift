/// The distributions that devices draw from.
public enum RandomDistribution: String, CaseIterable, Sendable {
  /// Uniform on [0, 1): 24 random bits in float32, 53 in float64.
  case uniform
  /// Normal with mean 0 and variance 1, by the Box–Muller transform of two uniforms.
  case normal
}

/// Random numbers.
public protocol RandomBackend {
  /// Fills a contiguous view with numbers that depend on the key and the position alone.
  ///
  /// One Philox block (counter: block number, then the key's stream) serves four float32 or two
  /// float64 elements: see `RandomKey.block(_:)`. Uniforms have the same bits on every backend,
  /// normals agree within rounding.
  func random(_ distribution: RandomDistribution, key: RandomKey, into output: View) throws
}
