import Compute
import ReferenceBackend
import Testing

@Suite struct ConvolutionTests {
  static let geometries: [ConvolutionGeometry] = [
    .init(
      images: 2, inputChannels: 3, outputChannels: 4,
      rows: .init(input: 5, output: 5, kernel: 3, padding: 1),
      columns: .init(input: 6, output: 4, kernel: 3)),
    .init(
      images: 2, inputChannels: 4, outputChannels: 6, groups: 2,
      rows: .init(input: 8, output: 4, kernel: 3, stride: 2, padding: 1),
      columns: .init(input: 9, output: 3, kernel: 2, stride: 3, padding: 2, dilation: 2)),
    .init(
      images: 1, inputChannels: 1, outputChannels: 1,
      rows: .init(input: 2, output: 7, kernel: 2, padding: 3),
      columns: .init(input: 1, output: 5, kernel: 1, padding: 2)),
    // So much work that threads share it.
    .init(
      images: 3, inputChannels: 16, outputChannels: 24,
      rows: .init(input: 16, output: 16, kernel: 3, padding: 1),
      columns: .init(input: 17, output: 17, kernel: 3, padding: 1)),
    .init(
      images: 0, inputChannels: 2, outputChannels: 3, rows: .init(input: 4, output: 2, kernel: 3),
      columns: .init(input: 4, output: 2, kernel: 3)),
    .init(
      images: 2, inputChannels: 0, outputChannels: 3, rows: .init(input: 4, output: 2, kernel: 3),
      columns: .init(input: 4, output: 2, kernel: 3)),
  ]

  /// Every product of a convolution: the elements of x, of the weight and of y, row-major.
  private func products(_ of: ConvolutionGeometry) -> [(x: Int, weight: Int, y: Int)] {
    var result: [(x: Int, weight: Int, y: Int)] = []
    let (rows, columns) = (of.rows, of.columns)
    for n in 0..<of.images {
      for o in 0..<of.outputChannels {
        for c in 0..<of.groupInputs {
          let channel = o / of.groupOutputs * of.groupInputs + c
          for p in 0..<rows.output {
            for q in 0..<columns.output {
              for i in 0..<rows.kernel {
                for j in 0..<columns.kernel {
                  let r = p * rows.stride + i * rows.dilation - rows.padding
                  let t = q * columns.stride + j * columns.dilation - columns.padding
                  guard r >= 0, r < rows.input, t >= 0, t < columns.input else { continue }
                  result.append(
                    (
                      ((n * of.inputChannels + channel) * rows.input + r) * columns.input + t,
                      ((o * of.groupInputs + c) * rows.kernel + i) * columns.kernel + j,
                      ((n * of.outputChannels + o) * rows.output + p) * columns.output + q
                    ))
                }
              }
            }
          }
        }
      }
    }
    return result
  }

  @Test(arguments: geometries, [DType.float32, .float64])
  func integersAreExact(geometry: ConvolutionGeometry, dtype: DType) throws {
    let rig = Rig(seed: 3)
    func random(_ shape: Shape) throws -> (view: View, values: [Double]) {
      let values = (0..<shape.count).map { _ in
        Double(Int.random(in: -4...4, using: &rig.generator))
      }
      return (try rig.numbers(values, dtype, shape), values)
    }
    let (x, xValues) = try random(geometry.inputShape)
    let (weight, weightValues) = try random(geometry.weightShape)
    let (y, yValues) = try random(geometry.outputShape)
    let (bias, biasValues) = try random([geometry.outputChannels])
    let products = products(geometry)

    let output = try rig.zeros(geometry.outputShape, dtype)
    try rig.backend.convolve(
      x, weight: weight, bias: nil, activation: nil, geometry: geometry, into: output)
    var sums = [Double](repeating: 0, count: output.count)
    for at in products { sums[at.y] += xValues[at.x] * weightValues[at.weight] }
    #expect(try rig.numbers(output) == sums)
    let input = Expression.input(0)
    try rig.backend.convolve(
      x, weight: weight, bias: bias, activation: select(input .> 0, input, input * 2),
      geometry: geometry, into: output)
    let plane = geometry.rows.output * geometry.columns.output
    let finished = sums.enumerated().map { position, sum in
      let biased = sum + biasValues[position / plane % geometry.outputChannels]
      return biased > 0 ? biased : 2 * biased
    }
    #expect(try rig.numbers(output) == finished)

    let inputGradient = try rig.zeros(geometry.inputShape, dtype)
    try rig.backend.convolveTransposed(
      y, weight: weight, bias: nil, activation: nil, geometry: geometry, into: inputGradient)
    sums = [Double](repeating: 0, count: inputGradient.count)
    for at in products { sums[at.x] += yValues[at.y] * weightValues[at.weight] }
    #expect(try rig.numbers(inputGradient) == sums)

    let weightGradient = try rig.zeros(geometry.weightShape, dtype)
    let biasGradient = try rig.zeros([geometry.outputChannels], dtype)
    try rig.backend.convolutionWeightGradient(
      y, x: x, geometry: geometry, into: weightGradient, biasGradient: biasGradient)
    sums = [Double](repeating: 0, count: weightGradient.count)
    for at in products { sums[at.weight] += yValues[at.y] * xValues[at.x] }
    #expect(try rig.numbers(weightGradient) == sums)
    sums = [Double](repeating: 0, count: geometry.outputChannels)
    for (position, value) in yValues.enumerated() {
      sums[position / plane % geometry.outputChannels] += value
    }
    #expect(try rig.numbers(biasGradient) == sums)
  }
}
