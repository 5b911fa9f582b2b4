public import Compute

extension ReferenceBackend {
  /// Reduces an expression over axes: `output = scale · reduction(expression(operands))`.
  ///
  /// Traps when the shapes do not fit, no operand is a view, or argmax has nothing to choose from
  /// or no integers to write.
  public func reduce(
    _ reduction: Reduction, of expression: Expression, operands: [Operand], axes: [Int],
    scale: Double, into output: View
  ) throws {
    _ = checkReduction(reduction, operands: operands, axes: axes, output: output)
    if output.count == 0 { return }
    let views = operands.compactMap(\.view)
    try launch("reduce \(reduction)", views + [output]) {
      evaluate(
        reduction, of: expression, operands: operands, axes: axes, scale: scale, into: output)
    }
  }
}

/// Reduces an expression of views of one shape.
func evaluate(
  _ reduction: Reduction, of expression: Expression, operands: [Operand], axes: [Int],
  scale: Double = 1, into output: View
) {
  // With the reduced axes innermost, the elements that are combined follow one another.
  let reduced = Set(axes.map(output.shape.normalized(axis:)))
  let order = (0..<output.shape.rank).sorted {
    (reduced.contains($0) ? 1 : 0, $0) < (reduced.contains($1) ? 1 : 0, $1)
  }
  let operands = operands.map { operand in
    operand.view.map { .view($0.permuted(order)) } ?? operand
  }
  let output = output.permuted(order)
  let views = operands.compactMap(\.view)
  let groupCount = (views.first?.count ?? 0) / output.count

  if reduction == .argmax {
    withScalarType(of: views.map(\.dtype)) {
      argmax(expression, of: operands, groupCount: groupCount, into: output, as: $0)
    }
  } else {
    withScalarType(of: (views + [output]).map(\.dtype)) {
      combine(
        reduction, expression, of: operands, groupCount: groupCount, scale: scale, into: output,
        as: $0)
    }
  }
}

/// Calls a closure with each run of values that lie in one group of neighbours and in one block.
private func forEachRun<S: Scalar>(
  of expression: Expression, _ operands: [Operand], groups: Int, groupCount: Int, as type: S.Type,
  _ body: (_ group: Int, _ values: UnsafeBufferPointer<S>) -> Void
) {
  var evaluator = Evaluator<S>([expression], of: operands)
  let count = groups * groupCount
  for start in stride(from: 0, to: count, by: Evaluator<S>.blockLength) {
    let length = min(Evaluator<S>.blockLength, count - start)
    evaluator.next(length)
    let values = evaluator.values(of: 0)
    var done = 0
    while done < length {
      let (group, position) = (start + done).quotientAndRemainder(dividingBy: groupCount)
      let run = min(length - done, groupCount - position)
      body(group, UnsafeBufferPointer(start: values + done, count: run))
      done += run
    }
  }
}

/// Sums, maxima and minima: the value of each group is that of a tree over its elements.
private func combine<S: Scalar>(
  _ reduction: Reduction, _ expression: Expression, of operands: [Operand], groupCount: Int,
  scale: Double, into output: View, as type: S.Type
) {
  let function: BinaryIntrinsic
  let neutral: S
  switch reduction {
  case .sum: (function, neutral) = (.add, .zero)
  case .maximum: (function, neutral) = (.maximum, S(loading: -Double.infinity))
  case .minimum: (function, neutral) = (.minimum, S(loading: Double.infinity))
  case .argmax: fatalError("argmax finds a position and combines nothing")
  }
  let results = [S](unsafeUninitializedCapacity: output.count) { results, count in
    results.initialize(repeating: neutral)
    count = output.count
    var tree = CombiningTree<S>(function)
    var filled = 0
    forEachRun(of: expression, operands, groups: output.count, groupCount: groupCount, as: type) {
      group, values in
      tree.append(values)
      filled += values.count
      if filled == groupCount {
        results[group] = tree.finish()
        filled = 0
      }
    }
  }
  let isScaled = reduction == .sum && scale != 1
  store(
    isScaled ? results.map { S(loading: $0.stored(as: Double.self) * scale) } : results, to: output)
}

/// Combines values in pairs, and the results in pairs, so that the rounding error of a sum grows
/// with the logarithm of its length (Higham, "The accuracy of floating point summation", 1993).
private struct CombiningTree<S: Scalar> {
  private let function: BinaryIntrinsic
  /// Results of runs: those of a level wait for a second one, as the bits of a binary counter do.
  private var partials: [S] = []
  private var runs = 0
  private var scratch = [S](repeating: .zero, count: Evaluator<S>.blockLength)

  init(_ function: BinaryIntrinsic) { self.function = function }

  /// Adds a run of at least one value and at most a block.
  mutating func append(_ values: UnsafeBufferPointer<S>) {
    var count = values.count
    for i in 0..<count { scratch[i] = values[i] }
    scratch.withUnsafeMutableBufferPointer { scratch in
      guard let first = scratch.baseAddress else { return }
      while count > 1 {
        let half = (count + 1) / 2
        apply(function, first, first + half, into: first, count / 2)
        count = half
      }
    }
    var result = scratch[0]
    var carry = runs
    while carry & 1 == 1 {
      result = S.evaluate(function, partials.removeLast(), result)
      carry >>= 1
    }
    partials.append(result)
    runs += 1
  }

  /// The combination of all runs, of which there is at least one; the tree is empty afterwards.
  mutating func finish() -> S {
    var result = partials.removeLast()
    while let partial = partials.popLast() { result = S.evaluate(function, partial, result) }
    runs = 0
    return result
  }
}

/// The position in each group of its largest value: the first of equals, or the first NaN.
private func argmax<S: Scalar>(
  _ expression: Expression, of operands: [Operand], groupCount: Int, into output: View,
  as type: S.Type
) {
  var positions = [Int64](repeating: 0, count: output.count)
  var position = 0
  var best = S.zero
  forEachRun(of: expression, operands, groups: output.count, groupCount: groupCount, as: type) {
    group, values in
    for value in values {
      // NaN is the one value that differs from itself; once found, it stays.
      if position == 0 || value > best || (value != value && best == best) {
        best = value
        positions[group] = Int64(position)
      }
      position += 1
    }
    if position == groupCount { position = 0 }
  }
  store(positions, to: output)
}
