/// What a device reports of itself, without opening it.
public struct DeviceDescription: Sendable, Hashable, Codable {
  /// The kinds of devices.
  public enum Kind: String, Sendable, Hashable, Codable {
    /// A graphics processor.
    case gpu
    /// A processor through an OpenCL driver.
    case cpu
    /// Any other OpenCL device.
    case accelerator
    /// The CPU reference backend.
    case reference
  }

  /// The name that selects the device, such as `opencl:0`.
  public var identifier: String
  /// The device's kind.
  public var kind: Kind
  /// The name its driver gives.
  public var name: String
  /// Who made it; empty for the reference.
  public var vendor: String
  /// The OpenCL version, driver and platform; empty for the reference.
  public var driver: String
  /// Compute units, or cores.
  public var computeUnits: Int
  /// Memory in bytes.
  public var memory: Int
  /// The largest single allocation in bytes.
  public var largestAllocation: Int
  /// Local memory of a work-group in bytes.
  public var localMemory: Int
  /// The most work-items of a work-group.
  public var largestWorkGroup: Int
  /// Whether it computes in double precision.
  public var supportsFloat64: Bool
  /// Whether kernels may compute in half precision.
  public var supportsFloat16: Bool
  /// Whether work-items of a sub-group can exchange values.
  public var supportsSubgroups: Bool
  /// Whether recorded command buffers can be replayed.
  public var supportsCommandBuffers: Bool

  /// Creates a description.
  public init(
    identifier: String, kind: Kind, name: String, vendor: String = "", driver: String = "",
    computeUnits: Int, memory: Int, largestAllocation: Int? = nil, localMemory: Int = 0,
    largestWorkGroup: Int = 1, supportsFloat64: Bool, supportsFloat16: Bool = false,
    supportsSubgroups: Bool = false, supportsCommandBuffers: Bool = false
  ) {
    self.identifier = identifier
    self.kind = kind
    self.name = name
    self.vendor = vendor
    self.driver = driver
    self.computeUnits = computeUnits
    self.memory = memory
    self.largestAllocation = largestAllocation ?? memory
    self.localMemory = localMemory
    self.largestWorkGroup = largestWorkGroup
    self.supportsFloat64 = supportsFloat64
    self.supportsFloat16 = supportsFloat16
    self.supportsSubgroups = supportsSubgroups
    self.supportsCommandBuffers = supportsCommandBuffers
  }
}
