import Compute
import Foundation
import OpenCLBackend
import OpenCLRuntime
import Testing

/// Products of rounded elements, by the kernel that tensor cores run; devices that have none exchange
/// the fragments' words through local memory.
@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct TensorCoresTests {
  private let x = Compute.Expression.input(0)

  private static let targets =
    Target.fragments(.tf32) + Target.fragments(.bfloat16)

  /// Small integers are exact in every precision: around fragments, tiles and words, and quads that
  /// do not lie on 16 bytes.
  @Test(arguments: targets, Layout.transpositions)
  func integers(target: Target, layouts: (Layout, Layout)) throws {
    var generator = SeededGenerator(31)
    for (m, k, n) in [
      (16, 16, 16), (31, 33, 47), (33, 64, 65), (32, 32, 32), (64, 128, 68), (17, 1023, 19),
    ] {
      try expectExactProduct(
        m, k, n, layouts, on: Setting(target: target, dtype: .float32), &generator)
    }
  }

  /// Batches, parts along k, a bias and an activation.
  @Test(arguments: targets)
  func epilogue(target: Target) throws {
    var generator = SeededGenerator(32)
    for (batches, m, k, n) in [(3, 20, 36, 40), (1, 17, 900, 18)] {
      let result = try Comparison(
        on: target,
        [
          generator.integers([batches, m, k], .float32),
          generator.integers([batches, k, n], .float32, .repeated),
          generator.integers([batches, m, n], .float32),
        ],
        into: [HostView([batches, m, n], .float32)], "\(batches) × \(m) × \(k) × \(n)"
      ) { backend, inputs, outputs in
        try backend.multiply(
          inputs[0], inputs[1], bias: inputs[2], activation: 2 * x + 1, into: outputs[0])
      }
      result.expectExact()
    }
  }

  /// What is not finite stays in its row and column, and does not meet the padding of tiles.
  @Test(arguments: targets)
  func specialValues(target: Target) throws {
    var generator = SeededGenerator(33)
    let (m, k, n) = (35, 20, 50)
    var a = generator.integers([m, k], .float32, in: 1...4).values
    var b = generator.integers([k, n], .float32, in: 1...4).values
    a[(m - 1) * k] = .infinity
    a[2 * k + 1] = .nan
    b[(k - 1) * n + n - 1] = -.infinity
    b[3] = .nan
    let result = try Comparison(
      on: target, [HostView(a, [m, k], .float32), HostView(b, [k, n], .float32)],
      into: [HostView([m, n], .float32)]
    ) { backend, inputs, outputs in
      try backend.multiply(inputs[0], inputs[1], bias: nil, activation: nil, into: outputs[0])
    }
    result.expectExact()
  }

  /// The products are those of the rounded elements, summed in float32: within the error of such a
  /// sum, and far from those of the elements themselves.
  @Test(arguments: targets)
  func rounding(target: Target) throws {
    var generator = SeededGenerator(34)
    let (m, k, n) = (18, 100, 34)
    let precision = target.backend.matMulPrecision
    let a = generator.reals([m, k], .float32), b = generator.reals([k, n], .float32)
    let left = a.values.map { rounding($0, to: precision) }
    let right = b.values.map { rounding($0, to: precision) }
    #expect(zip(left + right, a.values + b.values).allSatisfy { $0 == $1 } == false)
    let result = try Comparison(
      on: target, [a, b, HostView(left, [m, k], .float32), HostView(right, [k, n], .float32)],
      into: [HostView([m, n], .float32), HostView([m, n], .float32)]
    ) { backend, inputs, outputs in
      // The reference is given what is rounded already; for the device that changes nothing.
      let isDevice = backend.matMulPrecision == precision
      let operands = isDevice ? inputs[..<2] : inputs[2...]
      try backend.multiply(
        operands[operands.startIndex], operands[operands.startIndex + 1], bias: nil,
        activation: nil, into: outputs[0])
      try backend.multiply(inputs[2], inputs[3], bias: nil, activation: nil, into: outputs[1])
    }
    let share = 2 * Double(k).squareRoot() * DType.float32.epsilon / 2
    let tolerances = (0..<m * n).map { element in
      share
        * (0..<k).reduce(0) {
          $0 + abs(left[element / n * k + $1] * right[$1 * n + element % n])
        }
    }
    result.expectWithin([tolerances, tolerances])
    #expect(result.outputs[0].bits == result.outputs[1].bits)
  }

  /// Row sums are those of the elements themselves, not of the rounded ones.
  @Test(arguments: targets)
  func rowSums(target: Target) throws {
    var generator = SeededGenerator(36)
    let (m, k, n) = (18, 100, 34)
    let a = generator.reals([m, k], .float32)
    let b = HostView([Double](repeating: 0, count: k * n), [k, n], .float32)
    let result = try Comparison(
      on: target, [a, b], into: [HostView([m, n], .float32), HostView([m], .float32)]
    ) { backend, inputs, outputs in
      try backend.multiply(
        inputs[0], inputs[1], epilogue: nil, into: outputs[0], rowSums: outputs[1])
    }
    let share = 2 * Double(k).squareRoot() * DType.float32.epsilon / 2
    result.expectWithin([
      [Double](repeating: 0, count: m * n),
      (0..<m).map { row in share * a.values[row * k..<(row + 1) * k].reduce(0) { $0 + abs($1) } },
    ])
  }

  /// To nearest: tf32 with ties away from zero, bfloat16 with ties to even.
  private func rounding(_ value: Double, to precision: MatMulPrecision) -> Double {
    let bits = Float(value).bitPattern
    switch precision {
    case .float32: return value
    case .tf32: return Double(Float(bitPattern: (bits + 0x1000) & ~0x1FFF))
    case .bfloat16:
      return Double(Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & ~0xFFFF))
    }
  }

  /// What is small, or float64, is multiplied as it is.
  @Test(arguments: targets)
  func whatIsNotRounded(target: Target) throws {
    var generator = SeededGenerator(35)
    for (m, k, n, dtype) in [(15, 40, 40, DType.float32), (20, 20, 20, .float64)] {
      guard target.backend.supports(dtype) else { continue }
      let a = generator.reals([m, k], dtype), b = generator.reals([k, n], dtype)
      let result = try Comparison(on: target, [a, b], into: [HostView([m, n], dtype)]) {
        backend, inputs, outputs in
        try backend.multiply(inputs[0], inputs[1], bias: nil, activation: nil, into: outputs[0])
      }
      let share = 2 * Double(k).squareRoot() * dtype.epsilon / 2
      result.expectWithin([
        (0..<m * n).map { element in
          share
            * (0..<k).reduce(0) {
              $0 + abs(a.values[element / n * k + $1] * b.values[$1 * n + element % n])
            }
        }
      ])
    }
  }

  /// The trial that a device has to pass is passed by right kernels, and by no wrong one: fragments
  /// that lie otherwise, words in another order, elements fetched from elsewhere.
  @Test(arguments: targets)
  func trial(target: Target) throws {
    #expect(try target.backend.multipliesIntegersExactly())
    let kernels = try #require(KernelSources.folder)
    for (right, wrong) in [
      ("first + n / 2 * 4 + lane % 4", "first + n / 2 * 4 + lane % 2"),
      ("lane % 4 * 2 + n % 2", "lane % 4 + n % 2 * 4"),
      ("QUAD_WORD(along_depth, length, n) * PAIR", "QUAD_WORD(along_depth, length, n)"),
    ] {
      // With a word of one element the last is right.
      if right.hasSuffix("PAIR"), target.backend.matMulPrecision == .tf32 { continue }
      try withTemporaryFolder { folder in
        try FileManager.default.copyItem(atPath: kernels, toPath: "\(folder)/Kernels")
        let file = "\(folder)/Kernels/tensor_cores.cl"
        let source = try String(contentsOfFile: file, encoding: .utf8)
        let mutant = source.replacing(right, with: wrong)
        #expect(mutant != source)
        try mutant.write(toFile: file, atomically: true, encoding: .utf8)
        var options = OpenCLBackend.Options(environment: ["APUS_KERNELS": "\(folder)/Kernels"])
        options.profile = target.backend.profile
        options.cacheDirectory = nil
        let backend = try OpenCLBackend(device: target.backend.device, options: options)
        #expect(try !backend.multipliesIntegersExactly(), "\(wrong)")
      }
    }
  }

  /// A device is asked before it is trusted: one without tensor cores multiplies float32.
  @Test(arguments: Target.devices.filter { $0.computeCapability == nil })
  func absence(device: OpenCLDevice) throws {
    var options = OpenCLBackend.Options()
    options.matMulPrecision = .tf32
    options.cacheDirectory = nil
    let backend = try OpenCLBackend(device: device, options: options)
    #expect(backend.matMulPrecision == .float32)
    #expect(backend.profile.tensorCores == nil)
  }
}
