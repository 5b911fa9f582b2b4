public import Compute
public import Tensors

/// Every device of this machine, for tests that run on each.
public enum TestDevices {
  /// The devices in the order of `Device.available`.
  ///
  /// A device that is listed but cannot be opened stops the tests: it must not go untested.
  public static let all: [Device] = Device.available.map { description in
    do {
      return try Device(named: description.identifier)
    } catch {
      fatalError("device \(description.identifier) is listed, but: \(error)")
    }
  }

  /// The devices that hold tensors of a dtype.
  public static func supporting(_ dtype: DType) -> [Device] {
    all.filter { $0.supports(dtype) }
  }

  /// Each device beside each other and itself, where both hold tensors of a dtype.
  public static func pairs(supporting dtype: DType) -> [DevicePair] {
    let devices = supporting(dtype)
    return devices.enumerated().flatMap { position, first in
      devices[position...].map { DevicePair(first: first, second: $0) }
    }
  }
}

/// Two devices that are held to each other.
public struct DevicePair: Sendable, CustomStringConvertible {
  /// One device.
  public let first: Device
  /// The other; it may be the same.
  public let second: Device
  /// Both identifiers.
  public var description: String { "\(first.identifier) and \(second.identifier)" }
}

/// A device and the dtype that a test computes in.
public struct Setting: Sendable, CustomStringConvertible {
  /// Where the test's tensors are.
  public let device: Device
  /// The type of the test's floating-point tensors.
  public let dtype: DType

  /// Creates a setting.
  public init(_ device: Device, _ dtype: DType) {
    self.device = device
    self.dtype = dtype
  }

  /// float32 and float64 on every device that has them.
  public static let all: [Setting] = TestDevices.all.flatMap { device in
    [DType.float32, .float64].filter(device.supports).map { Setting(device, $0) }
  }

  /// Of cases that are a kernel each, those that are worth building one for: all on the reference,
  /// every second in float32 on a device and every fourth in float64.
  ///
  /// That a device's kernels agree with the reference on every length and layout is shown by the
  /// tests of its backend.
  public func chosen<Case>(_ cases: [Case]) -> [Case] {
    let step = device == .reference ? 1 : dtype == .float32 ? 2 : 4
    return stride(from: 0, to: cases.count, by: step).map { cases[$0] }
  }

  /// Both parts, such as `cpu float64`.
  public var description: String { "\(device.identifier) \(dtype)" }

  /// The distance from 1 to the next number of the dtype.
  public var epsilon: Double { dtype.epsilon }

  /// A tensor of the given numbers.
  public func tensor(_ values: [Double], _ shape: Shape) -> Tensor {
    Tensor(values, shape: shape, dtype: dtype, on: device)
  }

  /// A vector of the given numbers.
  public func tensor(_ values: [Double]) -> Tensor { tensor(values, [values.count]) }

  /// A matrix of the given rows.
  public func tensor(_ rows: [[Double]]) -> Tensor { Tensor(rows, dtype: dtype, on: device) }

  /// The numbers 0, 1, … in a shape.
  public func range(_ shape: Shape) -> Tensor {
    tensor((0..<shape.count).map(Double.init), shape)
  }
}

extension DType {
  /// The distance from 1 to the next number, of a type that is computed in.
  public var epsilon: Double { self == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne) }

  /// The least normal magnitude, of a type that is computed in.
  public var leastNormal: Double {
    self == .float64 ? .leastNormalMagnitude : Double(Float.leastNormalMagnitude)
  }
}
