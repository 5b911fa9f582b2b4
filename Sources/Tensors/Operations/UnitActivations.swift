import Compute
import Synchronization

/// An activation for each unit of the last axis.
///
/// Fewer activations than units are repeated: of `[.cos, .identity]` every second unit has the
/// first. A table of which unit has which lies on the device; with it one expression holds all of
/// the formulas, and one kernel applies them.
public final class UnitActivations: Sendable {
  /// The activations, in the order of the units.
  public let activations: [Activation]

  /// Each different activation once.
  private let distinct: [Activation]
  /// Of each activation, which of the different ones it is.
  private let kinds: [Double]
  private let tables = Mutex<[Place: Tensor]>([:])

  private struct Place: Hashable {
    let device: Device
    let dtype: DType
    let unitCount: Int
  }

  /// Creates the activations of units; traps without any.
  public init(_ activations: [Activation]) {
    require(!activations.isEmpty, "UnitActivations: there are no activations")
    self.activations = activations
    var distinct: [Activation] = []
    kinds = activations.map { activation in
      if let known = distinct.firstIndex(where: { $0.isSameFunction(as: activation) }) {
        return Double(known)
      }
      distinct.append(activation)
      return Double(distinct.count - 1)
    }
    self.distinct = distinct
  }

  /// Whether so many units have an activation each, or a whole number of repetitions.
  public func fit(unitCount: Int) -> Bool { unitCount.isMultiple(of: activations.count) }

  /// Where any of the functions is not smooth.
  public var kinks: [Double] { Set(distinct.flatMap(\.kinks)).sorted() }

  /// Applies each unit's activation, in one launch, with a gradient in one.
  ///
  /// Traps unless the last axis is a multiple of the number of activations.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    require(
      x.rank >= 1 && fit(unitCount: x.shape[-1]),
      """
      perUnit: the last axis of shape \(x.shape) is not a multiple of the \(activations.count) \
      activations
      """)
    guard distinct.count > 1 else { return distinct[0](x) }
    require(
      x.dtype.isComputed, "perUnit: the operand is \(x.dtype); convert it with cast(to: .float32)")
    let input = x.detached
    let table = table(for: input)
    let output = input.device.allocate(input.dtype, input.shape)
    evaluate(
      [choice { $0.expression }], [.tensor(input), .tensor(table)], into: [output],
      shape: input.shape)
    guard x.isTracked else { return output }
    return output.recorded("perUnit", from: [x]) { [self] cotangent, _ in
      let gradient = input.device.allocate(input.dtype, input.shape)
      evaluate(
        [.input(2) * choice { $0.derivative }],
        [.tensor(input), .tensor(table), .tensor(cotangent)], into: [gradient], shape: input.shape)
      return [gradient]
    }
  }

  /// The expression of input 0 that belongs to the kind in input 1.
  private func choice(_ expression: (Activation) -> Expression) -> Expression {
    var result = expression(distinct[distinct.count - 1])
    for (kind, activation) in distinct.enumerated().dropLast().reversed() {
      result = select(.input(1) .== .constant(Double(kind)), expression(activation), result)
    }
    return result
  }

  /// The kind of each unit, on the device of a tensor.
  private func table(for x: Tensor) -> Tensor {
    let place = Place(device: x.device, dtype: x.dtype, unitCount: x.shape[-1])
    return tables.withLock { tables in
      if let table = tables[place] { return table }
      // Made once: it must not be part of a step that is recorded to be replayed.
      let table = Recorder.pausing {
        Tensor(
          (0..<place.unitCount).map { kinds[$0 % kinds.count] }, dtype: place.dtype,
          on: place.device)
      }
      tables[place] = table
      return table
    }
  }
}
