public import Foundation

extension Figure {
  /// The files of a figure that was written.
  public struct Files: Sendable {
    /// The numbers, as columns of text in blocks.
    public let data: URL
    /// The gnuplot script that draws them.
    public let script: URL
    /// The picture; nil where gnuplot is not installed.
    public let image: URL?
  }

  /// Writes the numbers, the script and, where there is gnuplot, the picture into a folder.
  ///
  /// The files are `name.dat`, `name.gnuplot` and `name.png`; the folder is made if it is missing.
  /// Throws what the file system says, or ``GnuplotError`` where gnuplot fails.
  public func write(to folder: URL, name: String) throws -> Files {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let data = folder.appending(path: "\(name).dat")
    let script = folder.appending(path: "\(name).gnuplot")
    let image = folder.appending(path: "\(name).png")
    try Data(dataText.utf8).write(to: data, options: .atomic)
    try Data(scriptText(name: name).utf8).write(to: script, options: .atomic)
    guard let gnuplot = Gnuplot.installed else {
      return Files(data: data, script: script, image: nil)
    }
    try gnuplot.run(script.lastPathComponent, in: folder)
    return Files(data: data, script: script, image: image)
  }

  // MARK: - The numbers

  /// A block of two columns for each curve and each set of dots, with its label above it.
  private var dataText: String {
    let blocks =
      curves.map { (label: $0.label, points: $0.points) }
      + dots.map { (label: $0.label, points: $0.points) }
    return blocks.map { label, points in
      let lines = points.map { x, y in
        // A point without a height interrupts the line.
        "\(x.isFinite ? "\(x)" : "NaN") \(y.isFinite ? "\(y)" : "NaN")"
      }
      return "# \(label.replacing("\n", with: " "))\n" + lines.joined(separator: "\n")
    }.joined(separator: "\n\n\n") + "\n"
  }

  // MARK: - The script

  private func scriptText(name: String) -> String {
    var lines = [
      "# Draws \(name).png from \(name).dat: gnuplot \(name).gnuplot",
      "set encoding utf8",
      "set terminal pngcairo size 1200,760 font 'DejaVu Sans,15' background rgb '#ffffff'",
      "set output \(Self.quoted("\(name).png"))",
      "set title \(Self.quoted(titleText)) font ',19' offset 0,0.4",
      "set xlabel \(Self.quoted(Self.plain(xLabel))) offset 0,0.4",
      "set ylabel \(Self.quoted(Self.plain(yLabel)))",
      "set border 3 linecolor rgb '#606060'",
      "set tics nomirror out textcolor rgb '#303030'",
      "set grid linecolor rgb '#e4e4e4' linewidth 1 linetype 1",
      // Beside the curves, never over them.
      "set key outside below center horizontal maxrows 1 Left reverse samplen 2.5 width 2",
      "set minussign",
      "set xzeroaxis linecolor rgb '#909090' linewidth 1 linetype 1",
      "set yzeroaxis linecolor rgb '#909090' linewidth 1 linetype 1",
    ]
    if isLogarithmic { lines += ["set logscale xy", "set format xy '10^{%T}'"] }
    if let xRange { lines.append("set xrange [\(xRange.lowerBound):\(xRange.upperBound)]") }
    if let yRange { lines.append("set yrange [\(yRange.lowerBound):\(yRange.upperBound)]") }
    for band in bands {
      lines.append(
        """
        set object rectangle from \(band.range.lowerBound), graph 0 to \(band.range.upperBound), \
        graph 1 behind fillcolor rgb '\(Self.bandColor)' fillstyle solid 1 noborder
        """)
    }
    return (lines + ["plot \\\n  " + plots(name: name).joined(separator: ", \\\n  ")])
      .joined(separator: "\n") + "\n"
  }

  private func plots(name: String) -> [String] {
    let file = Self.quoted("\(name).dat")
    // What is drawn last lies on top; the legend, which names the first curve first, is apart.
    let lines = curves.indices.reversed().map { index in
      "\(file) index \(index) using 1:2 with \(lineStyle(index)) notitle"
    }
    let points = dots.indices.map { index in
      "\(file) index \(curves.count + index) using 1:2 with points \(Self.dotStyle) notitle"
    }
    return lines + points + legend
  }

  private var legend: [String] {
    func entry(_ style: String, _ label: String) -> String {
      "keyentry with \(style) title \(Self.quoted(Self.plain(label)))"
    }
    var bandLabels: [String] = []
    for band in bands where !bandLabels.contains(band.label) { bandLabels.append(band.label) }
    return curves.enumerated().map { entry(lineStyle($0.offset), $0.element.label) }
      + dots.map { entry("points \(Self.dotStyle)", $0.label) }
      + bandLabels.map {
        entry("boxes fillcolor rgb '\(Self.bandColor)' fillstyle solid 1 border rgb '#c8c0a8'", $0)
      }
  }

  private func lineStyle(_ index: Int) -> String {
    let curve = curves[index]
    let kind = curve.isMarked ? "linespoints pointtype 7 pointsize 1.4" : "lines"
    let color = "linecolor rgb '\(Self.colors[index % Self.colors.count])'"
    return "\(kind) "
      + (curve.isDashed ? "linewidth 2.5 \(color) dashtype (12,7)" : "linewidth 4 \(color)")
  }

  private static let dotStyle = "pointtype 7 pointsize 1.7 linecolor rgb '#b0182b'"

  private var titleText: String {
    let title = "{/:Bold \(Self.plain(self.title))}"
    return subtitle.isEmpty ? title : "\(title)\n{/*0.72 \(Self.plain(subtitle))}"
  }

  /// Blue and orange first: told apart by eyes of every kind, and in print.
  private static let colors = ["#1f5fa8", "#d9731a", "#2f8f5b", "#8a4fa3", "#b03a48", "#6b6b6b"]
  private static let bandColor = "#f3eee0"

  /// Text that gnuplot shows as it stands, without taking its signs for markup.
  private static func plain(_ text: String) -> String {
    text.replacing("\n", with: " ").map { character in
      "{}^_@&~\\".contains(character) ? "\\\(character)" : String(character)
    }.joined()
  }

  /// A string of gnuplot's, in which a backslash stands for more.
  private static func quoted(_ text: String) -> String {
    let escaped = text.map { character in
      switch character {
      case "\\": "\\\\"
      case "\"": "\\\""
      case "\n": "\\n"
      case "`": "'"
      default: String(character)
      }
    }
    return "\"\(escaped.joined())\""
  }
}
