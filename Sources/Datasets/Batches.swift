public import Compute

/// The rows of each mini-batch of one epoch; the last batch has what is left and may be short.
public struct Batches: RandomAccessCollection, Sendable {
  private let order: [Int]
  private let batchSize: Int

  /// Divides rows 0..<count into batches, shuffled by a key, or in order without one.
  ///
  /// Each epoch wants a key of its own, such as `key[epoch]`. Traps unless the batch size is
  /// positive and the count not negative.
  public init(count: Int, batchSize: Int, shuffledBy key: RandomKey?) {
    require(count >= 0, "Batches: the count of rows is negative: \(count)")
    require(batchSize > 0, "Batches: the batch size must be positive, not \(batchSize)")
    order = key?.permutation(count) ?? Array(0..<count)
    self.batchSize = batchSize
  }

  /// The number of the first batch.
  public var startIndex: Int { 0 }

  /// The number of batches.
  public var endIndex: Int {
    order.count / batchSize + (order.count.isMultiple(of: batchSize) ? 0 : 1)
  }

  /// The rows of a batch.
  public subscript(batch: Int) -> [Int] {
    Array(order.dropFirst(batch * batchSize).prefix(batchSize))
  }
}
