import Datasets
import Foundation
import Testing

@Suite struct CSVTests {
  @Test(
    "Line ends, quotes, a byte order mark, blanks and blank last lines do not change the cells",
    arguments: [
      "a,b\n1,x y\n2,z\n",
      "a,b\r\n1,x y\r\n2,z\r\n",
      "a,b\n1,x y\n2,z",
      "\u{feff}a,b\n1,x y\n2,z",
      "a,b\n1,x y\n2,z\n\n \n\r\n",
      "\"a\",\"b\"\r\n\"1\",\"x y\"\r\n\"2\",\"z\"",
      "a, b\n 1,\tx y \n2 ,z\n",
    ])
  func sameCells(_ text: String) throws {
    let csv = try CSV(text)
    #expect(csv.columns == ["a", "b"])
    #expect(csv.rows.map(\.cells) == [["1", "x y"], ["2", "z"]])
    #expect(csv.rows.map(\.line) == [2, 3])
  }

  @Test(
    "Quoted cells keep commas, quotes, blanks and line ends, and lines are counted through them")
  func quoting() throws {
    let csv = try CSV("a,b\n\"1,\"\"2\"\"\",\" x\r\ny \"\n\"\",é\n")
    #expect(csv.rows.map(\.cells) == [["1,\"2\"", " x\r\ny "], ["", "é"]])
    #expect(csv.rows.map(\.line) == [2, 4])
  }

  @Test(
    "Each malformed file has an error with file, line and what was expected",
    arguments: [
      ("", "t.csv: the file is empty; expected a header with the names of the columns"),
      ("\n\n", "t.csv: the file is empty; expected a header with the names of the columns"),
      ("a,b\n\n", "t.csv: there are no rows after the header"),
      ("a,b\n1,2\n1,2,3\n", "t.csv:3: the row has 3 cells, but the header has 2 columns"),
      ("a,b\n1\n", "t.csv:2: the row has 1 cell, but the header has 2 columns"),
      ("a,,c\n", "t.csv:1: column 2 has no name"),
      ("a,b,a\n", "t.csv:1: two columns are named \"a\""),
      (
        "a,b\n1,2\n\n3,4\n",
        "t.csv:3: the line is blank; blank lines are allowed only after the last row"
      ),
      (
        "\na,b\n1,2\n",
        "t.csv:1: the line is blank; blank lines are allowed only after the last row"
      ),
      ("a,b\n1,\"2\n3,4\n", "t.csv:2: the quote that opens on this line is never closed"),
      (
        "a,b\n1,2\"\n",
        "t.csv:2: a quote inside a cell that does not begin with one; "
          + "quote the whole cell and double the quotes in it"
      ),
      (
        "a,b\n\"1\" ,2\n",
        "t.csv:2: text after a closing quote; expected a comma or the end of the line"
      ),
      (
        "a,b\r1,2\r",
        "t.csv:1: a carriage return without a line feed; lines end with LF or CRLF"
      ),
    ])
  func malformed(_ text: String, _ message: String) {
    let error = #expect(throws: DataError.self) { try CSV(text) }
    #expect(error?.description == message)
  }

  @Test("Text that is not UTF-8 is refused with its line")
  func encoding() {
    let error = #expect(throws: DataError.self) {
      try CSV(Data("a,b\n1,".utf8) + Data([0xe9]), file: "t.csv")
    }
    #expect(error?.description == "t.csv:2: the text is not UTF-8")
  }

  @Test("A file that cannot be read is named with the system's reason")
  func unreadable() {
    let absent = #expect(throws: DataError.self) { try CSV(contentsOf: URL(filePath: "no.csv")) }
    #expect(absent?.description == "no.csv: cannot be read: No such file or directory")
    let folder = #expect(throws: DataError.self) { try CSV(contentsOf: Examples.folder) }
    #expect(folder?.problem == .unreadable(reason: "Is a directory"))
  }
}
