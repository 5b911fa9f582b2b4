public import Compute

extension ReferenceBackend {
  /// Pools each window of planes.
  ///
  /// Traps when shapes or dtypes do not fit, or a view is not contiguous.
  public func pool(
    _ x: View, _ pooling: Pooling, geometry: PoolingGeometry, into y: View, taps: View?
  ) throws {
    checkPooling("pool", x: x, y: y, taps: taps, pooling, geometry, needsTaps: false)
    if y.count == 0 { return }
    try launch("pool", [x, y, taps]) {
      withRealType(of: [y.dtype], for: "pool") {
        poolWindows(x, pooling, geometry, into: y, taps: taps, as: $0)
      }
    }
  }

  /// The gradient of a pooling with respect to its input.
  ///
  /// Traps when shapes or dtypes do not fit, or a view is not contiguous.
  public func poolGradient(
    _ cotangent: View, _ pooling: Pooling, geometry: PoolingGeometry, taps: View?,
    epilogue: Epilogue?, into gradient: View
  ) throws {
    checkPooling(
      "poolGradient", x: gradient, y: cotangent, taps: taps, pooling, geometry,
      needsTaps: true, epilogue: epilogue)
    if gradient.count == 0 { return }
    try launch("poolGradient", [cotangent, gradient, taps, epilogue?.operand]) {
      withRealType(of: [gradient.dtype], for: "poolGradient") {
        spreadWindows(cotangent, pooling, geometry, taps: taps, into: gradient, as: $0)
      }
      finish(gradient, with: epilogue)
    }
  }
}

extension PoolingGeometry {
  /// Calls a closure with the number of each window and its taps.
  ///
  /// A tap is its number and the element under it; taps in the padding are left out.
  fileprivate func forEachWindow(
    _ body: (_ window: Int, _ taps: [(tap: Int, element: Int)]) -> Void
  ) {
    var window = 0
    for plane in 0..<planes {
      for p in 0..<rows.output {
        for q in 0..<columns.output {
          var taps: [(tap: Int, element: Int)] = []
          for i in rows.taps(position: p) {
            for j in columns.taps(position: q) {
              let row = plane * rows.input + rows.element(position: p, tap: i)
              taps.append(
                (
                  i * columns.kernel + j,
                  row * columns.input + columns.element(position: q, tap: j)
                ))
            }
          }
          body(window, taps)
          window += 1
        }
      }
    }
  }

  /// What a window's sum is divided by.
  fileprivate func divisor(_ pooling: Pooling, tapsOnInput: Int) -> Int {
    pooling == .average ? windowCount : tapsOnInput
  }
}

private func poolWindows<S: RealScalar>(
  _ x: View, _ pooling: Pooling, _ geometry: PoolingGeometry, into y: View, taps: View?,
  as type: S.Type
) {
  let x: [S] = elements(of: x)
  var results = [S](repeating: 0, count: y.count)
  var chosen = [Int64](repeating: 0, count: y.count)
  geometry.forEachWindow { window, taps in
    if pooling.chooses {
      var best: S = pooling == .maximum ? -.infinity : .infinity
      var choice = taps[0].tap
      for (tap, element) in taps {
        let value = x[element]
        if value.isNaN || (pooling == .maximum ? value > best : value < best) {
          best = value
          choice = tap
        }
      }
      results[window] = best
      chosen[window] = Int64(choice)
    } else {
      let sum = taps.reduce(0) { $0 + x[$1.element] }
      results[window] = sum / S(geometry.divisor(pooling, tapsOnInput: taps.count))
    }
  }
  store(results, to: y)
  if let taps, pooling.chooses { store(chosen, to: taps) }
}

private func spreadWindows<S: RealScalar>(
  _ cotangent: View, _ pooling: Pooling, _ geometry: PoolingGeometry, taps: View?,
  into gradient: View, as type: S.Type
) {
  let cotangent: [S] = elements(of: cotangent)
  let chosen: [Int64] = taps.map { elements(of: $0) } ?? []
  var results = [S](repeating: 0, count: gradient.count)
  geometry.forEachWindow { window, taps in
    if pooling.chooses {
      for (tap, element) in taps where chosen[window] == tap {
        results[element] += cotangent[window]
      }
    } else {
      let share =
        cotangent[window] / S(geometry.divisor(pooling, tapsOnInput: taps.count))
      for (_, element) in taps { results[element] += share }
    }
  }
  store(results, to: gradient)
}
