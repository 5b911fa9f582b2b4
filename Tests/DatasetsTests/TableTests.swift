import Datasets
import Foundation
import Testing

@Suite struct TableTests {
  private let schema = TableSchema(
    featureNames: ["x", "y"], labelColumn: "label", labelVocabulary: ["no", "yes"])

  // MARK: Files to train on

  @Test("Features are row-major in the order of the file, wherever the label column stands")
  func features() throws {
    let table = try LabeledTable(CSV("x,label,y\n1,b,-2.5e1\n.5,a,4\n"), labelColumn: "label")
    #expect(table.features.featureNames == ["x", "y"])
    #expect(table.features.values == [1, -25, 0.5, 4])
    #expect(table.features[row: 1] == [0.5, 4])
    #expect(table.labelVocabulary == ["a", "b"])
    #expect(table.classes == [1, 0])
    #expect(table.labels == ["b", "a"])
  }

  @Test(
    "Labels are sorted by value if all are numbers, else as text",
    arguments: [
      (["10", "9", "-1", "2"], ["-1", "2", "9", "10"]),
      (["10", "9", "b", "2"], ["10", "2", "9", "b"]),
      (["1.0", "1", "nan"], ["1", "1.0", "nan"]),
    ])
  func vocabulary(_ labels: [String], _ sorted: [String]) throws {
    let text = "x,label\n" + labels.map { "0,\($0)\n" }.joined()
    #expect(try LabeledTable(CSV(text), labelColumn: "label").labelVocabulary == sorted)
  }

  @Test(
    "Bad data to train on has an error with file, line and what was expected",
    arguments: [
      ("x,label\n1,a\nabc,b\n", "t.csv:3: column \"x\": \"abc\" is not a number"),
      ("x,label\n1;2,a\n", "t.csv:2: column \"x\": \"1;2\" is not a number"),
      ("x,label\n0x10,a\n", "t.csv:2: column \"x\": \"0x10\" is not a number"),
      ("x,label\n\"a\nb\",a\n", "t.csv:2: column \"x\": \"a\\nb\" is not a number"),
      ("x,label\n,a\n", "t.csv:2: column \"x\": the cell is empty"),
      ("x,label\n1,\n", "t.csv:2: column \"label\": the cell is empty"),
      ("x,label\nnan,a\n", "t.csv:2: column \"x\": \"nan\" is not a finite number"),
      ("x,label\n-inf,a\n", "t.csv:2: column \"x\": \"-inf\" is not a finite number"),
      ("x,label\n1e999,a\n", "t.csv:2: column \"x\": \"1e999\" is not a finite number"),
      ("label\na\n", "t.csv:1: there is no column beside the label column \"label\""),
      (
        "x,Lable\n1,a\n",
        "t.csv:1: there is no label column \"label\" (did you mean \"Lable\"?); "
          + "the columns are \"x\", \"Lable\""
      ),
      (
        "x,species\n1,a\n",
        "t.csv:1: there is no label column \"label\"; the columns are \"x\", \"species\""
      ),
    ])
  func badTrainingData(_ text: String, _ message: String) {
    let error = #expect(throws: DataError.self) {
      try LabeledTable(CSV(text), labelColumn: "label")
    }
    #expect(error?.description == message)
  }

  @Test("Of very many columns the error lists the first")
  func manyColumns() throws {
    let error = #expect(throws: DataError.self) {
      try LabeledTable(
        contentsOf: Examples.folder.appending(path: "digits.csv"), labelColumn: "digit")
    }
    let text = try #require(error?.description)
    #expect(text.hasSuffix("\"pixel_1_5\", \"pixel_1_6\" and 50 more"))
  }

  // MARK: Files for a trained model

  @Test("Columns are found by name, and labels have the classes of training")
  func evaluation() throws {
    let csv = try CSV("label,y,x\nyes,1,2\nyes,3,4\n")
    let table = try LabeledTable(csv, schema: schema)
    #expect(table.features.values == [2, 1, 4, 3])
    #expect(table.classes == [1, 1])
    #expect(table.schema == .table(schema))
    #expect(try Table(csv, schema: schema) == table.features)
  }

  @Test("A file for prediction needs no label column")
  func prediction() throws {
    #expect(try Table(CSV("y,x\n1,2\n"), schema: schema).values == [2, 1])
    let error = #expect(throws: DataError.self) {
      try LabeledTable(CSV("y,x\n1,2\n"), schema: schema)
    }
    #expect(
      error?.description
        == "t.csv:1: the columns are not those of the training data: missing \"label\"")
  }

  @Test("All columns that do not fit are listed at once")
  func wrongColumns() throws {
    let error = #expect(throws: DataError.self) {
      try LabeledTable(CSV("z,x,w\n1,2,3\n"), schema: schema)
    }
    #expect(
      error?.description
        == "t.csv:1: the columns are not those of the training data: "
        + "missing \"label\", \"y\"; unexpected \"z\", \"w\"")
    let extra = #expect(throws: DataError.self) { try Table(CSV("x,y,z\n1,2,3\n"), schema: schema) }
    #expect(extra?.problem == .columnsDoNotFit(missing: [], unexpected: ["z"]))
  }

  @Test("A label that training never saw is named with those it saw")
  func unknownLabel() {
    let error = #expect(throws: DataError.self) {
      try LabeledTable(CSV("x,y,label\n1,2,yes\n1,2,perhaps\n"), schema: schema)
    }
    #expect(
      error?.description
        == "t.csv:3: the training data had no label \"perhaps\"; its labels are \"no\", \"yes\"")
  }

  // MARK: Real data

  @Test(
    "The example data sets have the rows, features and classes that they are known for",
    arguments: [
      ("iris", 4, ["setosa", "versicolor", "virginica"], [50, 50, 50]),
      ("wine", 13, ["class_0", "class_1", "class_2"], [59, 71, 48]),
      ("breast_cancer", 30, ["benign", "malignant"], [357, 212]),
      (
        "digits", 64, (0...9).map(String.init),
        [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
      ),
    ])
  func examples(_ name: String, _ featureCount: Int, _ labels: [String], _ counts: [Int]) throws {
    let table = try Examples.table(name)
    #expect(table.features.featureCount == featureCount)
    #expect(table.labelVocabulary == labels)
    #expect(labels.indices.map { label in table.classes.count { $0 == label } } == counts)
  }
}
