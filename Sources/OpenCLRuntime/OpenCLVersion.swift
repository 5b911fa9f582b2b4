/// A version of OpenCL or of OpenCL C.
public struct OpenCLVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The 3 of 3.0.
  public let major: Int
  /// The 0 of 3.0.
  public let minor: Int

  /// Makes a version from its parts.
  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// The first `major.minor` in a driver's text, such as `OpenCL C 1.2 PoCL`, or nil without one.
  init?(in text: String) {
    for word in text.split(separator: " ") {
      let parts = word.split(separator: ".", maxSplits: 1)
      guard parts.count == 2, let major = Int(parts[0]),
        let minor = Int(parts[1].prefix { $0.isNumber })
      else { continue }
      self.init(major, minor)
      return
    }
    return nil
  }

  /// A cl_version: 10 bits of major and 10 of minor above 12 of patch.
  init(packed: UInt32) {
    self.init(Int(packed >> 22), Int(packed >> 12 & 0x3FF))
  }

  /// Orders by age.
  public static func < (left: OpenCLVersion, right: OpenCLVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  /// The version as people write it: `3.0`.
  public var description: String { "\(major).\(minor)" }
}
