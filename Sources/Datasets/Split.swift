public import Compute

/// A division of rows into a part to train on and a part held out, with the classes' shares kept.
///
/// The held-out part gets the fraction of the rows, rounded, apportioned to the classes by largest
/// remainders, so that each class is within one row of its share; ties go to the class that comes
/// first. A class with two rows or more has at least one in each part, even against its share. A
/// class with one row is trained on, and does not count. The same key gives the same division.
public struct StratifiedSplit: Hashable, Sendable {
  /// The rows to train on, ascending.
  public let training: [Int]
  /// The rows held out, ascending.
  public let heldOut: [Int]

  /// Divides rows, given the class of each; traps unless 0 < fraction < 1.
  public init(classes: [Int], heldOutFraction fraction: Double, key: RandomKey) {
    require(
      fraction > 0 && fraction < 1,
      "StratifiedSplit: the held-out fraction must be between 0 and 1, not \(fraction)")
    let rowsByClass = Dictionary(grouping: classes.indices) { classes[$0] }
      .sorted { $0.key < $1.key }
    let counts = Self.apportioned(rowsByClass.map(\.value.count), fraction: fraction)
    var isHeldOut = [Bool](repeating: false, count: classes.count)
    for (group, count) in zip(rowsByClass, counts) {
      let order = key["split"][group.key].permutation(group.value.count)
      for position in order.prefix(count) { isHeldOut[group.value[position]] = true }
    }
    training = classes.indices.filter { !isHeldOut[$0] }
    heldOut = classes.indices.filter { isHeldOut[$0] }
  }

  /// How many rows of each class are held out.
  private static func apportioned(_ rowCounts: [Int], fraction: Double) -> [Int] {
    let divisible = rowCounts.indices.filter { rowCounts[$0] > 1 }
    var result = [Int](repeating: 0, count: rowCounts.count)
    for index in divisible {
      result[index] = min(max(Int(Double(rowCounts[index]) * fraction), 1), rowCounts[index] - 1)
    }
    // A class's remainder: how much it has yet to get, negative when it was raised to one row.
    func remainder(_ index: Int) -> Double {
      Double(rowCounts[index]) * fraction - Double(result[index])
    }
    let total = Double(divisible.reduce(0) { $0 + rowCounts[$1] }) * fraction
    var missing = Int(total.rounded()) - result.reduce(0, +)
    while missing > 0,
      let next = divisible.filter({ result[$0] < rowCounts[$0] - 1 })
        .max(by: { (remainder($0), $1) < (remainder($1), $0) })
    {
      result[next] += 1
      missing -= 1
    }
    while missing < 0,
      let next = divisible.filter({ result[$0] > 1 })
        .min(by: { (remainder($0), $0) < (remainder($1), $1) })
    {
      result[next] -= 1
      missing += 1
    }
    return result
  }
}
