import Datasets
import Testing

@Suite struct StandardizationTests {
  @Test("Values by hand: the deviation is the population's, and a constant keeps scale 1")
  func byHand() {
    let table = Table(featureNames: ["a", "c"], values: [2, 0.1, 4, 0.1, 6, 0.1, 8, 0.1])
    let standardization = Standardization(fitting: table)
    #expect(standardization.mean == [5, 0.1])
    #expect(standardization.scale == [Double(5).squareRoot(), 1])
    let values = standardization.applied(to: table).values
    #expect(values.enumerated().filter { $0.offset % 2 == 1 }.allSatisfy { $0.element == 0 })
  }

  @Test(
    "Fitted features have mean 0 and variance 1",
    arguments: ["iris", "wine", "breast_cancer", "digits"])
  func moments(_ name: String) throws {
    let table = try Examples.table(name).features
    let scaled = Standardization(fitting: table).applied(to: table)
    let count = Double(table.rowCount)
    for feature in 0..<table.featureCount {
      let column = (0..<table.rowCount).map { scaled.values[$0 * table.featureCount + feature] }
      let mean = column.reduce(0, +) / count
      let variance = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
      // Rounding adds up like √n. The means of these data are up to 17 deviations, which 64 covers
      // with room for the few roundings of each step.
      let tolerance = 64 * count.squareRoot() * Double.ulpOfOne
      #expect(mean.magnitude < tolerance)
      let isConstant = Set(column).count == 1
      #expect((variance - (isConstant ? 0 : 1)).magnitude < tolerance)
    }
  }

  @Test(
    "Very large, very small and far shifted values keep their spread", arguments: [1e200, 1e-200])
  func range(_ unit: Double) {
    let table = Table(featureNames: ["a"], values: [1 * unit, 3 * unit])
    let standardization = Standardization(fitting: table)
    #expect((standardization.mean[0] / unit - 2).magnitude < 1e-15)
    #expect((standardization.scale[0] / unit - 1).magnitude < 1e-15)

    let shifted = Table(featureNames: ["a"], values: [1e9, 1e9 + 2])
    #expect(Standardization(fitting: shifted).scale == [1])
  }
}
