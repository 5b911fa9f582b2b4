import Compute
import Testing

@Suite struct InstructionSequenceTests {
  @Test func partsComeOnceAndBeforeTheirUse() {
    let x = Expression.input(0)
    let y = Expression.input(1)
    let product = x * y
    let sequence = InstructionSequence([product + product.exp, product, select(x .< 2, x, y)])
    #expect(
      sequence.instructions == [
        .input(0), .input(1), .binary(.multiply, 0, 1), .unary(.exp, 2), .binary(.add, 2, 3),
        .constant(2), .binary(.less, 0, 5), .select(6, 0, 1),
      ])
    #expect(sequence.results == [4, 2, 7])
  }

  @Test func equalExpressionsGiveEqualSequences() {
    func write() -> [Expression] {
      let x = Expression.input(0)
      return [x.tanh * (1 - x), (x + 1).log]
    }
    #expect(InstructionSequence(write()) == InstructionSequence(write()))
    #expect(InstructionSequence([]).instructions.isEmpty)
  }
}
