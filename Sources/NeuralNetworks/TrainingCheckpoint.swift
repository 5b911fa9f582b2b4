import Compute
public import Foundation
import OrderedCollections
import Tensors

/// Where a training stands after an epoch: everything that going on depends on.
///
///     try train(model, with: optimizer, loss: .crossEntropy, on: examples, plan: plan) { report in
///       history.append(report)
///       try TrainingCheckpoint(model, optimizer, history: history).write(to: url)
///     }
///     // Later, with the model, optimiser and plan made as before:
///     try train(
///       model, with: optimizer, loss: .crossEntropy, on: examples, plan: plan,
///       resuming: TrainingCheckpoint(contentsOf: url))
///
/// A training that is resumed goes on with the same bits as if it had never stopped: parameters,
/// running statistics, the numbers that dropout draws, the optimiser's states, the schedule, and the
/// order of the examples.
public struct TrainingCheckpoint: Sendable {
  /// What each epoch so far came to.
  public let history: [EpochReport]
  /// Where it was read from, for errors.
  private let source: String
  /// The model's parameters and states, and the optimiser's.
  private let model: Safetensors
  private let optimizer: Safetensors

  /// Takes down where a training stands; waits for the device, and throws what went wrong on it.
  public init(_ model: Module, _ optimizer: Optimizer, history: [EpochReport]) throws {
    self.history = history
    source = "the checkpoint"
    self.model = try model.savedState(withTransients: true)
    self.optimizer = try optimizer.savedState()
  }

  private static let modelPrefix = "model."
  private static let optimizerPrefix = "optimizer."
  private static let historyKey = "history"

  /// Reads a file.
  ///
  /// Throws `SafetensorsError`, and ``TrainingCheckpointError`` for a file of something else.
  public init(contentsOf url: URL) throws {
    let file = try Safetensors(contentsOf: url)
    guard let text = file.metadata[Self.historyKey],
      let history = try? JSONDecoder().decode([EpochReport].self, from: Data(text.utf8))
    else { throw TrainingCheckpointError(source: url.relativePath) }
    func part(_ prefix: String) -> Safetensors {
      Safetensors(
        file.arrays.filter { $0.name.hasPrefix(prefix) }.map {
          .init(
            name: String($0.name.dropFirst(prefix.count)), dtype: $0.dtype, shape: $0.shape,
            bytes: $0.bytes)
        })
    }
    self.history = history
    source = url.relativePath
    model = part(Self.modelPrefix)
    optimizer = part(Self.optimizerPrefix)
  }

  /// Writes a file, which replaces an older one only when it is complete.
  public func write(to url: URL) throws {
    var arrays: [Safetensors.NamedArray] = []
    for (prefix, part) in [(Self.modelPrefix, model), (Self.optimizerPrefix, optimizer)] {
      arrays += part.arrays.map {
        .init(name: prefix + $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes)
      }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var file = Safetensors(arrays)
    file.metadata[Self.historyKey] = String(decoding: try encoder.encode(history), as: UTF8.self)
    try file.write(to: url)
  }

  /// Brings a model and an optimiser to where the training stood.
  ///
  /// Throws ``CheckpointError`` when they are not made like those of the checkpoint.
  public func restore(_ model: Module, _ optimizer: Optimizer) throws {
    // Looked at first, so that neither is changed unless both fit.
    try optimizer.check(self.optimizer, from: source)
    try model.load(self.model, from: source, withTransients: true)
    try optimizer.load(self.optimizer, from: source)
  }
}

/// A file is no checkpoint of a training.
public struct TrainingCheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file, as it was named by the caller.
  public let source: String

  /// The file, and what it lacks.
  public var description: String {
    "\(source) is no checkpoint of a training: its metadata has no history of epochs"
  }
}
