import Compute
import Foundation
import NeuralNetworks
import Yams

/// The key `loss`: what is minimised, and so what the outputs of the network mean.
struct LossConfiguration {
  /// What classes count for.
  private enum ClassWeights {
    case equal
    case balanced
    case given([Double])
  }

  let name: String
  let output: Loss.Output
  private let classWeights: ClassWeights
  private let makeLoss: (_ classWeights: [Double]?) -> Loss
  private var place: Place
  private let weightsPlace: Place

  init(_ section: ConfigurationSection, key: String) throws {
    let usual = Loss.crossEntropy.name
    let choice = try Choice(
      section.node(key) ?? Node(usual), at: section.place(of: key), of: "a loss",
      among: Loss.all.map(\.name), synonyms: Self.synonyms)
    let (loss, resolved) = try choice.settings(shortKey: Self.shortKeys[choice.name]) {
      try Self($0, choice.name)
    }
    section.record(key, resolved)
    self = loss
    place = section.place(of: key)
  }

  private init(_ section: ConfigurationSection, _ name: String) throws {
    self.name = name
    place = section.place
    weightsPlace = section.place(of: "classWeights")
    var classWeights = ClassWeights.equal
    switch name {
    case Loss.crossEntropy.name:
      let smoothing = try section.value("labelSmoothing", .number(.fraction), default: 0)
      classWeights = try Self.classWeights(section)
      makeLoss = { .crossEntropy(labelSmoothing: smoothing, classWeights: $0) }
    case Loss.binaryCrossEntropy.name:
      let weight = try section.value("positiveWeight", .number(.positive), default: 1)
      makeLoss = { _ in .binaryCrossEntropy(positiveWeight: weight) }
    case Loss.hinge.name:
      let margin = try section.value("margin", .number(.positive), default: 1)
      classWeights = try Self.classWeights(section)
      makeLoss = { .hinge(margin: margin, classWeights: $0) }
    case Loss.huber.name:
      let delta = try section.value("delta", .number(.positive), default: 1)
      makeLoss = { _ in .huber(delta: delta) }
    default:
      let loss = Loss.all.first { $0.name == name } ?? .crossEntropy
      makeLoss = { _ in loss }
    }
    self.classWeights = classWeights
    output = makeLoss(nil).output
  }

  /// What the field also calls the losses, in lower case, for suggestions.
  private static let synonyms = [
    "softmax": "crossEntropy", "nll": "crossEntropy", "ce": "crossEntropy",
    "bce": "binaryCrossEntropy", "sigmoid": "binaryCrossEntropy", "logistic": "binaryCrossEntropy",
    "mse": "meanSquaredError", "l2": "meanSquaredError", "mae": "meanAbsoluteError",
    "l1": "meanAbsoluteError", "smoothl1": "huber", "kl": "klDivergence", "kld": "klDivergence",
    "multimargin": "hinge", "margin": "hinge",
  ]

  /// The setting that may be written alone, as `huber: 0.5`.
  private static let shortKeys = [
    Loss.huber.name: "delta", Loss.hinge.name: "margin",
    Loss.binaryCrossEntropy.name: "positiveWeight",
  ]

  /// `balanced`, or a list of one number for each class.
  private static func classWeights(_ section: ConfigurationSection) throws -> ClassWeights {
    let key = "classWeights"
    guard let node = section.node(key) else { return .equal }
    let place = section.place(of: key)
    if node.scalar?.string == "balanced" {
      section.record(key, Node("balanced"))
      return .balanced
    }
    guard let list = node.sequence, !list.isEmpty else {
      throw ConfigurationError(
        place,
        """
        there is \(node.sequence == nil ? node.kindDescription : "an empty list"); expected balanced, \
        or a list of one number for each class
        """)
    }
    let expectation = Expectation.number(.positive)
    let weights = try list.enumerated().map { index, node in
      try expectation.value(of: node, at: place.item(index, line: node.mark?.line))
    }
    section.record(key, Node(weights.map { .scalar(expectation.write($0)) }))
    return .given(weights)
  }

  /// The loss, for the classes of the rows to train on.
  ///
  /// Throws where there are weights for another number of classes.
  func loss(classes: [Int], among labels: [String]) throws(ConfigurationError) -> Loss {
    switch classWeights {
    case .equal: return makeLoss(nil)
    case .balanced:
      return makeLoss(Loss.balancedClassWeights(labels: classes, classCount: labels.count))
    case .given(let weights):
      guard weights.count == labels.count else {
        throw ConfigurationError(
          weightsPlace,
          """
          there are \(counted(weights.count, "weight")), but the data has \
          \(counted(labels.count, "class", plural: "classes")); expected one for each of \
          \(labels.joined(separator: ", "))
          """)
      }
      return makeLoss(weights)
    }
  }

  /// How many outputs the loss takes; throws where it is not made for as many classes.
  func outputCount(classCount: Int) throws(ConfigurationError) -> Int {
    guard output == .logit else { return classCount }
    guard classCount == 2 else {
      throw ConfigurationError(
        place,
        "\(name) tells two classes apart, but the data has \(classCount); expected crossEntropy")
    }
    return 1
  }

  /// What the outputs for a row say of each class.
  ///
  /// They are probabilities, unless the outputs are scores.
  func scores(of outputs: [Double]) -> [Double] {
    switch output {
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
    if output == .logit { return outputs[0] > 0 ? 1 : 0 }
    return outputs.indices.reduce(0) { outputs[$1] > outputs[$0] ? $1 : $0 }
  }
}
