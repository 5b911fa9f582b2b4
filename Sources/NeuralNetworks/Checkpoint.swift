import Compute
public import Foundation
import OrderedCollections
import Tensors

extension Module {
  /// The values of parameters and running states as named arrays, in the order PyTorch has them.
  ///
  /// Waits for the device; throws what went wrong in computing them.
  public func savedState() throws -> Safetensors { try savedState(withTransients: false) }

  /// The values as named arrays; `withTransients` also those states that files are without.
  func savedState(withTransients: Bool) throws -> Safetensors {
    _ = requireLayout("savedState")
    var arrays: [Safetensors.NamedArray] = []
    for (path, tensor) in namedTensors(withTransients: withTransients) {
      arrays.append(
        .init(name: path, dtype: tensor.dtype, shape: tensor.shape, bytes: try tensor.bytes()))
    }
    return Safetensors(arrays)
  }

  /// Saves parameters and running states with PyTorch's names and layouts.
  ///
  /// The file replaces an older one only when it is complete.
  public func save(to url: URL) throws { try savedState().write(to: url) }

  /// Takes parameters and running states from a file, such as a PyTorch `state_dict`.
  ///
  /// The arrays are found by name; floating-point ones are converted to the model's dtype. Throws
  /// ``CheckpointError`` that lists all that does not fit, or `SafetensorsError`; then nothing was
  /// changed.
  ///
  /// - Parameters:
  ///   - url: A safetensors file.
  ///   - prefix: What stands before the model's names in the file, such as `module.`; arrays of
  ///     other names are not looked at.
  ///   - isStrict: Whether the file must have all of the model's arrays and no others. If not, those
  ///     that it lacks keep their values, and others are left out; what is there must fit.
  /// - Returns: What was missing and unexpected; nothing when strict.
  @discardableResult
  public func load(
    from url: URL, prefix: String = "", isStrict: Bool = true
  ) throws -> CheckpointDifferences {
    try load(
      Safetensors(contentsOf: url), from: url.relativePath, prefix: prefix, isStrict: isStrict)
  }

  /// Takes parameters and running states from named arrays, as ``load(from:prefix:isStrict:)`` does.
  @discardableResult
  public func load(
    _ saved: Safetensors, from source: String = "the arrays", prefix: String = "",
    isStrict: Bool = true
  ) throws -> CheckpointDifferences {
    try load(saved, from: source, prefix: prefix, isStrict: isStrict, withTransients: false)
  }

  /// Takes values from named arrays; `withTransients` also those that files are without.
  @discardableResult
  func load(
    _ saved: Safetensors, from source: String, prefix: String = "", isStrict: Bool = true,
    withTransients: Bool
  ) throws -> CheckpointDifferences {
    let device = requireLayout("load").arena.device
    let expected = namedTensors(withTransients: withTransients)
    let saved = withOwnNames(saved, prefix)
    let differences = CheckpointDifferences(between: saved, prefix, and: expected)
    guard differences.allow(isStrict: isStrict) else {
      throw CheckpointError(source: source, differences: differences)
    }
    let parameters = self.parameters
    let states = runningStates
    for (path, tensor) in expected {
      guard let array = saved[prefix + path] else { continue }
      let values = array.bytes.withUnsafeBytes {
        Tensor.converting($0, from: array.dtype, shape: array.shape, to: tensor.dtype, on: device)
      }
      parameters[path]?.assign(values)
      states[path]?.assign(values)
    }
    return differences
  }

  /// The arrays, where they have a synonym of a name, by that name.
  private func withOwnNames(_ saved: Safetensors, _ root: String) -> Safetensors {
    var names: [String: String] = [:]
    var taken: Set<String> = []
    walk { path, module in
      let prefix = root + (path.isEmpty ? "" : path + ".")
      for (synonym, name) in module.synonyms
      where saved[prefix + name] == nil && saved[prefix + synonym] != nil {
        // Of several synonyms in one file the first counts; the others are unexpected.
        if taken.insert(prefix + name).inserted { names[prefix + synonym] = prefix + name }
      }
    }
    guard !names.isEmpty else { return saved }
    return Safetensors(
      saved.arrays.map {
        .init(name: names[$0.name] ?? $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes)
      })
  }

  /// Parameters and states, module by module, each module's parameters before its states.
  private func namedTensors(withTransients: Bool) -> OrderedDictionary<String, Tensor> {
    let parameters = self.parameters
    let states = runningStates.filter { $0.value.isSaved || withTransients }
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
