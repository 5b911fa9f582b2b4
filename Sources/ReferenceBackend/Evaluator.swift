import Compute

/// Evaluates expressions over views, a block of elements at a time and instruction by instruction.
///
/// Each instruction runs over the whole block before the next, so that what it does is decided
/// once for many elements, and the values between stay in the cache.
struct Evaluator<S: Scalar>: ~Copyable {
  /// The most elements of a block.
  static var blockLength: Int { 256 }

  private let sequence: InstructionSequence
  /// A block of values for each instruction.
  private let registers: UnsafeMutablePointer<S>
  private var inputs: [(register: Int, cursor: Cursor)] = []

  /// Prepares to evaluate expressions, from the views' first elements on.
  init(_ expressions: [Expression], of operands: [Operand]) {
    sequence = InstructionSequence(expressions)
    let length = Self.blockLength
    registers = .allocate(capacity: max(1, sequence.instructions.count) * length)
    for (register, instruction) in sequence.instructions.enumerated() {
      let block = registers + register * length
      switch instruction {
      case .constant(let value):
        block.initialize(repeating: S(loading: value), count: length)
      case .input(let number):
        require(
          number < operands.count,
          "an expression refers to input \(number), but there are \(operands.count) operands")
        switch operands[number] {
        case .scalar(let value):
          block.initialize(repeating: S(loading: value), count: length)
        case .view(let view): inputs.append((register, Cursor(view)))
        }
      case .unary, .binary, .select: break
      }
    }
  }

  deinit { registers.deallocate() }

  /// Evaluates the next `count` elements, at most a block.
  mutating func next(_ count: Int) {
    for i in inputs.indices {
      inputs[i].cursor.load(count, into: registers + inputs[i].register * Self.blockLength)
    }
    for (register, instruction) in sequence.instructions.enumerated() {
      let result = block(register)
      switch instruction {
      case .input, .constant: break
      case .unary(let function, let x): apply(function, block(x), into: result, count)
      case .binary(let function, let x, let y):
        apply(function, block(x), block(y), into: result, count)
      case .select(let condition, let x, let y):
        let (condition, x, y) = (block(condition), block(x), block(y))
        for i in 0..<count { result[i] = condition[i] != .zero ? x[i] : y[i] }
      }
    }
  }

  /// The values of one of the expressions for the elements of the last `next`.
  func values(of expression: Int) -> UnsafePointer<S> {
    UnsafePointer(block(sequence.results[expression]))
  }

  private func block(_ register: Int) -> UnsafeMutablePointer<S> {
    registers + register * Self.blockLength
  }
}

/// Applies a function to a block.
private func apply<S: Scalar>(
  _ function: UnaryIntrinsic, _ x: UnsafePointer<S>, into result: UnsafeMutablePointer<S>,
  _ count: Int
) {
  for i in 0..<count { result[i] = S.evaluate(function, x[i]) }
}

/// Applies a function to two blocks; the result may take the place of one.
func apply<S: Scalar>(
  _ function: BinaryIntrinsic, _ x: UnsafePointer<S>, _ y: UnsafePointer<S>,
  into result: UnsafeMutablePointer<S>, _ count: Int
) {
  @inline(__always)
  func loop(_ known: BinaryIntrinsic) {
    for i in 0..<count { result[i] = S.evaluate(known, x[i], y[i]) }
  }
  // Arithmetic is as cheap as the choice of the function, so there the choice is made outside.
  switch function {
  case .add: loop(.add)
  case .subtract: loop(.subtract)
  case .multiply: loop(.multiply)
  case .divide: loop(.divide)
  case .maximum: loop(.maximum)
  case .less: loop(.less)
  default: loop(function)
  }
}
