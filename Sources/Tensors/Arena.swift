package import Compute

/// Numbers of many tensors in one run of memory, updated in place.
///
/// Parameters, gradients, optimiser states and running statistics live in arenas, so that an
/// update is one launch whatever the number of tensors. A tensor taken from an arena is a value
/// like any other: before the arena is written, whoever still holds one is moved to a copy.
package final class Arena {
  /// Each tensor starts on a boundary of this many bytes; the padding between is zero.
  package static let alignment = 128

  /// The number of elements, padding included.
  package let length: Int
  /// The type of the elements.
  package let dtype: DType
  /// Where the elements are.
  package let device: Device

  private var buffer: TensorBuffer
  private let movesReaders: Bool

  /// Creates an arena of zeros.
  ///
  /// - Parameter movesReaders: Whether each write first moves who holds a tensor of the arena to a
  ///   copy. Without it, the owner calls ``detachReaders()`` before it changes what they hold.
  package init(length: Int, dtype: DType, on device: Device, movesReaders: Bool = true) {
    self.length = length
    self.movesReaders = movesReaders
    self.dtype = dtype
    self.device = device
    buffer = Tensor.zeros([length], dtype: dtype, on: device).buffer
  }

  /// Creates an arena of tensors that are all written before they are read.
  ///
  /// - Parameter counts: The numbers of elements of the tensors, one after another. What they are at
  ///   first is undefined where that saves time; the padding between them is zero.
  package init(writing counts: [Int], dtype: DType, on device: Device) {
    movesReaders = true
    self.dtype = dtype
    self.device = device
    let unit = Self.alignment / dtype.byteCount
    var length = 0
    // Where the last unit of a tensor begins that does not fill it.
    var ends: [Int] = []
    for count in counts {
      length += Self.paddedCount(count, dtype: dtype)
      if !count.isMultiple(of: unit) { ends.append(length - unit) }
    }
    self.length = length
    guard ends.count * Self.fillCount < length else {
      buffer = Tensor.zeros([length], dtype: dtype, on: device).buffer
      return
    }
    buffer = device.allocate(dtype, [length]).buffer
    while !ends.isEmpty {
      let failure = Self.update(
        ends.prefix(Self.endLimit).map { Target(self, at: $0, shape: [unit], to: 0) }, from: [])
      if let failure { whole.fail(failure) }
      ends.removeFirst(min(Self.endLimit, ends.count))
    }
  }

  /// Filling so many elements takes longer than one more output of a launch.
  private static let fillCount = 1 << 16
  /// The most ends that are filled in one launch: any device takes so many arguments.
  private static let endLimit = 16

  /// The number of elements from one tensor's start to the next's.
  package static func paddedCount(_ count: Int, dtype: DType) -> Int {
    let unit = alignment / dtype.byteCount
    return (count + unit - 1) / unit * unit
  }

  /// The current values of one of the tensors.
  package func tensor(at offset: Int, shape: Shape) -> Tensor {
    Tensor(
      buffer: buffer, dtype: dtype, shape: shape, strides: shape.contiguousStrides,
      offset: offset, device: device)
  }

  /// The current values of all, padding included.
  package var whole: Tensor { tensor(at: 0, shape: [length]) }

  /// A part of an arena that is written in place.
  package struct Target {
    let arena: Arena
    let offset: Int
    let shape: Shape
    let expression: Expression

    /// The elements from `offset` on, to become the values of an expression.
    package init(_ arena: Arena, at offset: Int = 0, shape: Shape? = nil, to expression: Expression)
    {
      self.arena = arena
      self.offset = offset
      self.shape = shape ?? [arena.length]
      self.expression = expression
    }
  }

  /// An operand of an update.
  package enum Argument {
    /// The current values of a part of an arena, which may be written in the same update.
    case arena(Arena, at: Int = 0, shape: Shape? = nil)
    /// A tensor, broadcast to the targets' shape.
    case tensor(Tensor)
    /// A number.
    case scalar(Double)
  }

  /// Writes parts of arenas, all of one shape, in one launch.
  ///
  /// Expressions refer to the arguments by number. Returns why nothing was written, or nil; the
  /// targets then keep their old values.
  package static func update(_ targets: [Target], from arguments: [Argument]) -> (any Error)? {
    let shape = targets[0].shape
    for target in targets {
      target.arena.prepareToWrite()
      Recorder.current?.note(writing: target.arena)
    }
    let operands = arguments.map { argument -> Operand in
      switch argument {
      case .scalar(let value): .scalar(value)
      case .tensor(let tensor): .view(broadcast(tensor.view, to: shape))
      case .arena(let arena, let offset, let part):
        .view(broadcast(arena.tensor(at: offset, shape: part ?? [arena.length]).view, to: shape))
      }
    }
    let outputs = targets.map { $0.arena.tensor(at: $0.offset, shape: $0.shape).view }
    guard shape.count > 0 else { return nil }
    return targets[0].arena.device.launchInPlace(reading: operands.compactMap(\.view) + outputs) {
      try $0.map(targets.map(\.expression), of: operands, into: outputs)
    }
  }

  private static func broadcast(_ view: View, to shape: Shape) -> View {
    guard let result = view.broadcast(to: shape) else {
      fatalError("an arena's update: shape \(view.shape) does not broadcast to \(shape)")
    }
    return result
  }

  /// Does what comes before every write.
  func prepareToWrite() { if movesReaders { detachReaders() } }

  /// Moves the tensors that were taken from the arena to a copy of it.
  ///
  /// The copy is for whoever holds them now, so it is no part of a recording.
  package func detachReaders() {
    guard !isKnownUniquelyReferenced(&buffer) else { return }
    let source = whole.view
    let copy = Recorder.pausing {
      let copy = device.allocate(dtype, [length])
      if length > 0 {
        device.launch(reading: [source], writing: [copy.view]) { backend in
          try backend.map([.input(0)], of: [.view(source)], into: [copy.view])
        }
      }
      return copy
    }
    // The arena keeps its own memory; the tensors' box gets the copy.
    let own = TensorBuffer(buffer.storage)
    buffer.move(to: copy.buffer.storage)
    buffer = own
  }
}
