import Compute
public import Foundation
import OrderedCollections
import Tensors

extension Optimizer {
  /// Everything that the next step depends on besides the parameters and their gradients: the
  /// states of each parameter, as `0.weight.exp_avg`, and the number of steps.
  ///
  /// Settings, such as the learning rate, are not part of it: they are those that an optimiser is
  /// made with.
  ///
  /// Waits for the device; throws what went wrong in computing it.
  public func savedState() throws -> Safetensors {
    var arrays: [Safetensors.NamedArray] = []
    func add(_ name: String, _ tensor: Tensor) throws {
      arrays.append(
        .init(name: name, dtype: tensor.dtype, shape: tensor.shape, bytes: try tensor.bytes()))
    }
    for state in stateArrays {
      try add(state.name, state.arena.tensor(at: state.offset, shape: state.shape))
    }
    if let corrections = savedCorrections { try add(Name.corrections, corrections) }
    try add(Name.step, Tensor([Int64(stepCount())], shape: [], on: .reference))
    return Safetensors(arrays)
  }

  /// Saves the state; the file replaces an older one only when it is complete.
  public func save(to url: URL) throws { try savedState().write(to: url) }

  /// Goes on from a state that was saved, of an optimiser with the same rule for the same module.
  ///
  /// With the module's own values loaded too, training goes on with the same bits as if it had never
  /// stopped. Updates go on even if they had been stopped. Throws ``CheckpointError`` that lists what
  /// is missing, unexpected and misshapen, or `SafetensorsError`; then nothing was changed.
  public func load(from url: URL) throws {
    try load(Safetensors(contentsOf: url), from: url.path)
  }

  /// Goes on from a state as named arrays.
  public func load(_ saved: Safetensors, from source: String = "the arrays") throws {
    try check(saved, from: source)
    let arena = layout.arena
    func tensor(_ name: String, _ dtype: DType, on device: Device) -> Tensor? {
      saved[name].map { array in
        array.bytes.withUnsafeBytes {
          Tensor.converting($0, from: array.dtype, shape: array.shape, to: dtype, on: device)
        }
      }
    }
    for state in stateArrays {
      guard let values = tensor(state.name, arena.dtype, on: arena.device) else { continue }
      let failure = Arena.update(
        [.init(state.arena, at: state.offset, shape: state.shape, to: .input(0))],
        from: [.tensor(values)])
      if let failure { throw failure }
    }
    let step = try tensor(Name.step, .int64, on: .reference)?.item(of: Int64.self) ?? 0
    restore(
      step: Int(step), corrections: tensor(Name.corrections, arena.dtype, on: arena.device))
    resume()
  }

  /// Throws ``CheckpointError`` unless the arrays are those that the optimiser saves.
  func check(_ saved: Safetensors, from source: String) throws {
    var expected: OrderedDictionary<String, Tensor> = [:]
    for state in stateArrays {
      expected[state.name] = state.arena.tensor(at: state.offset, shape: state.shape)
    }
    expected[Name.corrections] = savedCorrections
    expected[Name.step] = Tensor([Int64(0)], shape: [], on: .reference)
    let differences = CheckpointDifferences(between: saved, "", and: expected)
    guard differences.isEmpty else {
      throw CheckpointError(source: source, differences: differences, subject: "optimiser")
    }
  }

  private enum Name {
    static let step = "step"
    static let corrections = "corrections"
  }

  /// One of a parameter's states.
  private struct StateArray {
    let name: String
    let arena: Arena
    let offset: Int
    let shape: Shape
  }

  /// Each parameter's states, parameter by parameter.
  private var stateArrays: [StateArray] {
    var found: [StateArray] = []
    for parameter in layout.parameters {
      guard let place = parameter.place, let shape = parameter.shape else { continue }
      for (name, arena) in zip(rule.states, states) {
        found.append(
          StateArray(
            name: "\(parameter.path).\(name)", arena: arena, offset: place.offset, shape: shape))
      }
    }
    return found
  }
}
