import Compute
import GradientChecking
import Tensors
import Testing

/// The samples of every operation hold what kernels are wrong on.
@Suite struct SampleTests {
  /// An operation with its samples of a seed.
  private static func operations(seed: UInt64) -> [(name: String, samples: [OperationSample])] {
    func all<Family: OperationFamily>(of family: Family.Type) -> [any OperationFamily] {
      Array(Family.allCases)
    }
    return OperationFamilies.all.flatMap { all(of: $0) }.map { operation in
      var source = SampleSource(seed: seed, operation: operation.qualifiedName)
      return (operation.qualifiedName, operation.samples(&source))
    }
  }

  /// Means of everything: without elements they are NaN, so they cannot be tried on an empty axis.
  private static let withoutEmpty: Set = [
    "loss.crossEntropy"
  ]

  @Test("Every length that tiles get wrong is tried", arguments: UInt64(0)..<20)
  func lengths(seed: UInt64) {
    for (name, samples) in Self.operations(seed: seed) {
      let lengths = Set(samples.flatMap(\.inputs).flatMap(\.shape.dimensions))
      let missing = Set(SampleSource.oddLengths).subtracting(lengths)
      #expect(missing.isEmpty, "\(name) lacks \(missing)")
      #expect(
        lengths.contains(0) || Self.withoutEmpty.contains(name), "\(name) lacks an empty axis")
    }
  }

  @Test("Every differentiable input is tried in every layout, of several rows and columns")
  func layouts() {
    for (name, samples) in Self.operations(seed: 0) {
      let most = samples.map(\.inputs.count).max() ?? 0
      for number in 0..<most {
        let inputs = samples.compactMap {
          $0.inputs.indices.contains(number) ? $0.inputs[number] : nil
        }
        guard inputs.contains(where: \.isDifferentiable) else { continue }
        let scattered = inputs.filter { input in
          input.layout == .sliced && input.shape.count > 1
            || input.layout == .transposed && input.shape.dimensions.filter { $0 > 1 }.count > 1
        }
        let isMatrix = inputs.contains { $0.shape.rank >= 2 }
        let layouts = Set(scattered.map(\.layout))
        #expect(
          layouts.contains(.sliced) && (layouts.contains(.transposed) || !isMatrix),
          "\(name), input \(number), is only tried \(layouts)")
      }
    }
  }

  @Test("Operands are broadcast along leading, inner and all axes")
  func broadcasting() throws {
    let operations = Dictionary(
      uniqueKeysWithValues: Self.operations(seed: 0).map { ($0.name, $0.samples) })
    for name in [
      "pointwise.broadcastArithmetic", "reduction.sumOfExpression", "matMul.broadcastBatch",
    ] {
      let samples = try #require(operations[name])
      let broadcast = samples.filter { Set($0.inputs.map(\.shape)).count > 1 }
      #expect(broadcast.count >= 3, "\(name)")
    }
    let pairs = try #require(operations["pointwise.broadcastArithmetic"]).map {
      $0.inputs.map(\.shape)
    }
    #expect(pairs.contains { $0[0].rank > $0[1].rank }, "no leading axis")
    #expect(
      pairs.contains { $0[0].rank == $0[1].rank && $0[1].dimensions.last == 1 }, "no inner axis")
    #expect(pairs.contains { $0[1] == .scalar }, "not all axes")
    #expect(pairs.contains { $0[0].count < $0[1].count }, "not the first operand")
  }

  @Test("Equal seeds give equal samples, others give others")
  func seeds() {
    func shapes(_ seed: UInt64) -> [[Shape]] {
      Self.operations(seed: seed).flatMap(\.samples).map { $0.inputs.map(\.shape) }
    }
    #expect(shapes(1) == shapes(1))
    #expect(shapes(1) != shapes(2))
  }

  @Test("Every operation has samples, and every one an input with a gradient")
  func samples() {
    for (name, samples) in Self.operations(seed: 0) {
      #expect(!samples.isEmpty, "\(name)")
      for sample in samples {
        #expect(sample.inputs.contains { $0.isDifferentiable }, "\(name)")
      }
    }
  }
}
