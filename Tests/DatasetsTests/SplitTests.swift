import Compute
import Datasets
import Testing

@Suite struct SplitTests {
  private func counts(_ rows: [Int], of classes: [Int]) -> [Int] {
    (0...(classes.max() ?? 0)).map { label in rows.count { classes[$0] == label } }
  }

  @Test(
    "Each row is in one part, classes keep their shares, and the key decides",
    arguments: ["iris", "wine", "breast_cancer", "digits"])
  func realData(_ name: String) throws {
    let classes = try Examples.table(name).classes
    let all = counts(Array(classes.indices), of: classes)
    var divisions: Set<StratifiedSplit> = []
    for seed in 0..<10 as Range<UInt64> {
      let key = RandomKey(seed: seed)
      let split = StratifiedSplit(classes: classes, heldOutFraction: 0.2, key: key)
      #expect((split.training + split.heldOut).sorted() == Array(classes.indices))
      #expect(split.heldOut.count == Int((Double(classes.count) * 0.2).rounded()))
      for (count, heldOut) in zip(all, counts(split.heldOut, of: classes)) {
        #expect(abs(Double(heldOut) - Double(count) * 0.2) < 1)
      }
      #expect(split == StratifiedSplit(classes: classes, heldOutFraction: 0.2, key: key))
      divisions.insert(split)
    }
    #expect(divisions.count == 10)
  }

  @Test(
    "Largest remainders decide, both parts get a row of each class that has two, a lone row trains",
    arguments: [
      // Class sizes, fraction, rows held out of each class.
      ([50, 50, 50], 0.2, [10, 10, 10]),
      ([6, 6, 6], 0.25, [2, 2, 1]),  // shares of 1.5: five rows, ties to the first
      ([7, 5, 8], 0.25, [2, 1, 2]),  // shares 1.75, 1.25, 2
      ([100, 2], 0.1, [9, 1]),  // 10 rows in all, one of them for the small class
      ([100, 2], 0.9, [91, 1]),
      ([100, 1], 0.1, [10, 0]),
      ([2, 2], 0.01, [1, 1]),
      ([2, 2], 0.99, [1, 1]),
      ([1, 1], 0.5, [0, 0]),
      ([100], 0.29, [29]),  // 100 × 0.29 is 28.999…
    ])
  func apportioning(_ sizes: [Int], _ fraction: Double, _ expected: [Int]) {
    let classes = sizes.enumerated().flatMap { [Int](repeating: $0, count: $1) }
    let split = StratifiedSplit(
      classes: classes, heldOutFraction: fraction, key: RandomKey(seed: 1))
    #expect(counts(split.heldOut, of: classes) == expected)
    #expect((split.training + split.heldOut).sorted() == Array(classes.indices))
  }

  @Test("A table is divided with its labels, and both parts keep the vocabulary")
  func tables() throws {
    let table = try LabeledTable(
      CSV("x,label\n0,a\n1,b\n2,a\n3,b\n4,c\n"), labelColumn: "label")
    let (training, heldOut) = table.split(heldOutFraction: 0.5, key: RandomKey(seed: 3))
    #expect(training.labelVocabulary == ["a", "b", "c"])
    #expect(heldOut.labelVocabulary == ["a", "b", "c"])
    #expect(training.labels.sorted() == ["a", "b", "c"])
    #expect(heldOut.labels.sorted() == ["a", "b"])
    #expect((training.features.values + heldOut.features.values).sorted() == [0, 1, 2, 3, 4])
    for part in [training, heldOut] {
      for (row, label) in part.labels.enumerated() where label != "c" {
        #expect(
          part.features[row: row].first?.truncatingRemainder(dividingBy: 2)
            == (label == "a" ? 0 : 1))
      }
    }
  }

  @Test("A fraction of 0 or 1 traps")
  func invalidFraction() async {
    await #expect(processExitsWith: .failure) {
      _ = StratifiedSplit(classes: [0, 0], heldOutFraction: 1, key: RandomKey(seed: 0))
    }
  }
}
