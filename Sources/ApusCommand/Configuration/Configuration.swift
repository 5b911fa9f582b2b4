import Foundation
import NeuralNetworks
import Yams

/// A whole configuration: data, model, loss, optimizer, regularization, schedule, training.
struct Configuration {
  /// What the command line says otherwise.
  struct Overrides {
    var epochs: Int?
    /// Of the division of the data as well as of the training.
    var seed: UInt64?
    /// A safetensors file to start from, relative to the working directory or absolute.
    var weights: String?
  }

  let data: DataConfiguration
  let model: ModelConfiguration
  let loss: LossConfiguration
  let optimizer: OptimizerConfiguration
  let regularization: WeightRegularizationConfiguration
  let schedule: ScheduleConfiguration
  let training: TrainingConfiguration
  /// The configuration as it was understood, with every default and with whole paths; read again
  /// it gives the same.
  let resolved: String

  /// Reads a file; throws ``ConfigurationError`` that names the line, the key and what was expected.
  init(contentsOf path: String, overrides: Overrides = Overrides()) throws {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw ConfigurationError(
        Place(file: path, line: nil, key: ""), "cannot be read: \(fileErrorReason(error))")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw ConfigurationError(Place(file: path, line: nil, key: ""), "the text is not UTF-8")
    }
    try self.init(text, file: path, overrides: overrides)
  }

  /// Reads the text of a file, which errors call by the name given.
  ///
  /// Files that it names are relative to that file's folder.
  init(_ text: String, file: String, overrides: Overrides = Overrides()) throws {
    let root = Place(file: file, line: nil, key: "")
    let folder = (file as NSString).deletingLastPathComponent
    let section = try ConfigurationSection(Node(parsing: text, at: root), at: root)
    let parts = try section.finish { section in
      (
        data: try section.section("data") {
          try DataConfiguration($0, folder: folder, seed: overrides.seed)
        },
        model: try ModelConfiguration(section, key: "model"),
        loss: try LossConfiguration(section, key: "loss"),
        optimizer: try OptimizerConfiguration(section, key: "optimizer"),
        regularization: try WeightRegularizationConfiguration(section, key: "regularization"),
        schedule: try ScheduleConfiguration(section, key: "schedule"),
        training: try section.section("train") {
          try TrainingConfiguration($0, folder: folder, overrides: overrides)
        }
      )
    }
    try parts.data.checkStandardization(for: parts.model)
    data = parts.data
    model = parts.model
    loss = parts.loss
    optimizer = parts.optimizer
    regularization = parts.regularization
    schedule = parts.schedule
    training = parts.training.following(parts.schedule.schedule)
    resolved = try serialize(node: Node(section.resolved), allowUnicode: true)
  }
}

extension Node {
  /// The document in a text; throws ``ConfigurationError`` with the line where it is malformed.
  init(parsing text: String, at place: Place) throws {
    func malformed(_ line: Int?, _ problem: String) -> ConfigurationError {
      ConfigurationError(Place(file: place.file, line: line, key: place.key), problem)
    }
    do {
      let byteOrderMark: Character = "\u{feff}"
      let yaml = text.first == byteOrderMark ? String(text.dropFirst()) : text
      guard let node = try compose(yaml: yaml) else {
        throw malformed(nil, "the file is empty; expected the keys data, model and train")
      }
      self = node
    } catch let error as YamlError {
      switch error {
      case .scanner(let context, let problem, let mark, _),
        .parser(let context, let problem, let mark, _),
        .composer(let context, let problem, let mark, _):
        let reason = [context?.text, problem].compactMap { $0 }.joined(separator: ", ")
        throw malformed(mark.line, "this is not YAML: \(reason)")
      case .duplicatedKeysInMapping(let keys, let context):
        let names = keys.map { "'\($0)'" }.joined(separator: ", ")
        throw malformed(context.mark.line, "\(names) is there twice; expected each key once")
      case .reader(let problem, _, _, _):
        throw malformed(nil, "this is not YAML: \(problem)")
      default:
        throw malformed(nil, "this is not YAML: \(error)")
      }
    }
  }
}
