/// A number that says how a device divides its work, and changes speed alone.
public struct TunableParameter: Sendable, Hashable, Codable {
  /// The name under which it is set.
  public let name: String
  /// The value in use.
  public let value: Int
  /// The values that are worth trying, the one in use among them.
  public let candidates: [Int]

  /// Creates a parameter.
  public init(name: String, value: Int, candidates: [Int]) {
    self.name = name
    self.value = value
    self.candidates = candidates
  }
}

/// What was found best for a device: kept on disk, and used wherever the device is opened.
public struct TuningEntry: Sendable, Hashable, Codable {
  /// The platform, the device and the driver's version that it is for.
  public let device: String
  /// The values that differ from the usual ones, by name.
  public let values: [String: Int]
  /// When it was found, in ISO 8601.
  public let date: String
  /// What tells it from others of the device: the hash of the rest.
  public let identifier: String

  /// Creates an entry.
  public init(device: String, values: [String: Int], date: String, identifier: String) {
    self.device = device
    self.values = values
    self.date = date
    self.identifier = identifier
  }
}

/// Being told what is fast.
public protocol TuningBackend {
  /// What may be tuned; empty where nothing is.
  var tunableParameters: [TunableParameter] { get }

  /// The entry that is in use; nil where the usual values are.
  var tuningEntry: TuningEntry? { get }

  /// Keeps values for all who open the device from now on; none, to forget what was kept.
  ///
  /// Returns the entry, and throws when it cannot be written.
  func keepTuning(_ values: [String: Int]) throws -> TuningEntry?
}

extension TuningBackend {
  /// Nothing.
  public var tunableParameters: [TunableParameter] { [] }

  /// None.
  public var tuningEntry: TuningEntry? { nil }

  /// Keeps nothing.
  public func keepTuning(_ values: [String: Int]) throws -> TuningEntry? { nil }
}
