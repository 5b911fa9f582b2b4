import Compute
public import Tensors

extension Figure {
  /// An activation and its derivative, with its kinks and where it is saturated.
  public init(of activation: Activation, properties: ActivationProperties) {
    let reach = Figure.reach(properties)
    let function = activation.expression.function
    let derivative = activation.derivative.function
    let height = Figure.heights(function, derivative, reach)
    self.init(
      activation.name, subtitle: Figure.facts(properties), xLabel: "input x", yLabel: "output")
    xRange = -reach...reach
    yRange = height
    let places = Figure.places(reach, breaks: properties.kinks)
    curves = [
      Curve("f(x)", places.map { ($0, $0.isNaN ? $0 : function($0)) }),
      Curve("f′(x)", places.map { ($0, $0.isNaN ? $0 : derivative($0)) }, isDashed: true),
    ]
    let kinks = properties.kinks.filter { $0.magnitude <= reach }
    if !kinks.isEmpty { dots = [Dots("kink", kinks.map { ($0, function($0)) })] }
    if let below = properties.saturationBelow, below > -reach {
      bands.append(Band(Figure.saturated, -reach...min(below, reach)))
    }
    if let above = properties.saturationAbove, above < reach {
      bands.append(Band(Figure.saturated, max(above, -reach)...reach))
    }
  }

  private static let saturated = "saturated"

  /// How far to each side is worth seeing: to where it is saturated, and to its last kink.
  private static func reach(_ properties: ActivationProperties) -> Double {
    let marks =
      [properties.saturationBelow, properties.saturationAbove].compactMap { $0 }
      + properties.kinks.filter { $0.magnitude <= 10 }
    let farthest = marks.map(\.magnitude).max() ?? 0
    return min(max((farthest * 1.35).rounded(.up), 4), 12)
  }

  /// What both curves reach, with some air, and no more than the eye can use of what grows fast.
  private static func heights(
    _ function: (Double) -> Double, _ derivative: (Double) -> Double, _ reach: Double
  ) -> ClosedRange<Double> {
    let places = stride(from: -reach, through: reach, by: reach / 200)
    let values = places.flatMap { [function($0), derivative($0)] }.filter { $0.isFinite }
    let lowest = max(min(values.min() ?? -1, 0), -reach)
    let highest = min(max(values.max() ?? 1, 0), reach)
    let air = max(0.07 * (highest - lowest), 0.05)
    return (lowest - air)...(highest + air)
  }

  /// The places of drawing; the derivative is interrupted where it jumps.
  private static func places(_ reach: Double, breaks: [Double]) -> [Double] {
    let count = 800
    var places = (0...count).map { -reach + 2 * reach * Double($0) / Double(count) }
    for place in breaks where place.magnitude < reach {
      places.removeAll { ($0 - place).magnitude < 1e-6 }
      places += [place - 1e-6, place + 1e-6]
    }
    places.sort()
    return places.flatMap { place in
      breaks.contains { place < $0 && $0 - place < 2e-6 } ? [place, .nan] : [place]
    }
  }

  private static func facts(_ properties: ActivationProperties) -> String {
    func bound(_ value: Double?, _ infinity: String) -> String {
      value.map { brief($0) } ?? infinity
    }
    var facts = [
      "range \(bound(properties.lowerBound, "−∞")) to \(bound(properties.upperBound, "∞"))",
      "|f′| ≤ \(bound(properties.slopeBound, "∞"))",
    ]
    if let mean = properties.meanOutput { facts.append("mean output \(brief(mean))") }
    if properties.canDie { facts.append("can die") }
    return facts.joined(separator: "   ·   ")
  }

  private static func brief(_ value: Double) -> String {
    let rounded = (value * 1000).rounded() / 1000
    let text =
      rounded == rounded.rounded() && rounded.magnitude < 1e6
      ? "\(Int(rounded))" : "\(rounded)"
    return text.replacing("-", with: "−")
  }
}
