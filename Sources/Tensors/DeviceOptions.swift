public import Compute
import OpenCLBackend

/// How a device is opened for a purpose of its own.
public struct DeviceOptions: Sendable, Hashable {
  /// The kernels for a kind of device, which run on every other too.
  public enum Kernels: String, Sendable, CaseIterable {
    /// Explicit vectors, one work-item a tile.
    case processor
    /// Local memory, many work-items a tile.
    case graphics
  }

  /// Whether ``DeviceStatistics/kernelTimes`` are noted, which costs some time.
  public var isProfiling = false
  /// The kernels to use; nil for those that suit the device.
  public var kernels: Kernels?
  /// Whether the small launches of a captured step are one launch: nil where that is usual and
  /// once it pays, else always, at once, or never.
  public var isChaining: Bool?

  /// To what elements of float32 matrices may be rounded before they are multiplied.
  ///
  /// Tensor cores of NVIDIA's GPUs, of compute capability 8.0 and above, are made for that. Where
  /// there are none, or they fail a trial at the start, nothing is rounded and a line in the log
  /// says so; ``Device/matMulPrecision`` is what is in use. Only matrix products are rounded:
  /// convolutions are not.
  public var matMulPrecision = MatMulPrecision.float32

  /// What differs from the device's usual division of work, by the names of
  /// ``Device/tunableParameters``; nil for what was tuned for it, if nothing else is chosen here.
  public var tuning: [String: Int]?

  /// Creates options.
  public init(
    isProfiling: Bool = false, kernels: Kernels? = nil, isChaining: Bool? = nil,
    matMulPrecision: MatMulPrecision = .float32, tuning: [String: Int]? = nil
  ) {
    self.matMulPrecision = matMulPrecision
    self.tuning = tuning
    self.isProfiling = isProfiling
    self.kernels = kernels
    self.isChaining = isChaining
  }

  /// What is changed of the usual profile; nil where the device is used as it was tuned.
  var adjustment: ((inout DeviceProfile) throws -> Void)? {
    let usesWhatWasTuned = kernels == nil && isChaining == nil && tuning == nil
    return usesWhatWasTuned ? nil : { try adjust(&$0) }
  }

  private func adjust(_ profile: inout DeviceProfile) throws {
    switch kernels {
    case .processor: profile = .cpu
    case .graphics: profile = .gpu
    case nil: break
    }
    if let isChaining {
      profile.chainedWork = isChaining ? DeviceProfile.cpu.chainedWork : 0
      profile.chainDelay = 0
    }
    if let tuning { try profile.apply(tuning) }
  }
}
