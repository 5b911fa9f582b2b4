import ArgumentParser
import Compute
import Foundation
import Lab
import Tensors

/// `apus activations`: what activations are like, and what they look like.
struct ActivationsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "activations",
    abstract: "Show the properties of activations, and draw them.",
    discussion: """
      Without names, all that are built in. One of your own is an expression of x, in quotes:

        apus activations relu gelu 'x + cos(3*x)' --output figures

      The columns: the range of the output; the greatest slope, above which gradients grow; the \
      kinks, where there is no derivative; whether it rises or falls throughout; the threshold, \
      where a unit turns on; its symmetry; where it is saturated, the slope being within 0.002; and \
      for a normal input with mean 0 and variance 1 the mean output, the mean square of the output \
      and the share of inputs that pass a gradient on. A unit can die where its slope is 0 from some \
      input on. The cost is that of the function and of its gradient.

      --output leaves a picture (PNG), its numbers and its script for each. Pictures are drawn by \
      gnuplot.
      """)

  @Argument(
    help: ArgumentHelp(
      "Names of activations, or expressions of x.", valueName: "activation"))
  var activations: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Draw each into this folder.", valueName: "folder"))
  var output: String?

  @Flag(inversion: .prefixedNo, help: "Measure the cost on the device.")
  var cost = true

  @OptionGroup var device: DeviceOption
  @OptionGroup var format: FormatOption

  func run() throws {
    let chosen = try chosenActivations()
    let device = cost ? try device.open() : nil
    let bar = format.isJSON ? nil : ProgressBar()
    let properties = try chosen.enumerated().map { number, activation in
      bar?.draw(Double(number) / Double(chosen.count), label: activation.name)
      return try ActivationProperties.of(activation, measuringOn: device)
    }
    bar?.clear()
    try Console.print(
      format.isJSON ? JSON.text(properties) : "\(table(of: properties))\n\n\(legend(device))")
    if let output { try draw(zip(chosen, properties), into: output) }
  }

  private func chosenActivations() throws(UsageError) -> [Activation] {
    guard !activations.isEmpty else { return Activation.all }
    var chosen: [Activation] = []
    for text in activations {
      do throws(ExpressionSyntaxError) {
        chosen.append(try Activation(parsing: text))
      } catch {
        throw UsageError("\(error)")
      }
    }
    return chosen
  }

  // MARK: - Figures

  private func draw(
    _ figures: some Sequence<(Activation, ActivationProperties)>, into path: String
  ) throws {
    let folder = URL(filePath: path)
    var names: Set<String> = []
    var imageCount = 0
    for (activation, properties) in figures {
      var name = fileName(activation.name)
      while !names.insert(name).inserted { name += "-" }
      do {
        let files = try Figure(of: activation, properties: properties)
          .write(to: folder, name: name)
        if files.image != nil { imageCount += 1 }
      } catch let error as GnuplotError {
        throw error
      } catch {
        throw OutputError(path, error)
      }
    }
    if imageCount > 0 {
      Console.report("drew \(counted(imageCount, "figure")) in \(path)")
    } else {
      Console.report(
        "wrote the numbers and scripts of \(counted(names.count, "figure")) to \(path)")
      Console.report("warning: \(Gnuplot.advice)")
    }
  }

  /// A name that is easy to type: letters, digits and hyphens.
  private func fileName(_ name: String) -> String {
    let words = name.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".")) }
    return words.isEmpty ? "activation" : words.joined(separator: "-")
  }

  // MARK: - The table

  private func table(of properties: [ActivationProperties]) -> TextTable {
    var table = TextTable(
      .left("activation"), .left("range"), .right("slope ≤"), .left("kinks"), .left("monotone"),
      .right("threshold"), .left("symmetry"), .left("saturated"), .right("mean"), .right("square"),
      .right("passes"), .left("dies"), .right("ns"), .right("back"))
    for one in properties {
      table.append(
        one.name, range(one), one.slopeBound.map(brief) ?? "∞",
        one.kinks.isEmpty ? "none" : list(one.kinks), word(one.monotonicity),
        one.threshold.map(brief) ?? "none", one.isOdd ? "odd" : one.isEven ? "even" : "none",
        saturation(one), one.meanOutput.map(brief) ?? "none", one.meanSquare.map(brief) ?? "none",
        percentage(one.fractionPassed), one.canDie ? "yes" : "no",
        one.cost.map { String(format: "%.2f", $0.forward) } ?? "",
        one.cost.map { String(format: "%.2f", $0.backward) } ?? "")
    }
    return table
  }

  private func legend(_ device: Device?) -> String {
    let means = "mean, square, passes: for an input that is normal with mean 0 and variance 1"
    return device.map { "\(means)\nns, back: nanoseconds an element on \($0), and of the gradient" }
      ?? means
  }

  private func range(_ properties: ActivationProperties) -> String {
    let lower = properties.lowerBound.map(brief) ?? "−∞"
    return "\(lower) to \(properties.upperBound.map(brief) ?? "∞")"
  }

  private func saturation(_ properties: ActivationProperties) -> String {
    switch (properties.saturationBelow, properties.saturationAbove) {
    case (nil, nil): "nowhere"
    case (let below?, nil): "x < \(brief(below))"
    case (nil, let above?): "x > \(brief(above))"
    case (let below?, let above?):
      (below + above).magnitude < 1e-6
        ? "|x| > \(brief(above))" : "x < \(brief(below)), x > \(brief(above))"
    }
  }

  private func word(_ monotonicity: ActivationProperties.Monotonicity) -> String {
    switch monotonicity {
    case .increasing: "rises"
    case .decreasing: "falls"
    case .constant: "constant"
    case .none: "no"
    }
  }

  /// The first few of many.
  private func list(_ places: [Double]) -> String {
    let most = 3
    return places.prefix(most).map(brief).joined(separator: " ")
      + (places.count > most ? " … (\(places.count))" : "")
  }

  /// A number with as many digits as a table has room for.
  private func brief(_ value: Double) -> String {
    let rounded = (value * 1000).rounded() / 1000
    let text =
      value.magnitude >= 1e6
      ? String(format: "%.2e", value)
      : rounded == rounded.rounded() ? String(Int(rounded)) : "\(rounded)"
    return text.replacing("-", with: "−")
  }
}
