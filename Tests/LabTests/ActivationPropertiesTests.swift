import Compute
import Lab
import Tensors
import TestSupport
import Testing

import func Foundation.exp

@Suite struct ActivationPropertiesTests {
  /// What is known of an activation; places and bounds within 10⁻⁶ unless they are nil.
  struct Facts: Sendable, CustomTestStringConvertible {
    let activation: Activation
    let range: (Double?, Double?)
    let slope: Double?
    var kinks: [Double] = []
    var monotonicity = ActivationProperties.Monotonicity.increasing
    var threshold: Double?
    var isOdd = false
    var isEven = false
    var saturation: (below: Double?, above: Double?) = (nil, nil)
    var mean: Double?
    var meanSquare: Double?
    var passed: Double?
    var canDie = false

    var testDescription: String { activation.name }
  }

  /// φ(0) = 1/√(2π): the mean of max(0, z).
  private static let peak = 0.3989422804014327
  /// P(|z| < 1).
  private static let withinOne = 0.6826894921370859
  /// ln 499: σ′ = 0.002 where 1/σ + 1/(1 − σ) = 500, so that eˣ + e⁻ˣ = 498.
  private static let sigmoidEdge = 6.210596030487546

  static let known: [Facts] = [
    Facts(
      activation: .identity, range: (nil, nil), slope: 1, threshold: 0, isOdd: true, mean: 0,
      meanSquare: 1, passed: 1),
    Facts(
      activation: .relu, range: (0, nil), slope: 1, kinks: [0], threshold: 0, saturation: (0, nil),
      mean: peak, meanSquare: 0.5, passed: 0.5, canDie: true),
    Facts(
      activation: .leakyReLU(), range: (nil, nil), slope: 1, kinks: [0], threshold: 0,
      mean: 0.99 * peak, meanSquare: 0.50005, passed: 1),
    Facts(
      activation: .elu(), range: (-1, nil), slope: 1, threshold: 0,
      saturation: (-6.214608098422191, nil)),
    Facts(
      activation: .elu(alpha: 0.5), range: (-0.5, nil), slope: 1, kinks: [0], threshold: 0),
    Facts(
      activation: .selu, range: (-1.7580993408473766, nil), slope: 1.7580993408473766, kinks: [0],
      threshold: 0, mean: 0, meanSquare: 1),
    Facts(
      activation: .relu6, range: (0, 6), slope: 1, kinks: [0, 6], threshold: 0, saturation: (0, 6),
      passed: 0.5, canDie: true),
    Facts(
      activation: .sigmoid, range: (0, 1), slope: 0.25, threshold: 0,
      saturation: (-sigmoidEdge, sigmoidEdge), mean: 0.5),
    Facts(
      activation: .hardSigmoid, range: (0, 1), slope: 1.0 / 6, kinks: [-3, 3], threshold: -3,
      saturation: (-3, 3), mean: 0.5, passed: 0.9973002039367398, canDie: true),
    Facts(
      activation: .tanh, range: (-1, 1), slope: 1, threshold: 0, isOdd: true,
      saturation: (-3.799950854353848, 3.799950854353848), mean: 0),
    Facts(
      activation: .hardTanh, range: (-1, 1), slope: 1, kinks: [-1, 1], threshold: 0, isOdd: true,
      saturation: (-1, 1), mean: 0, passed: withinOne, canDie: true),
    Facts(
      activation: .softsign, range: (-1, 1), slope: 1, threshold: 0, isOdd: true,
      saturation: (1 - 500.0.squareRoot(), 500.0.squareRoot() - 1), mean: 0, passed: 1),
    Facts(
      activation: .softplus, range: (0, nil), slope: 1, threshold: 0,
      saturation: (-6.212606095751519, nil)),
    Facts(
      activation: .silu, range: (-0.27846454276107, nil), slope: 1.09983932,
      monotonicity: .none, threshold: 0, passed: nil),
    Facts(
      activation: .hardSwish, range: (-0.375, nil), slope: 1.5, kinks: [-3, 3],
      monotonicity: .none, threshold: 0, saturation: (-3, nil), canDie: true),
    Facts(
      activation: .gelu, range: (-0.16997120747, nil), slope: 1.1289042, monotonicity: .none,
      threshold: 0, mean: 0.28209479177387814),
    Facts(
      activation: .mish, range: (-0.30884340, nil), slope: 1.08850, monotonicity: .none,
      threshold: 0),
    Facts(
      activation: .gaussian, range: (0, 1), slope: (2 / exp(1.0)).squareRoot(),
      monotonicity: .none, isEven: true, mean: (1.0 / 3).squareRoot(),
      meanSquare: 0.2.squareRoot()),
    Facts(
      activation: .square, range: (0, nil), slope: nil, monotonicity: .none, isEven: true, mean: 1,
      meanSquare: 3),
    Facts(
      activation: .signedSquare, range: (nil, nil), slope: nil, threshold: 0, isOdd: true, mean: 0,
      meanSquare: 3),
    Facts(
      activation: .sin, range: (-1, 1), slope: 1, monotonicity: .none, isOdd: true, mean: 0,
      meanSquare: (1 - exp(-2)) / 2),
    Facts(
      activation: .cos, range: (-1, 1), slope: 1, monotonicity: .none, isEven: true,
      mean: exp(-0.5), meanSquare: (1 + exp(-2)) / 2),
    Facts(
      activation: .snake(), range: (nil, nil), slope: 2, threshold: 0, mean: (1 - exp(-2)) / 2),
    Facts(
      activation: Activation("step") { $0 .> 1 }, range: (0, 1), slope: 0, kinks: [1],
      threshold: 1, saturation: (0, 0), mean: 0.15865525393145707, passed: 0, canDie: true),
    Facts(
      activation: Activation("late") { max($0 - 8, 0) }, range: (0, nil), slope: 1, kinks: [8],
      threshold: 8, saturation: (8, nil), canDie: true),
    Facts(
      activation: Activation("log") { (1 + $0 * $0).log }, range: (0, nil), slope: 1,
      monotonicity: .none, isEven: true),
    Facts(
      activation: Activation("falling") { -$0.tanh }, range: (-1, 1), slope: 1,
      monotonicity: .decreasing, isOdd: true, saturation: (-3.799950854353848, 3.799950854353848),
      mean: 0),
    Facts(
      activation: Activation("flat") { $0 * 0 }, range: (0, 0), slope: 0, monotonicity: .constant,
      isOdd: true, isEven: true, saturation: (0, 0), mean: 0, meanSquare: 0, passed: 0,
      canDie: true),
  ]

  @Test("What is known of an activation is found", arguments: known)
  func facts(facts: Facts) throws {
    let found = try ActivationProperties.of(facts.activation)
    func isNear(_ value: Double?, _ expected: Double?, within tolerance: Double = 1e-6) -> Bool {
      guard let value, let expected else { return value == nil && expected == nil }
      return (value - expected).magnitude <= tolerance * max(1, expected.magnitude)
    }
    #expect(isNear(found.lowerBound, facts.range.0), "\(String(describing: found.lowerBound))")
    #expect(isNear(found.upperBound, facts.range.1), "\(String(describing: found.upperBound))")
    #expect(
      isNear(found.slopeBound, facts.slope, within: 1e-5), "\(String(describing: found.slopeBound))"
    )
    #expect(found.kinks == facts.kinks)
    #expect(found.monotonicity == facts.monotonicity)
    #expect(isNear(found.threshold, facts.threshold), "\(String(describing: found.threshold))")
    #expect(found.isThresholdAtZero == (facts.threshold == 0))
    #expect(found.isOdd == facts.isOdd)
    #expect(found.isEven == facts.isEven)
    #expect(found.canDie == facts.canDie)
    if facts.saturation != (nil, nil) {
      #expect(
        isNear(found.saturationBelow, facts.saturation.below),
        "\(String(describing: found.saturationBelow))")
      #expect(
        isNear(found.saturationAbove, facts.saturation.above),
        "\(String(describing: found.saturationAbove))")
    }
    if let mean = facts.mean {
      #expect(
        isNear(found.meanOutput, mean, within: 1e-9), "\(String(describing: found.meanOutput))")
      #expect(found.isZeroCentered == (mean == 0))
    }
    if let meanSquare = facts.meanSquare {
      #expect(
        isNear(found.meanSquare, meanSquare, within: 1e-9),
        "\(String(describing: found.meanSquare))")
    }
    if let passed = facts.passed {
      #expect(isNear(found.fractionPassed, passed, within: 1e-9), "\(found.fractionPassed)")
    }
    #expect(found.cost == nil)
  }

  @Test("Sigmoid is saturated beyond about 6, tanh beyond about 4, as texts say")
  func saturation() throws {
    let sigmoid = try #require(try ActivationProperties.of(.sigmoid).saturation)
    let tanh = try #require(try ActivationProperties.of(.tanh).saturation)
    #expect((sigmoid - 6).magnitude < 0.3)
    #expect((tanh - 4).magnitude < 0.3)
    #expect(try ActivationProperties.of(.relu).saturation == nil)
  }

  @Test("Every built-in activation can be described, and written as JSON-like numbers")
  func all() throws {
    for activation in Activation.all {
      let properties = try ActivationProperties.of(activation)
      #expect(properties.meanOutput != nil, "\(activation.name)")
      #expect((0...1.000001).contains(properties.fractionPassed), "\(activation.name)")
    }
  }

  @Test("The cost is measured on any device", arguments: TestDevices.all)
  func cost(device: Device) throws {
    let cost = try #require(
      try ActivationProperties.of(.square, measuringOn: device).cost)
    #expect(cost.device == device.identifier)
    #expect(cost.forward > 0)
    #expect(cost.backward > 0)
  }
}
