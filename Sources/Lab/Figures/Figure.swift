/// A figure of curves, as data: what is drawn, not how.
///
///     var figure = Figure("tanh", xLabel: "x", yLabel: "tanh x")
///     figure.curves = [.init("tanh", points)]
///     try figure.write(to: folder, name: "tanh")
///
/// Writing it leaves the numbers, the script that draws them and the picture side by side, so that
/// anybody can change the one and run the other again.
public struct Figure: Sendable {
  /// A line through points.
  public struct Curve: Sendable {
    /// What the legend calls it.
    public var label: String
    /// The points, in the order of drawing; one that is not finite interrupts the line.
    public var points: [(x: Double, y: Double)]
    /// Whether the line is dashed, as for what accompanies another curve.
    public var isDashed: Bool
    /// Whether the points are marked, as where they were measured.
    public var isMarked: Bool

    /// Creates a curve.
    public init(
      _ label: String, _ points: [(x: Double, y: Double)], isDashed: Bool = false,
      isMarked: Bool = false
    ) {
      self.label = label
      self.points = points
      self.isDashed = isDashed
      self.isMarked = isMarked
    }
  }

  /// Single points that stand out, such as kinks.
  public struct Dots: Sendable {
    /// What the legend calls them.
    public var label: String
    /// The points.
    public var points: [(x: Double, y: Double)]

    /// Creates dots.
    public init(_ label: String, _ points: [(x: Double, y: Double)]) {
      self.label = label
      self.points = points
    }
  }

  /// A shaded stretch of the horizontal axis.
  public struct Band: Sendable {
    /// What the legend calls it; bands of one label stand there once.
    public var label: String
    /// Where it is; what lies outside of the figure is cut off.
    public var range: ClosedRange<Double>

    /// Creates a band.
    public init(_ label: String, _ range: ClosedRange<Double>) {
      self.label = label
      self.range = range
    }
  }

  /// Above the figure.
  public var title: String
  /// Below the title, smaller; may be empty.
  public var subtitle: String
  /// Below the horizontal axis.
  public var xLabel: String
  /// Beside the vertical axis.
  public var yLabel: String
  /// What is shown of the horizontal axis; nil for all points.
  public var xRange: ClosedRange<Double>?
  /// What is shown of the vertical axis; nil for all points.
  public var yRange: ClosedRange<Double>?
  /// Whether the axes are logarithmic, so that equal ratios are equal distances.
  public var isLogarithmic = false
  /// The lines, the first on top of the others.
  public var curves: [Curve] = []
  /// The points on top of the lines.
  public var dots: [Dots] = []
  /// The shaded stretches, below everything.
  public var bands: [Band] = []

  /// Creates a figure without contents.
  public init(_ title: String, subtitle: String = "", xLabel: String = "", yLabel: String = "") {
    self.title = title
    self.subtitle = subtitle
    self.xLabel = xLabel
    self.yLabel = yLabel
  }
}
