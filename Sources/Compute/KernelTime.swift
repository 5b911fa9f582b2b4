/// What the launches of one kernel took on a device.
public struct KernelTime: Sendable, Hashable, Codable {
  /// The kernel, by its source file, its function and what sets its variant apart, such as
  /// `matmul.multiply_panels`.
  public let kernel: String
  /// The number of launches that have run.
  public let launches: Int
  /// How long they ran together, by the device's clock, in seconds.
  public let seconds: Double

  /// Creates a record.
  public init(kernel: String, launches: Int, seconds: Double) {
    self.kernel = kernel
    self.launches = launches
    self.seconds = seconds
  }
}

extension [KernelTime] {
  /// What was added since an earlier look, the longest first.
  public func subtracting(_ earlier: [KernelTime]) -> [KernelTime] {
    let earlier = Dictionary(uniqueKeysWithValues: earlier.map { ($0.kernel, $0) })
    return map { time in
      let before = earlier[time.kernel]
      return KernelTime(
        kernel: time.kernel, launches: time.launches - (before?.launches ?? 0),
        seconds: time.seconds - (before?.seconds ?? 0))
    }
    .filter { $0.launches > 0 }.sorted { $0.seconds > $1.seconds }
  }
}
