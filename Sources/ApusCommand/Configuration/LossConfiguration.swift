import Foundation
import NeuralNetworks

/// The key `loss`: what is minimised, and so what the outputs of the network mean.
struct LossConfiguration {
  /// What the outputs of a network trained on a loss say of a row's class.
  enum OutputKind {
    /// One a class; softmax makes probabilities of them.
    case logits
    /// One, whose sigmoid is the probability of the second of two classes.
    case logit
    /// One a class, the greatest of which is predicted.
    case scores
  }

  let loss: Loss
  let kind: OutputKind
  private let place: Place

  init(_ section: ConfigurationSection, key: String) throws {
    loss = try section.value(
      key, .oneOf(Loss.all.map { ($0.name, $0) }, name: \.name), default: .crossEntropy)
    kind =
      switch loss.name {
      case Loss.crossEntropy.name: .logits
      case Loss.binaryCrossEntropy.name: .logit
      default: .scores
      }
    place = section.place(of: key)
  }

  var name: String { loss.name }

  /// How many outputs the loss takes; throws where it is not made for as many classes.
  func outputCount(classCount: Int) throws(ConfigurationError) -> Int {
    guard kind == .logit else { return classCount }
    guard classCount == 2 else {
      throw ConfigurationError(
        place,
        "\(name) tells two classes apart, but the data has \(classCount); expected crossEntropy")
    }
    return 1
  }

  /// What the outputs for a row say of each class.
  ///
  /// They are probabilities, unless the kind is ``OutputKind/scores``.
  func scores(of outputs: [Double]) -> [Double] {
    switch kind {
    case .scores: return outputs
    case .logit:
      let logit = outputs[0]
      // The exponential of a negative number never overflows.
      let small = exp(-abs(logit))
      let (likely, unlikely) = (1 / (1 + small), small / (1 + small))
      return logit > 0 ? [unlikely, likely] : [likely, unlikely]
    case .logits:
      let greatest = outputs.max() ?? 0
      let weights = outputs.map { exp($0 - greatest) }
      let sum = weights.reduce(0, +)
      return weights.map { $0 / sum }
    }
  }

  /// The class that the outputs for a row speak for most; the first of several.
  func predictedClass(of outputs: [Double]) -> Int {
    if kind == .logit { return outputs[0] > 0 ? 1 : 0 }
    return outputs.indices.reduce(0) { outputs[$1] > outputs[$0] ? $1 : $0 }
  }
}
