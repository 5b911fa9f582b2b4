import Compute

/// Shifts and scales each feature to mean 0 and variance 1 over the table that it was fitted on:
/// (x − mean) / scale.
public struct Standardization: Hashable, Sendable {
  /// The mean of each feature.
  public let mean: [Double]
  /// The standard deviation of each feature over the population (divided by n, not n − 1); 1 for a
  /// feature that does not vary.
  public let scale: [Double]

  /// Creates a standardisation; traps unless there is a positive, finite scale for each mean.
  public init(mean: [Double], scale: [Double]) {
    require(
      mean.count == scale.count,
      "Standardization: \(mean.count) means, but \(scale.count) scales")
    require(
      scale.allSatisfy { $0 > 0 && $0.isFinite },
      "Standardization: each scale must be positive and finite")
    self.mean = mean
    self.scale = scale
  }

  /// Measures the features of a table, which should be the training part alone; traps on an empty
  /// one.
  public init(fitting table: Table) {
    self.init(featureCount: table.featureCount, rowCount: table.rowCount) { Array(table[row: $0]) }
  }

  /// Measures features, given the numbers of each row; traps unless there are rows.
  ///
  /// By the recurrence of B. P. Welford (Technometrics 4(3), 1962), whose variance of a constant
  /// feature is exactly zero.
  init(featureCount: Int, rowCount: Int, row: (Int) -> [Double]) {
    require(rowCount > 0, "Standardization: a table without rows has no mean")
    var largest = [Double](repeating: 0, count: featureCount)
    for number in 0..<rowCount {
      for (feature, value) in row(number).enumerated() {
        largest[feature] = max(largest[feature], value.magnitude)
      }
    }
    // Powers of two: exact, and keep the squares of very large and very small values in range.
    let units = largest.map { $0 > 0 ? $0.binade : 1 }
    var means = [Double](repeating: 0, count: featureCount)
    var squares = means
    for number in 0..<rowCount {
      for (feature, value) in row(number).enumerated() {
        let value = value / units[feature]
        let difference = value - means[feature]
        means[feature] += difference / Double(number + 1)
        squares[feature] += difference * (value - means[feature])
      }
    }
    mean = zip(means, units).map { $0 * $1 }
    scale = zip(squares, units).map { squares, unit in
      let deviation = (squares / Double(rowCount)).squareRoot() * unit
      return deviation > 0 ? deviation : 1
    }
  }

  /// The table with each feature shifted and scaled; traps when it has not as many features.
  public func applied(to table: Table) -> Table {
    require(
      table.featureCount == mean.count,
      "Standardization: fitted on \(mean.count) features, applied to \(table.featureCount)")
    let values = (0..<table.rowCount).flatMap { applied(toRow: Array(table[row: $0])) }
    return Table(featureNames: table.featureNames, values: values)
  }

  /// The numbers of one row, shifted and scaled.
  func applied(toRow row: [Double]) -> [Double] {
    row.indices.map { (row[$0] - mean[$0]) / scale[$0] }
  }
}
