/// Why a backend could not do what it was asked.
public struct BackendError: Error, Sendable, CustomStringConvertible {
  /// The kinds that a caller may want to tell apart.
  public enum Kind: Sendable, Hashable {
    /// The device or the byte budget has no room; the message says how much was wanted and held.
    case outOfMemory
    /// A kernel's source was not found or did not compile.
    case build
    /// The device no longer answers; its tensors are lost.
    case deviceLost
    /// Any other failure of the device or its driver.
    case execution
  }

  /// What went wrong.
  public let kind: Kind
  /// One line that says what was attempted and why it failed; details may follow on more lines.
  public let message: String

  /// Creates an error.
  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
