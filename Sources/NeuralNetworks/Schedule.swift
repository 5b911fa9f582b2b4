import func Foundation.cos
import func Foundation.pow

/// How the learning rate changes while a model is trained: a factor of the optimiser's.
///
///     let plan = TrainingPlan(epochs: 20, batchSize: 32, schedule: .cosine.warmingUp(for: 2))
///
/// A schedule is a pure function of the step's number, and ``reduceOnPlateau(factor:patience:threshold:cooldown:minimum:)``
/// of the losses that were reported, so that a training which is resumed goes on with it. Lengths are
/// in steps or in epochs; a length of epochs is that many times the steps of an epoch, and the factor
/// changes with every step either way, but for ``step(every:factor:unit:)``.
public struct Schedule: Sendable, Hashable {
  /// What lengths are counted in.
  public enum Unit: String, Sendable, Hashable, CaseIterable {
    /// Updates of the parameters.
    case steps
    /// Passes over the examples.
    case epochs
  }

  private enum Form: Sendable, Hashable {
    case constant
    case step(every: Double, factor: Double)
    case exponential(factor: Double)
    case linear(from: Double, to: Double, length: Double?)
    case cosine(to: Double, length: Double?)
    case oneCycle(length: Double?, riseShare: Double, startDivisor: Double, finalDivisor: Double)
    case plateau(Plateau)
  }

  private let form: Form
  private let unit: Unit
  private var warmUp = 0.0
  private var warmUpStart = 1.0

  private init(_ form: Form, _ unit: Unit) {
    self.form = form
    self.unit = unit
  }

  // MARK: - The schedules

  /// Always 1.
  public static let constant = Schedule(.constant, .epochs)

  /// Always 1; the unit is that of a warm-up.
  public static func constant(unit: Unit) -> Schedule { Schedule(.constant, unit) }

  /// The factor to the power of how often a length has passed: PyTorch's `StepLR`.
  public static func step(
    every length: Double, factor: Double = 0.1, unit: Unit = .epochs
  ) -> Schedule {
    Schedule(.step(every: length, factor: factor), unit)
  }

  /// The factor to the power of the time that has passed: PyTorch's `ExponentialLR`.
  public static func exponential(factor: Double, unit: Unit = .epochs) -> Schedule {
    Schedule(.exponential(factor: factor), unit)
  }

  /// From one factor to another along a straight line, and then the other: PyTorch's `LinearLR`.
  ///
  /// Without a length it is the whole training.
  public static func linear(
    from start: Double = 1, to end: Double = 0, over length: Double? = nil, unit: Unit = .epochs
  ) -> Schedule {
    Schedule(.linear(from: start, to: end, length: length), unit)
  }

  /// From 1 to a final factor along half a wave of the cosine, and then that:
  /// e + (1 − e)·(1 + cos(πt/T))/2, PyTorch's `CosineAnnealingLR`, over the whole training.
  ///
  /// Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR
  /// 2017, equation 5.
  public static let cosine = cosine()

  /// From 1 to a final factor along half a wave of the cosine.
  ///
  /// - Parameters:
  ///   - end: The final factor.
  ///   - length: When it is reached, a warm-up included; nil for the end of the training.
  ///   - unit: What lengths are counted in.
  public static func cosine(
    to end: Double = 0, over length: Double? = nil, unit: Unit = .epochs
  ) -> Schedule {
    Schedule(.cosine(to: end, length: length), unit)
  }

  /// Up to 1 and down again to nearly nothing, each along half a wave: PyTorch's `OneCycleLR`.
  ///
  /// The optimiser's learning rate is the largest. Momentum does not change.
  ///
  /// Source: L. Smith, N. Topin, "Super-convergence: very fast training of neural networks using
  /// large learning rates", arXiv 1708.07120, 2018.
  ///
  /// - Parameters:
  ///   - length: Of the cycle; nil for the whole training.
  ///   - riseShare: The share of the cycle in which the factor rises.
  ///   - startDivisor: The first factor is 1 / startDivisor.
  ///   - finalDivisor: The last factor is the first / finalDivisor.
  ///   - unit: What the length is counted in.
  public static func oneCycle(
    over length: Double? = nil, riseShare: Double = 0.3, startDivisor: Double = 25,
    finalDivisor: Double = 1e4, unit: Unit = .epochs
  ) -> Schedule {
    Schedule(
      .oneCycle(
        length: length, riseShare: riseShare, startDivisor: startDivisor,
        finalDivisor: finalDivisor), unit)
  }

  /// 1, multiplied by a factor whenever the reported loss stops falling: PyTorch's
  /// `ReduceLROnPlateau`.
  ///
  /// The loss that is looked at after each epoch is that of the validation examples, or of the
  /// training examples where there are none.
  ///
  /// - Parameters:
  ///   - factor: What the learning rate is multiplied by.
  ///   - patience: So many reports without a better loss are borne.
  ///   - threshold: By so large a share of the best loss a better one must be lower.
  ///   - cooldown: So many reports after a reduction do not count.
  ///   - minimum: The least factor.
  public static func reduceOnPlateau(
    factor: Double = 0.1, patience: Int = 10, threshold: Double = 1e-4, cooldown: Int = 0,
    minimum: Double = 0
  ) -> Schedule {
    Schedule(
      .plateau(
        Plateau(
          factor: factor, patience: patience, threshold: threshold, cooldown: cooldown,
          minimum: minimum)), .epochs)
  }

  /// The schedule after a warm-up, in which the factor rises along a straight line.
  ///
  /// - Parameters:
  ///   - length: Of the warm-up, in the schedule's unit; the schedule itself begins behind it.
  ///   - start: What the first factor is of the schedule's first.
  public func warmingUp(for length: Double, from start: Double = 0.1) -> Schedule {
    var schedule = self
    schedule.warmUp = length
    schedule.warmUpStart = start
    return schedule
  }

  /// Whether the factor is 1 throughout.
  public var isConstant: Bool { form == .constant && warmUp == 0 }

  // MARK: - The factor

  /// The factor of the learning rate in a step.
  ///
  /// - Parameters:
  ///   - step: The step's number, from 0.
  ///   - stepsPerEpoch: The steps of each epoch.
  ///   - totalSteps: The steps of the whole training, for schedules of its length.
  ///   - reports: The losses that were reported so far, one for each epoch.
  public func factor(
    step: Int, stepsPerEpoch: Int = 1, totalSteps: Int, reports: [Double] = []
  ) -> Double {
    let scale = unit == .epochs ? Double(stepsPerEpoch) : 1
    let warmUpSteps = warmUp * scale
    let step = Double(step)
    guard step >= warmUpSteps else {
      let first = factor(time: 0, scale: scale, rest: Double(totalSteps) - warmUpSteps, reports)
      return first * (warmUpStart + (1 - warmUpStart) * step / warmUpSteps)
    }
    return factor(
      time: step - warmUpSteps, scale: scale, rest: Double(totalSteps) - warmUpSteps, reports)
  }

  /// The factor at a time after the warm-up, in steps; `rest` is the training's length after it.
  private func factor(
    time: Double, scale: Double, rest: Double, _ reports: [Double]
  ) -> Double {
    func length(_ given: Double?) -> Double { given.map { ($0 - warmUp) * scale } ?? rest }
    /// The share of a length that has passed, 1 at most.
    func share(_ given: Double?) -> Double {
      let length = length(given)
      return length > 0 ? min(time / length, 1) : 1
    }
    switch form {
    case .constant: return 1
    case .step(let every, let factor): return pow(factor, (time / (every * scale)).rounded(.down))
    case .exponential(let factor): return pow(factor, time / scale)
    case .linear(let start, let end, let length): return start + (end - start) * share(length)
    case .cosine(let end, let length): return Self.cosine(from: 1, to: end, share(length))
    case .oneCycle(let given, let riseShare, let startDivisor, let finalDivisor):
      let steps = length(given)
      let start = 1 / startDivisor
      let (top, end) = (riseShare * steps - 1, steps - 1)
      if time < top { return Self.cosine(from: start, to: 1, time / top) }
      let fall = end > top ? min((time - top) / (end - top), 1) : 1
      return Self.cosine(from: 1, to: start / finalDivisor, fall)
    case .plateau(let plateau): return plateau.factor(after: reports)
    }
  }

  /// Half a wave of the cosine between two factors.
  private static func cosine(from start: Double, to end: Double, _ share: Double) -> Double {
    end + (start - end) * (1 + cos(.pi * share)) / 2
  }
}

/// When the learning rate is reduced because a loss no longer falls.
private struct Plateau: Sendable, Hashable {
  let factor: Double
  let patience: Int
  let threshold: Double
  let cooldown: Int
  let minimum: Double

  /// What the reductions after these reports make together.
  func factor(after reports: [Double]) -> Double {
    var result = 1.0
    var best = Double.infinity
    var badCount = 0
    var rest = 0
    for loss in reports {
      // A first loss below 0 is better than none, whatever the share.
      if loss < best * (1 - threshold) || best == .infinity && loss < best {
        best = loss
        badCount = 0
      } else {
        badCount += 1
      }
      if rest > 0 {
        rest -= 1
        badCount = 0
      }
      if badCount > patience {
        result = max(result * factor, minimum)
        rest = cooldown
        badCount = 0
      }
    }
    return result
  }
}
