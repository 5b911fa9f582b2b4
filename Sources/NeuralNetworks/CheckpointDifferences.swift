public import Compute
import OrderedCollections
import Tensors

/// How the arrays of a file differ from those of a model, under the model's names.
public struct CheckpointDifferences: Hashable, Sendable {
  /// An array that only one of the two has.
  public struct NamedShape: Hashable, Sendable {
    /// The name.
    public let name: String
    /// The lengths of the axes.
    public let shape: Shape
  }

  /// An array that has another shape in the file.
  public struct ShapeDifference: Hashable, Sendable {
    /// The name.
    public let name: String
    /// The shape in the file.
    public let found: Shape
    /// The shape in the model.
    public let expected: Shape
  }

  /// An array whose numbers cannot be the model's.
  public struct DTypeDifference: Hashable, Sendable {
    /// Why they cannot.
    public enum Reason: Hashable, Sendable {
      /// Integers for floating-point numbers, or the other way round.
      case kind
      /// A finite number is beyond the range of the model's dtype.
      case range
    }
    /// The name.
    public let name: String
    /// The dtype in the file.
    public let found: DType
    /// The dtype in the model.
    public let expected: DType
    /// Why the numbers cannot be converted.
    public let reason: Reason
  }

  /// What the model has and the file lacks, in the model's order.
  public private(set) var missing: [NamedShape] = []
  /// What the file has and the model lacks, in the file's order.
  public private(set) var unexpected: [NamedShape] = []
  /// What has another shape.
  public private(set) var misshapen: [ShapeDifference] = []
  /// What has numbers that cannot be converted.
  public private(set) var unconvertible: [DTypeDifference] = []

  /// Whether file and model have the same arrays.
  public var isEmpty: Bool { allow(isStrict: true) }

  /// Whether the arrays may be loaded.
  func allow(isStrict: Bool) -> Bool {
    misshapen.isEmpty && unconvertible.isEmpty
      && (!isStrict || missing.isEmpty && unexpected.isEmpty)
  }

  /// Compares arrays whose names have the prefix with the tensors of a model.
  init(
    between saved: Safetensors, _ prefix: String, and expected: OrderedDictionary<String, Tensor>
  ) {
    for (path, tensor) in expected {
      guard let array = saved[prefix + path] else {
        missing.append(NamedShape(name: path, shape: tensor.shape))
        continue
      }
      if array.shape != tensor.shape {
        misshapen.append(.init(name: path, found: array.shape, expected: tensor.shape))
      } else if let reason = array.reasonAgainst(tensor.dtype) {
        unconvertible.append(
          .init(name: path, found: array.dtype, expected: tensor.dtype, reason: reason))
      }
    }
    for array in saved.arrays where array.name.hasPrefix(prefix) {
      let name = String(array.name.dropFirst(prefix.count))
      guard expected[name] == nil else { continue }
      unexpected.append(NamedShape(name: name, shape: array.shape))
    }
  }

  /// What stands before all missing names in the file, if they are all there behind it.
  private var commonPrefix: String? {
    guard let first = missing.first else { return nil }
    let names = Set(unexpected.map(\.name))
    let candidates = unexpected.map(\.name).filter { $0.hasSuffix(first.name) }
      .map { String($0.dropLast(first.name.count)) }
    return candidates.first { prefix in missing.allSatisfy { names.contains(prefix + $0.name) } }
  }
}

extension CheckpointDifferences: CustomStringConvertible {
  /// The kinds of differences, each with their number and the first few, in one line.
  public var description: String {
    var parts = [
      Self.listed("missing", missing.map { "\($0.name) \($0.shape)" }),
      Self.listed("unexpected", unexpected.map { "\($0.name) \($0.shape)" }),
      Self.listed(
        "misshapen", misshapen.map { "\($0.name) is \($0.found) in place of \($0.expected)" }),
      Self.listed("unconvertible", unconvertible.map(\.description)),
    ].compactMap { $0 }
    if let commonPrefix {
      parts.append("what is missing is there with the prefix '\(commonPrefix)'")
    }
    return parts.joined(separator: "; ")
  }

  private static func listed(_ kind: String, _ items: [String]) -> String? {
    guard !items.isEmpty else { return nil }
    let limit = 6
    let shown = items.count <= limit ? items[...] : items.prefix(limit - 2)
    let rest = items.count - shown.count
    return "\(items.count) \(kind): " + shown.joined(separator: ", ")
      + (rest == 0 ? "" : " and \(rest) more")
  }
}

extension CheckpointDifferences.DTypeDifference: CustomStringConvertible {
  /// The name and why its numbers cannot be converted.
  public var description: String {
    switch reason {
    case .kind: "\(name) is \(found) in place of \(expected)"
    case .range: "\(name) has numbers of \(found) that are too large for \(expected)"
    }
  }
}

extension Safetensors.NamedArray {
  /// Why the numbers cannot be a model's of a dtype, or nil when they can.
  fileprivate func reasonAgainst(
    _ expected: DType
  ) -> CheckpointDifferences.DTypeDifference.Reason? {
    guard dtype.isFloatingPoint == expected.isFloatingPoint else { return .kind }
    guard dtype == .float64, expected == .float32 else { return nil }
    let overflows = bytes.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: MemoryLayout<UInt64>.size).contains { offset in
        let bits = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let value = Double(bitPattern: UInt64(littleEndian: bits))
        return value.isFinite && !Float(value).isFinite
      }
    }
    return overflows ? .range : nil
  }
}

/// A file's arrays are not those of the model, or of the optimiser.
public struct CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file, as it was named by the caller.
  public let source: String
  /// All that does not fit.
  public let differences: CheckpointDifferences
  /// Whose values they were to be.
  var subject = "model"

  /// Everything that does not fit, in one line.
  public var description: String {
    "\(source) does not hold this \(subject)'s values; \(differences)"
  }
}
