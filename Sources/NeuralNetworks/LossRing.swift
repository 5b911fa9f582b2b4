import Compute
import Tensors

/// The losses of the latest steps, in device memory, so that they need not be read one by one.
///
/// Where the next loss goes is counted on the device: each place has the number of steps until its
/// turn, so that the same launch serves every step.
final class LossRing {
  /// Where a loss is.
  typealias Place = Int

  /// The number of places.
  static let length = 32

  let device: Device
  private let losses: Arena
  private let turns: Arena
  /// The place that the next loss goes to, as the device counts.
  private var next: Place = 0

  init(dtype: DType, on device: Device) {
    self.device = device
    losses = Arena(length: Self.length, dtype: dtype, on: device, movesReaders: false)
    turns = Arena(length: Self.length, dtype: dtype, on: device)
    let order = Tensor((0..<Self.length).map(Double.init), dtype: dtype, on: device)
    _ = Arena.update([.init(turns, to: .input(0))], from: [.tensor(order)])
  }

  /// Puts a loss into the next place; returns why it could not be launched, or nil.
  ///
  /// The place is the next until ``advance()``, which must follow every launch.
  func append(_ loss: Tensor) -> (any Error)? {
    let (new, old, turn) = (Expression.input(0), Expression.input(1), Expression.input(2))
    let isNext = turn .== 0
    return Arena.update(
      [
        .init(losses, to: select(isNext, new, old)),
        .init(turns, to: select(isNext, .constant(Double(Self.length - 1)), turn - 1)),
      ],
      from: [.tensor(loss.reshaped(to: [1])), .arena(losses), .arena(turns)])
  }

  /// Follows the device to the next place, and returns the one that was written.
  @discardableResult
  func advance() -> Place {
    defer { next = (next + 1) % Self.length }
    // Twice a round, so that who holds a loss has a copy before its place has its next turn.
    if next.isMultiple(of: Self.length / 2) { losses.detachReaders() }
    return next
  }

  /// The loss at a place, whose next turn has not come.
  func loss(at place: Place) -> Tensor { losses.tensor(at: place, shape: .scalar) }

  /// The losses at places; waits for the device.
  func losses(at places: [Place]) throws -> [Double] {
    let values = try losses.whole.array(of: Double.self)
    return places.map { values[$0] }
  }
}
