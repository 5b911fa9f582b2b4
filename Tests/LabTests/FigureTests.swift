import Foundation
import Lab
import Tensors
import Testing

@Suite struct FigureTests {
  /// A folder that goes with its last reference.
  private final class Folder {
    let url = FileManager.default.temporaryDirectory.appending(
      path: "apus-figures-\(UUID().uuidString)")
    deinit { try? FileManager.default.removeItem(at: url) }
  }

  /// A figure with every part, and with signs that gnuplot would take for markup.
  private var figure: Figure {
    var figure = Figure("a_b^2 \"{x}\" `ls` \\", subtitle: "π", xLabel: "x_1", yLabel: "y & z")
    figure.xRange = 0...2
    figure.yRange = -1...4
    figure.curves = [
      .init("x²", [(0, 0), (1, 1), (.nan, .nan), (1.5, .infinity), (2, 4)]),
      .init("2x", [(0, 0), (2, 4)], isDashed: true),
    ]
    figure.dots = [.init("meeting", [(0, 0), (2, 4)])]
    figure.bands = [.init("left", 0...0.5), .init("left", 1.5...2)]
    return figure
  }

  @Test("Logarithmic axes and marked points are drawn")
  func logarithms() throws {
    let folder = Folder()
    var figure = Figure("growth")
    figure.isLogarithmic = true
    figure.curves = [
      .init("measured", [(10, 0.1), (1000, 5)], isMarked: true), .init("least", [(10, 0.01)]),
    ]
    let files = try figure.write(to: folder.url, name: "growth")
    let script = try String(contentsOf: files.script, encoding: .utf8)
    #expect(script.contains("set logscale xy"))
    #expect(script.split(separator: "\n").count { $0.contains("linespoints") } == 2)
    #expect((files.image == nil) == (Gnuplot.installed == nil))
  }

  @Test("The numbers, the script and the picture lie side by side")
  func files() throws {
    let folder = Folder()
    let files = try figure.write(to: folder.url, name: "test")
    let data = try String(contentsOf: files.data, encoding: .utf8)
    #expect(
      data == """
        # x²
        0.0 0.0
        1.0 1.0
        NaN NaN
        1.5 NaN
        2.0 4.0


        # 2x
        0.0 0.0
        2.0 4.0


        # meeting
        0.0 0.0
        2.0 4.0

        """)
    let script = try String(contentsOf: files.script, encoding: .utf8)
    #expect(script.contains("index 2 using 1:2 with points"))
    #expect(script.components(separatedBy: "set object rectangle").count == 3)
    #expect(script.components(separatedBy: "title \"left\"").count == 2)
    #expect(!script.contains("`"))
    #expect(files.script.lastPathComponent == "test.gnuplot")
    // Without gnuplot the script waits for it.
    guard Gnuplot.installed != nil else {
      #expect(files.image == nil)
      return
    }
    let image = try Data(contentsOf: try #require(files.image))
    #expect(image.starts(with: [0x89, 0x50, 0x4e, 0x47]))
    #expect(image.count > 5000)
  }

  @Test("An activation's figure shows it with its derivative, kinks and saturation")
  func activation() throws {
    let hardTanh = Figure(of: .hardTanh, properties: try .of(.hardTanh))
    #expect(hardTanh.curves.map(\.label) == ["f(x)", "f′(x)"])
    #expect(hardTanh.dots.flatMap(\.points).map(\.x) == [-1, 1])
    #expect(hardTanh.bands.map(\.range) == [-4 ... -1, 1...4])
    let derivative = hardTanh.curves[1].points
    // Where it jumps the line is interrupted.
    #expect(derivative.filter { $0.y.isNaN }.count == 2)
    #expect(Set(derivative.map(\.y).filter { $0.isFinite }) == [0, 1])
    let tanh = Figure(of: .tanh, properties: try .of(.tanh))
    #expect(tanh.dots.isEmpty)
    #expect((tanh.xRange?.upperBound ?? 0) > 4)
    // What grows fast does not flatten the rest.
    let square = Figure(of: .square, properties: try .of(.square))
    #expect((square.yRange?.upperBound ?? .infinity) < 10)
  }

  @Test("A folder that cannot be made is an error")
  func unwritable() {
    #expect(throws: (any Error).self) {
      try figure.write(to: URL(filePath: "/dev/null/folder"), name: "test")
    }
  }
}
