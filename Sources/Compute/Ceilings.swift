/// What a device can do at most, as measured: what kernels that compute are held to.
public struct DeviceCeilings: Sendable, Hashable, Codable {
  /// Float32 operations a second, of products and sums that depend on nothing but themselves; a
  /// fused multiply-add is two.
  public let operationsPerSecond: Double
  /// Bytes a second, read and written, of a plain copy that no cache holds.
  public let bytesPerSecond: Double

  /// Creates ceilings.
  public init(operationsPerSecond: Double, bytesPerSecond: Double) {
    self.operationsPerSecond = operationsPerSecond
    self.bytesPerSecond = bytesPerSecond
  }
}

/// Measuring the device itself.
public protocol CeilingsBackend {
  /// Measures what the device can do at most, in about a second; nil where that says nothing.
  func measureCeilings() throws -> DeviceCeilings?
}

extension CeilingsBackend {
  /// Nothing, for backends that are not made for speed.
  public func measureCeilings() throws -> DeviceCeilings? { nil }
}
