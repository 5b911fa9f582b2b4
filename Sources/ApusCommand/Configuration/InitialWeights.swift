import Foundation
import NeuralNetworks
import Yams

/// The key `train.initialWeights`: a safetensors file to start from.
///
/// Written as the file alone, or `{file: w.safetensors, prefix: module., partial: true}`.
struct InitialWeights {
  /// The file, relative to the working directory or absolute.
  let file: String
  /// What stands before the names of the model's parameters in the file.
  let prefix: String
  /// Whether the file may lack parameters, which are drawn, and have others, which are left out.
  let isPartial: Bool

  /// Where errors say that the file was named.
  private let place: @Sendable (String) -> any Error

  private static let shortKey = "file"

  /// Reads the key; nil where neither it nor the option of the command line names a file.
  init?(
    _ section: ConfigurationSection, key: String, folder: String, override: String?
  ) throws {
    let written = section.node(key)
    guard written != nil || override != nil else { return nil }
    let place = section.place(of: key)
    let settings =
      switch written {
      case let node? where node.scalar != nil:
        ConfigurationSection(node, standingFor: Self.shortKey, at: place)
      case let node?: try ConfigurationSection(node, at: place)
      case nil: ConfigurationSection(emptyAt: place)
      }
    self = try settings.finish { settings in
      let expectation = Expectation.file(
        "the path of a safetensors file, from the configuration's folder", in: folder)
      // The section is read even where its file is overridden, so that mistakes do not hide.
      let file =
        override == nil
        ? try settings.requiredValue(Self.shortKey, expectation)
        : try settings.value(Self.shortKey, expectation, default: "", override: override)
      return InitialWeights(
        file: file,
        prefix: try settings.value("prefix", .anyText("the start of names"), default: ""),
        isPartial: try settings.value("partial", .flag, default: false),
        place: { problem in
          if override == nil { ConfigurationError(place, problem) } else { WeightsError(problem) }
        })
    }
    section.record(key, Node(settings.resolved))
  }

  private init(
    file: String, prefix: String, isPartial: Bool, place: @escaping @Sendable (String) -> any Error
  ) {
    self.file = file
    self.prefix = prefix
    self.isPartial = isPartial
    self.place = place
  }

  /// Replaces the weights of an initialised network, and says what was not replaced.
  func load(into network: Module) throws -> CheckpointDifferences {
    do {
      let saved = try Safetensors(contentsOf: URL(fileURLWithPath: file))
      return try network.load(saved, from: file, prefix: prefix, isStrict: !isPartial)
    } catch let error as SafetensorsError {
      throw place("\(error)")
    } catch let error as CheckpointError {
      throw place("\(error)")
    }
  }
}

/// The file of the option `--weights` does not hold the model's weights.
struct WeightsError: Error, CustomStringConvertible {
  private let problem: String

  init(_ problem: String) { self.problem = problem }

  var description: String { "--weights: \(problem)" }
}
