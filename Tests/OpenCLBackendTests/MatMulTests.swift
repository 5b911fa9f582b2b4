import Compute
import OpenCLBackend
import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct MatMulTests {
  private let x = Expression.input(0)

  /// m, k, n: empty ones, single ones, around the tiles of every variant.
  private static let sizes = [
    [0, 3, 4], [3, 0, 4], [3, 4, 0], [1, 1, 1], [1, 17, 1], [2, 3, 1], [1, 3, 2], [3, 1, 5],
    [17, 33, 31], [31, 65, 33], [33, 2, 64], [65, 31, 127], [127, 17, 65], [2, 129, 257],
    [257, 127, 3], [65, 64, 257], [1, 64, 257], [257, 1, 257],
  ]

  /// Integers are exact, whichever operand is transposed.
  @Test(arguments: Setting.all, Layout.transpositions)
  func integers(setting: Setting, layouts: (Layout, Layout)) throws {
    var generator = SeededGenerator(21)
    // Large tiles take long to build, and do not differ in how elements are fetched.
    let isTransposed = layouts != (.contiguous, .contiguous)
    let sizes =
      setting.target.backend.profile.matMul == DeviceProfile.gpu.matMul && isTransposed
      ? [[17, 33, 31], [8, 9, 10]] : Self.sizes
    for size in sizes {
      let (m, k, n) = (size[0], size[1], size[2])
      try expectExactProduct(m, k, n, layouts, on: setting, &generator)
    }
  }

  /// Many rows and columns; and operands spread so far that a processor packs them, or would if there
  /// were more rows.
  @Test(arguments: Target.own + Target.lanes, Layout.transpositions)
  func largeIntegers(target: Target, layouts: (Layout, Layout)) throws {
    var generator = SeededGenerator(27)
    for (m, k, n) in [
      (9, 5, 1025), (1025, 3, 65), (65, 3, 1023), (5, 513, 1024), (401, 500, 203), (401, 500, 403),
    ] {
      try expectExactProduct(
        m, k, n, layouts, on: Setting(target: target, dtype: .float32), &generator)
    }
  }

  /// Every shape of tiles, with as many as there must be for it to be chosen.
  @Test(arguments: Target.groups)
  func tiles(target: Target) throws {
    var generator = SeededGenerator(26)
    // The largest tiles are taken of which there is one for each unit.
    let units = target.backend.device.computeUnits
    let quarter = (units + 3) / 4
    for (batches, m, k, n) in [
      (1, 9, 17, 10), (1, 33, 17, 31), (quarter, 65, 17, 70), (units, 65, 17, 130),
    ] {
      let result = try Comparison(
        on: target,
        [
          generator.integers([batches, m, k], .float32),
          generator.integers([batches, k, n], .float32),
        ],
        into: [HostView([batches, m, n], .float32)], "\(m) × \(k) × \(n)"
      ) { backend, inputs, outputs in
        try backend.multiply(inputs[0], inputs[1], bias: nil, activation: nil, into: outputs[0])
      }
      result.expectExact()
    }
  }

  /// Few outputs of long sums, which are divided into parts that are added in the end.
  @Test(arguments: Target.all, Layout.transpositions)
  func parts(target: Target, layouts: (Layout, Layout)) throws {
    var generator = SeededGenerator(28)
    for (m, k, n) in [(5, 4500, 7), (3, 701, 9), (1, 8200, 1)] {
      let result = try Comparison(
        on: target,
        [
          generator.integers([m, k], .float32, layouts.0),
          generator.integers([k, n], .float32, layouts.1), generator.integers([m, n], .float32),
        ],
        into: [HostView([m, n], .float32)], "\(m) × \(k) × \(n) \(layouts)"
      ) { backend, inputs, outputs in
        try backend.multiply(
          inputs[0], inputs[1], bias: inputs[2], activation: 2 * x + 1, into: outputs[0])
      }
      result.expectExact()
    }
  }

  /// Batches, with operands that are the same for some of them, and operands that must be packed.
  @Test(arguments: Target.all)
  func batches(target: Target) throws {
    var generator = SeededGenerator(22)
    let layouts: [(Layout, Layout)] = [
      (.contiguous, .contiguous), (.repeated, .contiguous), (.contiguous, .repeated),
      (.sliced, .contiguous), (.contiguous, .sliced), (.transposed, .reversed),
    ]
    for batch in [[1], [3], [2, 3], [2, 1, 3], [0], [2, 0]] {
      for (first, second) in layouts {
        for size in [[5, 3, 7], [33, 17, 31], [3, 20, 260]] {
          if size[2] == 260 && batch != [3] { continue }
          let (m, k, n) = (size[0], size[1], size[2])
          let result = try Comparison(
            on: target,
            [
              generator.integers(Shape(batch + [m, k]), .float32, first),
              generator.integers(Shape(batch + [k, n]), .float32, second),
            ],
            into: [HostView(Shape(batch + [m, n]), .float32)],
            "\(batch) \(size) \(first) \(second)"
          ) { backend, inputs, outputs in
            try backend.multiply(
              inputs[0], inputs[1], bias: nil, activation: nil, into: outputs[0])
          }
          result.expectExact()
        }
      }
    }
  }

  /// An operand of any strides: a bias, before an activation or not, and a factor that it gives.
  @Test(arguments: Target.all)
  func epilogue(target: Target) throws {
    var generator = SeededGenerator(23)
    let (element, operand) = (Expression.input(0), Expression.input(1))
    let biased = element + operand
    let functions = [
      biased, select(biased .> 0, biased, biased * 2), element * select(operand .> 0, operand, 3),
    ]
    for size in [[3, 5, 7], [26, 20, 37], [2, 0, 3], [10, 3, 260]] {
      let (m, k, n) = (size[0], size[1], size[2])
      let a = generator.integers([2, m, k], .float32)
      let b = generator.integers([2, k, n], .float32)
      let bias = generator.integers([2, m, n], .float32)
      // Of each row, of each column, of each batch, of each element.
      for strides in [[0, 0, 1], [0, 1, 0], [1, 0, 0], [m * n, n, 1]] {
        // Without products there is a kernel for each kind of strides.
        if k == 0 && strides != [0, 0, 1] { continue }
        for function in functions {
          let result = try Comparison(
            on: target, [a, b, bias], into: [HostView([2, m, n], .float32)],
            "\(size) \(strides)"
          ) { backend, inputs, outputs in
            try backend.multiply(
              inputs[0], inputs[1],
              epilogue: Epilogue(
                function, operand: inputs[2].with(shape: [2, m, n], strides: strides)),
              into: outputs[0])
          }
          result.expectExact()
        }
      }
    }
    let result = try Comparison(
      on: target, [generator.integers([3, 5], .float32), generator.integers([5, 7], .float32)],
      into: [HostView([3, 7], .float32)]
    ) { backend, inputs, outputs in
      try backend.multiply(inputs[0], inputs[1], bias: nil, activation: x * x, into: outputs[0])
    }
    result.expectExact()
  }

  /// The sums of the first operand's rows besides, of every plan, of batches and of parts.
  @Test(arguments: Target.all, [Layout.contiguous, .transposed])
  func rowSums(target: Target, layout: Layout) throws {
    var generator = SeededGenerator(29)
    for (batch, m, k, n) in [
      ([], 2, 3, 1), ([], 17, 33, 31), ([], 260, 20, 3), ([2, 3], 65, 17, 70), ([], 33, 5, 1025),
      ([2], 0, 3, 4), ([2], 3, 0, 4), ([2], 3, 4, 0), ([], 5, 4500, 7), ([], 401, 500, 403),
    ] as [([Int], Int, Int, Int)] {
      let result = try Comparison(
        on: target,
        [
          generator.integers(Shape(batch + [m, k]), .float32, layout),
          generator.integers(Shape(batch + [k, n]), .float32),
        ],
        into: [
          HostView(Shape(batch + [m, n]), .float32), HostView(Shape(batch + [m]), .float32),
        ], "\(batch) \(m) × \(k) × \(n)"
      ) { backend, inputs, outputs in
        try backend.multiply(
          inputs[0], inputs[1], epilogue: nil, into: outputs[0], rowSums: outputs[1])
      }
      result.expectExact()
    }
    // Batches that share their matrices, in one launch and in several.
    for strides in [[0, 0, 33, 1], [0, 561, 33, 1], [561, 0, 33, 1]] {
      let result = try Comparison(
        on: target,
        [generator.integers([2, 17, 33], .float32), generator.integers([2, 2, 33, 9], .float32)],
        into: [HostView([2, 2, 17, 9], .float32), HostView([2, 2, 17], .float32)], "\(strides)"
      ) { backend, inputs, outputs in
        try backend.multiply(
          inputs[0].with(shape: [2, 2, 17, 33], strides: strides), inputs[1], epilogue: nil,
          into: outputs[0], rowSums: outputs[1])
      }
      result.expectExact()
    }
  }

  /// The error of a sum of K products is within c·√K·ε·Σ|aᵢbᵢ|.
  @Test(arguments: Setting.all, [1, 17, 257, 1000])
  func roundingErrors(setting: Setting, depth: Int) throws {
    var generator = SeededGenerator(24)
    let (m, n) = (9, 21)
    let a = generator.reals([m, depth], setting.dtype)
    let b = generator.reals([depth, n], setting.dtype)
    let result = try Comparison(
      on: setting.target, [a, b], into: [HostView([m, n], setting.dtype)]
    ) { backend, inputs, outputs in
      try backend.multiply(inputs[0], inputs[1], bias: nil, activation: nil, into: outputs[0])
    }
    let (left, right) = (a.values, b.values)
    let sizes = (0..<m * n).map { element in
      (0..<depth).reduce(0) {
        $0 + abs(left[element / n * depth + $1] * right[$1 * n + element % n])
      }
    }
    let share = 2 * Double(depth).squareRoot() * setting.dtype.epsilon / 2
    result.expectWithin([sizes.map { share * $0 }])
  }

  /// What is not finite stays in its row and column, and does not meet the padding of tiles.
  @Test(arguments: Target.all)
  func specialValues(target: Target) throws {
    var generator = SeededGenerator(25)
    for size in [[5, 3, 9], [35, 20, 260]] {
      let (m, k, n) = (size[0], size[1], size[2])
      var a = generator.integers([m, k], .float32, in: 1...4).values
      var b = generator.integers([k, n], .float32, in: 1...4).values
      a[(m - 1) * k] = .infinity
      a[2 * k + 1] = .nan
      b[(k - 1) * n + n - 1] = -.infinity
      b[3] = .nan
      let result = try Comparison(
        on: target, [HostView(a, [m, k], .float32), HostView(b, [k, n], .float32)],
        into: [HostView([m, n], .float32)], "\(size)"
      ) { backend, inputs, outputs in
        try backend.multiply(inputs[0], inputs[1], bias: nil, activation: nil, into: outputs[0])
      }
      result.expectExact()
    }
  }

  /// An operand whose rows and columns both have gaps is copied first, and that is counted.
  @Test(arguments: Target.own)
  func packsAreCounted(target: Target) throws {
    let device = try OpenCLBackend(device: target.backend.device, profile: target.backend.profile)
    let storage = try device.allocate(byteCount: 4096)
    func matrix(_ strides: [Int]) -> View {
      View(storage, dtype: .float32, shape: [4, 4], strides: strides)
    }
    let output = View(try device.allocate(byteCount: 64), dtype: .float32, shape: [4, 4])
    for (strides, packs) in [([4, 1], 0), ([1, 4], 0), ([0, 1], 0), ([8, 2], 1), ([2, 0], 2)] {
      try device.multiply(
        matrix(strides), matrix([4, 1]), bias: nil, activation: nil, into: output)
      #expect(device.statistics.packs == packs)
    }
  }
}

extension Layout {
  /// How the operands of a product may lie.
  static let transpositions: [(Layout, Layout)] = [
    (.contiguous, .contiguous), (.contiguous, .transposed), (.transposed, .contiguous),
    (.transposed, .transposed),
  ]
}

/// Expects that a product of integers is exact.
func expectExactProduct(
  _ m: Int, _ k: Int, _ n: Int, _ layouts: (Layout, Layout), on setting: Setting,
  _ generator: inout SeededGenerator, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let result = try Comparison(
    on: setting.target,
    [
      generator.integers([m, k], setting.dtype, layouts.0),
      generator.integers([k, n], setting.dtype, layouts.1),
    ],
    into: [HostView([m, n], setting.dtype)], "\(m) × \(k) × \(n) \(layouts)",
    sourceLocation: sourceLocation
  ) { backend, inputs, outputs in
    try backend.multiply(inputs[0], inputs[1], bias: nil, activation: nil, into: outputs[0])
  }
  result.expectExact(sourceLocation: sourceLocation)
}
