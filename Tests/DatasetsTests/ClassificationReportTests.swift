import Datasets
import Foundation
import Testing

@Suite struct ClassificationReportTests {
  /// Rows (actual): cat 3 right and 1 as dog; dog 2 right and 2 as cat; emu, 1, as cat.
  private let report = ClassificationReport(
    labels: ["cat", "dog", "emu"],
    actual: [0, 0, 0, 0, 1, 1, 1, 1, 2], predicted: [0, 0, 0, 1, 1, 1, 0, 0, 0])

  @Test("Counts and scores are those worked out by hand")
  func byHand() {
    #expect(report.confusionMatrix == [[3, 1, 0], [2, 2, 0], [1, 0, 0]])
    #expect(report.rowCount == 9)
    #expect(report.correctCount == 5)
    #expect(report.accuracy == 5.0 / 9)
    #expect(report.classes.map(\.rowCount) == [4, 4, 1])
    let twoThirds = 2.0 / 3
    #expect(report.classes.map(\.scores.precision) == [0.5, twoThirds, 0])
    #expect(report.classes.map(\.scores.recall) == [0.75, 0.5, 0])
    let f1 = report.classes.map(\.scores.f1)
    #expect((f1[0] - 0.6).magnitude < 1e-15)
    #expect((f1[1] - 4.0 / 7).magnitude < 1e-15)
    #expect(f1[2] == 0)
    #expect((report.macroAverage.precision - 7.0 / 18).magnitude < 1e-15)
    #expect((report.macroAverage.recall - 5.0 / 12).magnitude < 1e-15)
    #expect((report.macroAverage.f1 - 41.0 / 105).magnitude < 1e-15)
  }

  @Test("A quotient 0/0 is 0")
  func noRows() {
    let empty = ClassificationReport(labels: ["a", "b"], actual: [], predicted: [])
    #expect(empty.accuracy == 0)
    #expect(empty.macroAverage.precision == 0)
    #expect(empty.macroAverage.recall == 0)
    #expect(empty.macroAverage.f1 == 0)
  }

  @Test("The text is aligned")
  func text() {
    #expect(
      report.description == """
        accuracy 0.5556 (5 of 9 rows)

                       precision  recall      F1  rows
        cat               0.5000  0.7500  0.6000     4
        dog               0.6667  0.5000  0.5714     4
        emu               0.0000  0.0000  0.0000     1
        macro average     0.3889  0.4167  0.3905     9

        confusion matrix (rows: actual, columns: predicted)
             cat  dog  emu
        cat    3    1    0
        dog    2    2    0
        emu    1    0    0
        """)
  }

  @Test("Numbers stand for long labels, which are cut and kept on their line")
  func longLabels() {
    let labels = ["x", "one\ntwo", String(repeating: "long ", count: 20)]
    let text = ClassificationReport(labels: labels, actual: [0, 1, 2], predicted: [0, 1, 2])
      .description
    #expect(
      text.hasSuffix(
        """
        confusion matrix (rows: actual, columns: predicted)
                                                      [0]  [1]  [2]
        [0] x                                           1    0    0
        [1] one two                                     0    1    0
        [2] long long long long long long long long…    0    0    1
        """))
    #expect(text.contains("accuracy 1.0000 (3 of 3 rows)"))
  }

  @Test("JSON has each property by its name and reads back")
  func json() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let small = ClassificationReport(labels: ["a"], actual: [0], predicted: [0])
    #expect(
      String(decoding: try encoder.encode(small), as: UTF8.self)
        == #"{"accuracy":1,"classes":[{"label":"a","rowCount":1,"#
        + #""scores":{"f1":1,"precision":1,"recall":1}}],"confusionMatrix":[[1]],"#
        + #""correctCount":1,"macroAverage":{"f1":1,"precision":1,"recall":1},"rowCount":1}"#)
    let data = try encoder.encode(report)
    #expect(try JSONDecoder().decode(ClassificationReport.self, from: data) == report)
  }
}
