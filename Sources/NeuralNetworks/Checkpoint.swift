import Compute
public import Foundation
import OrderedCollections
import Tensors

extension Module {
  /// The values of parameters and running states as named arrays, in the order PyTorch has them.
  ///
  /// Waits for the device; throws what went wrong in computing them.
  public func savedState() throws -> Safetensors {
    _ = requireLayout("savedState")
    var arrays: [Safetensors.NamedArray] = []
    for (path, tensor) in namedTensors {
      arrays.append(
        .init(name: path, dtype: tensor.dtype, shape: tensor.shape, bytes: try tensor.bytes()))
    }
    return Safetensors(arrays)
  }

  /// Saves parameters and running states with PyTorch's names and layouts.
  ///
  /// The file replaces an older one only when it is complete.
  public func save(to url: URL) throws { try savedState().write(to: url) }

  /// Takes parameters and running states from a file, which must hold just these.
  ///
  /// Floating-point arrays are converted to the model's dtype. Throws ``CheckpointError`` that
  /// lists what is missing, unexpected and misshapen, or `SafetensorsError`; then nothing was
  /// changed.
  public func load(from url: URL) throws {
    try load(Safetensors(contentsOf: url), from: url.path)
  }

  /// Takes parameters and running states from named arrays, which must be just these.
  public func load(_ saved: Safetensors, from source: String = "the arrays") throws {
    let device = requireLayout("load").arena.device
    let expected = namedTensors
    var problem = CheckpointError(source: source)
    for (path, tensor) in expected {
      guard let array = saved[path] else {
        problem.missing.append("\(path) \(tensor.shape)")
        continue
      }
      if array.shape != tensor.shape {
        problem.misfits.append("\(path) has shape \(array.shape), not \(tensor.shape)")
      } else if array.dtype.isFloatingPoint != tensor.dtype.isFloatingPoint {
        problem.misfits.append("\(path) is \(array.dtype), not \(tensor.dtype)")
      }
    }
    for array in saved.arrays where expected[array.name] == nil {
      problem.unexpected.append("\(array.name) \(array.shape)")
    }
    guard problem.isEmpty else { throw problem }
    let parameters = self.parameters
    let states = runningStates.filter(\.value.isSaved)
    for (path, tensor) in expected {
      guard let array = saved[path] else { continue }
      let values = array.bytes.withUnsafeBytes {
        Tensor.converting($0, from: array.dtype, shape: array.shape, to: tensor.dtype, on: device)
      }
      parameters[path]?.assign(values)
      states[path]?.assign(values)
    }
  }

  /// Parameters and states, module by module, each module's parameters before its states.
  private var namedTensors: OrderedDictionary<String, Tensor> {
    let parameters = self.parameters
    let states = runningStates.filter(\.value.isSaved)
    var found: OrderedDictionary<String, Tensor> = [:]
    walk { path, _ in
      func isOwn(_ name: String) -> Bool {
        path.isEmpty
          ? !name.contains(".")
          : name.hasPrefix(path + ".") && !name.dropFirst(path.count + 1).contains(".")
      }
      for (name, parameter) in parameters where isOwn(name) { found[name] = parameter.wrappedValue }
      for (name, state) in states where isOwn(name) { found[name] = state.wrappedValue }
    }
    // What lies in arrays of parameters has a number in its name, and comes last.
    for (name, parameter) in parameters where found[name] == nil {
      found[name] = parameter.wrappedValue
    }
    for (name, state) in states where found[name] == nil { found[name] = state.wrappedValue }
    return found
  }
}

/// A file's arrays are not those of the model.
public struct CheckpointError: Error, Sendable, CustomStringConvertible {
  /// The file.
  public let source: String
  /// Arrays of the model that the file lacks, with their shapes.
  public internal(set) var missing: [String] = []
  /// Arrays of the file that the model lacks, with their shapes.
  public internal(set) var unexpected: [String] = []
  /// Arrays of another shape or kind of number.
  public internal(set) var misfits: [String] = []

  init(source: String) { self.source = source }

  var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && misfits.isEmpty }

  /// Everything that does not fit, in one line.
  public var description: String {
    let parts = [("missing", missing), ("unexpected", unexpected), ("misfit", misfits)]
      .filter { !$0.1.isEmpty }
      .map { "\($0.0): \($0.1.joined(separator: ", "))" }
    return "\(source) does not hold this model's values; " + parts.joined(separator: "; ")
  }
}
