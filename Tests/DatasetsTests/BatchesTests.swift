import Compute
import Datasets
import Testing

@Suite struct BatchesTests {
  @Test(
    "Each row comes once; all batches but the last are full",
    arguments: [(0, 4), (1, 4), (8, 4), (10, 4), (3, 100), (5, 1)])
  func coverage(_ count: Int, _ batchSize: Int) {
    let inOrder = Batches(count: count, batchSize: batchSize, shuffledBy: nil)
    #expect(inOrder.flatMap { $0 } == Array(0..<count))
    let shuffled = Batches(count: count, batchSize: batchSize, shuffledBy: RandomKey(seed: 5))
    #expect(shuffled.flatMap { $0 }.sorted() == Array(0..<count))
    #expect(shuffled.dropLast().allSatisfy { $0.count == batchSize })
    #expect(shuffled.allSatisfy { !$0.isEmpty })
    #expect(shuffled.count == (count + batchSize - 1) / batchSize)
  }

  @Test("The last batch is short")
  func shortLast() {
    let batches = Batches(count: 5, batchSize: 2, shuffledBy: nil)
    #expect(Array(batches) == [[0, 1], [2, 3], [4]])
  }

  @Test("The key decides the order, and each epoch has its own")
  func keys() {
    let key = RandomKey(seed: 9)
    let first = Array(Batches(count: 100, batchSize: 8, shuffledBy: key[0]))
    #expect(first == Array(Batches(count: 100, batchSize: 8, shuffledBy: key[0])))
    #expect(first != Array(Batches(count: 100, batchSize: 8, shuffledBy: key[1])))
    #expect(first.flatMap { $0 } == key[0].permutation(100))
  }
}
