import Compute
import Synchronization
public import Tensors

/// What a network's output is compared by.
public struct Loss: Sendable {
  /// What the outputs of a network trained on a loss say of an example's class.
  public enum Output: Sendable, Hashable {
    /// One a class; softmax makes probabilities of them.
    case logits
    /// One, whose sigmoid is the probability of the second of two classes.
    case logit
    /// One a class, the greatest of which is predicted.
    case scores
  }

  /// The name that configurations use.
  public let name: String
  /// What outputs say of an example's class.
  public let output: Output
  /// The mean loss of outputs against targets, a scalar.
  public let value: @Sendable (_ output: Tensor, _ targets: Tensor) -> Tensor
  /// The predicted labels, `[n]` of int32, where the loss predicts any.
  public let labels: (@Sendable (_ output: Tensor) -> Tensor)?

  /// Creates a loss.
  ///
  /// - Parameters:
  ///   - name: For people and configurations.
  ///   - output: What outputs say of an example's class.
  ///   - labels: The predicted labels; nil where the loss predicts none.
  ///   - value: The mean loss, a scalar.
  public init(
    _ name: String, output: Output = .scores,
    labels: (@Sendable (_ output: Tensor) -> Tensor)? = nil,
    value: @escaping @Sendable (_ output: Tensor, _ targets: Tensor) -> Tensor
  ) {
    self.name = name
    self.output = output
    self.labels = labels
    self.value = value
  }

  /// A loss of one output a class, of which the greatest is predicted.
  private static func ofClasses(
    _ name: String, output: Output = .scores,
    value: @escaping @Sendable (_ output: Tensor, _ targets: Tensor) -> Tensor
  ) -> Loss {
    Loss(name, output: output, labels: { $0.argmax(axis: -1) }, value: value)
  }

  // MARK: Of probabilities

  /// The cross-entropy of softmax: one logit a class, labels as integers or distributions.
  public static let crossEntropy = crossEntropy()

  /// The cross-entropy of softmax, with label smoothing and weights of the classes.
  ///
  /// See `Tensors.crossEntropy`; ``balancedClassWeights(labels:classCount:)`` counts weights.
  public static func crossEntropy(
    labelSmoothing: Double = 0, classWeights: [Double]? = nil
  ) -> Loss {
    let weights = classWeights.map(ClassWeights.init)
    return ofClasses("crossEntropy", output: .logits) { output, targets in
      Tensors.crossEntropy(
        output, targets, labelSmoothing: labelSmoothing, classWeights: weights?.tensor(for: output))
    }
  }

  /// The cross-entropy of a sigmoid: one logit, labels 0 and 1 as integers.
  public static let binaryCrossEntropy = binaryCrossEntropy(positiveWeight: 1)

  /// The cross-entropy of a sigmoid, in which label 1 counts for so much beside label 0.
  public static func binaryCrossEntropy(positiveWeight: Double) -> Loss {
    Loss(
      "binaryCrossEntropy", output: .logit,
      labels: { ($0.reshaped(to: [-1]) .> 0.0).cast(to: .int32) }
    ) { output, labels in
      Tensors.binaryCrossEntropy(
        output, labels.cast(to: output.dtype).reshaped(to: output.shape),
        positiveWeight: positiveWeight)
    }
  }

  /// The divergence of softmax from distributions, KL(targets ‖ softmax(logits)); of integer labels,
  /// from rows with a one at the label.
  public static let klDivergence = ofClasses("klDivergence", output: .logits) {
    Tensors.klDivergence($0, $1.asRows(of: $0))
  }

  // MARK: Of margins

  /// The multi-class hinge: one score a class, labels as integers.
  public static let hinge = hinge()

  /// The multi-class hinge with a margin; see `Tensors.multiclassHinge`.
  public static func hinge(margin: Double = 1, classWeights: [Double]? = nil) -> Loss {
    let weights = classWeights.map(ClassWeights.init)
    return ofClasses("hinge") { output, labels in
      Tensors.multiclassHinge(
        output, labels, margin: margin, classWeights: weights?.tensor(for: output))
    }
  }

  // MARK: Of distances

  /// The mean squared difference; of integer labels, from rows with a one at the label.
  public static let meanSquaredError = ofClasses("meanSquaredError") {
    Tensors.meanSquaredError($0, $1.asRows(of: $0))
  }

  /// The mean absolute difference; of integer labels, from rows with a one at the label.
  public static let meanAbsoluteError = ofClasses("meanAbsoluteError") {
    Tensors.meanAbsoluteError($0, $1.asRows(of: $0))
  }

  /// Huber's loss; of integer labels, from rows with a one at the label.
  public static let huber = huber()

  /// Huber's loss, squared up to differences of δ; see `Tensors.huber`.
  public static func huber(delta: Double = 1) -> Loss {
    ofClasses("huber") { Tensors.huber($0, $1.asRows(of: $0), delta: delta) }
  }

  /// Every loss, with its usual settings.
  public static let all: [Loss] = [
    .crossEntropy, .binaryCrossEntropy, .klDivergence, .hinge, .meanSquaredError,
    .meanAbsoluteError, .huber,
  ]

  /// Weights by which each class counts for as much as any other.
  ///
  /// n / (classes · nₖ) for a class with nₖ of n labels; a class without labels has weight 1.
  ///
  /// Traps on a label outside `0..<classCount`.
  public static func balancedClassWeights(labels: [Int], classCount: Int) -> [Double] {
    var counts = [Int](repeating: 0, count: classCount)
    for label in labels {
      require(
        counts.indices.contains(label),
        "balancedClassWeights: label \(label) is none of \(classCount) classes")
      counts[label] += 1
    }
    return counts.map {
      $0 == 0 ? 1 : Double(labels.count) / (Double(classCount) * Double($0))
    }
  }
}

extension Tensor {
  /// Targets as rows beside outputs: labels become rows with a one.
  fileprivate func asRows(of output: Tensor) -> Tensor {
    dtype.isFloatingPoint ? self : oneHot(classes: output.shape[-1], dtype: output.dtype)
  }
}

/// Weights of classes, on each device and in each dtype that they are asked for in.
private final class ClassWeights: Sendable {
  private struct Place: Hashable {
    let device: Device
    let dtype: DType
  }

  private let values: [Double]
  private let tensors = Mutex<[Place: Tensor]>([:])

  init(_ values: [Double]) { self.values = values }

  /// The weights where an output is, made once: a step that is recorded finds them there.
  func tensor(for output: Tensor) -> Tensor {
    let place = Place(device: output.device, dtype: output.dtype)
    return tensors.withLock { tensors in
      if let known = tensors[place], known.failure == nil { return known }
      let tensor = Recorder.pausing {
        Tensor(values, dtype: place.dtype, on: place.device)
      }
      tensors[place] = tensor
      return tensor
    }
  }
}
