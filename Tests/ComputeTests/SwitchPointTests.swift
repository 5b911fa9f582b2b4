import Compute
import Testing

@Suite struct SwitchPointTests {
  private static let x = Expression.input(0)

  private func points(_ expression: Expression) -> [Double] {
    expression.switchPoints(in: -10...10)
  }

  @Test("Pieces meet where comparisons turn, magnitudes vanish and choices are equal")
  func pieces() {
    let x = Self.x
    #expect(points(x * x + x.sin) == [])
    #expect(points(x.magnitude) == [0])
    #expect(points((x - 0.1).magnitude) == [0.1])
    #expect(points(select(x .> 3, x, 0) + select(x .<= -2.5, 1, 0)) == [-2.5, 3])
    #expect(points(x.clamped(-1, 6)) == [-1, 6])
    #expect(points(max(x, 0.3) + min(x, -0.7)) == [-0.7, 0.3])
    #expect(points((x - 4).log + (x + 5).squareRoot + (x - 1).logOnePlus) == [-5, 0, 4])
    #expect(points(1 / (x - 2)) == [2])
    #expect(points(1 / (x * x + 1)) == [])
  }

  @Test("Pieces of functions of x are found to the last places")
  func roots() {
    let found = points(Self.x.sin.magnitude)
    let expected = (-3...3).map { Double($0) * .pi }
    #expect(found.count == expected.count)
    for (point, root) in zip(found, expected) { #expect(abs(point - root) < 1e-14) }
    // The square touches 0 between the points that are tried.
    let touching = points(((Self.x - 0.123) * (Self.x - 0.123)).squareRoot)
    #expect(touching.count == 1)
    #expect(abs((touching.first ?? 0) - 0.123) < 1e-7)
  }

  @Test("The value of an expression on the host")
  func values() {
    let function = (Self.x * Self.x + 1).squareRoot.function
    #expect(function(2) == 5.0.squareRoot())
    #expect(select(Self.x .> 0, Self.x, -Self.x).function(-3) == 3)
  }
}
