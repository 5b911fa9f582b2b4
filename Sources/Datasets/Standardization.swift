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
  ///
  /// By the recurrence of B. P. Welford (Technometrics 4(3), 1962), whose variance of a constant
  /// feature is exactly zero.
  public init(fitting table: Table) {
    require(table.rowCount > 0, "Standardization: a table without rows has no mean")
    var mean: [Double] = []
    var scale: [Double] = []
    for feature in 0..<table.featureCount {
      let column = stride(from: feature, to: table.values.count, by: table.featureCount)
      let largest = column.reduce(0) { max($0, table.values[$1].magnitude) }
      // A power of two: exact, and keeps the squares of very large and very small values in range.
      let unit = largest > 0 ? largest.binade : 1
      var columnMean = 0.0
      var squares = 0.0
      for (index, position) in column.enumerated() {
        let value = table.values[position] / unit
        let difference = value - columnMean
        columnMean += difference / Double(index + 1)
        squares += difference * (value - columnMean)
      }
      let deviation = (squares / Double(table.rowCount)).squareRoot() * unit
      mean.append(columnMean * unit)
      scale.append(deviation > 0 ? deviation : 1)
    }
    self.init(mean: mean, scale: scale)
  }

  /// The table with each feature shifted and scaled; traps when it has not as many features.
  public func applied(to table: Table) -> Table {
    require(
      table.featureCount == mean.count,
      "Standardization: fitted on \(mean.count) features, applied to \(table.featureCount)")
    var values = table.values
    for row in 0..<table.rowCount {
      for feature in mean.indices {
        let position = row * mean.count + feature
        values[position] = (values[position] - mean[feature]) / scale[feature]
      }
    }
    return Table(featureNames: table.featureNames, values: values)
  }
}
