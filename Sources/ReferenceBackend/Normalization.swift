public import Compute

extension ReferenceBackend {
  /// Normalises: `y = activation(x̂·scale + shift)`.
  ///
  /// The statistics take two passes: the mean, then the mean square of what is left without it.
  /// A group without elements has mean 0. Traps when a view does not have the number of elements
  /// that the geometry gives it, or is not contiguous.
  public func normalize(
    _ x: View, geometry: NormalizationGeometry, mode: NormalizationMode, epsilon: Double,
    scale: View?, shift: View?, activation: Expression?,
    into y: View, mean: View, inverseDeviation: View
  ) throws {
    let layout = NormalizationLayout(geometry)
    layout.check(
      "normalize", elements: [x, y], groups: [mean, inverseDeviation], channels: [scale, shift])
    if mean.count == 0 { return }
    try launch("normalize", [x, scale, shift, y, mean, inverseDeviation]) {
      let x = layout.elements(x)
      let (mean, inverseDeviation) = (layout.perGroup(mean), layout.perGroup(inverseDeviation))
      let share = 1 / Double(max(1, geometry.groupCount))

      if mode.subtractsMean {
        evaluate(
          .sum, of: .input(0), operands: [.view(x)], axes: layout.shared, scale: share, into: mean)
      } else {
        evaluate([0], of: [], into: [mean])
      }

      let centred = Expression.input(0) - .input(1)
      if mode.divides {
        evaluate(
          .sum, of: centred * centred, operands: [.view(x), .view(layout.spread(mean))],
          axes: layout.shared, scale: mode == .sumOfSquares ? 1 : share, into: inverseDeviation)
        evaluate(
          [(.input(0) + .constant(epsilon)).reciprocalSquareRoot],
          of: [.view(inverseDeviation)], into: [inverseDeviation])
      } else {
        evaluate([1], of: [], into: [inverseDeviation])
      }

      let z = centred * .input(2) * .input(3) + .input(4)
      evaluate(
        [activation.map { $0.substituting { _ in z } } ?? z],
        of: [
          .view(x), .view(layout.spread(mean)), .view(layout.spread(inverseDeviation)),
          layout.perChannel(scale, default: 1), layout.perChannel(shift, default: 0),
        ],
        into: [layout.elements(y)])
    }
  }

  /// The gradient of `normalize` with respect to x, scale and shift.
  ///
  /// With δ = dy·activation′(z) and g = δ·scale, means over a group and ρ the inverse deviation:
  ///
  ///     mean              dx = g − mean(g)
  ///     meanAndVariance   dx = ρ·(g − mean(g) − x̂·mean(g·x̂))
  ///     meanSquare        dx = ρ·(g − x̂·mean(g·x̂))
  ///     sumOfSquares      dx = ρ·(g − x̂·Σ g·x̂)
  ///
  /// The gradient of scale is Σ δ·x̂ over a channel and that of shift Σ δ. Source: S. Ioffe,
  /// C. Szegedy, "Batch normalization", ICML 2015, section 3, with the sums carried out.
  public func normalizeGradient(
    _ cotangent: View, x: View, mean: View, inverseDeviation: View,
    geometry: NormalizationGeometry, mode: NormalizationMode, scale: View?, shift: View?,
    activationDerivative: Expression?,
    into xGradient: View, scaleGradient: View?, shiftGradient: View?
  ) throws {
    let layout = NormalizationLayout(geometry)
    layout.check(
      "normalizeGradient", elements: [cotangent, x, xGradient], groups: [mean, inverseDeviation],
      channels: [scale, shift, scaleGradient, shiftGradient])
    let views = [
      cotangent, x, mean, inverseDeviation, scale, shift, xGradient, scaleGradient, shiftGradient,
    ]
    if views.allSatisfy({ ($0?.count ?? 0) == 0 }) { return }
    try launch("normalizeGradient", views) {
      let normalized = try scratch(layout.elementShape, like: x)
      let delta = try scratch(layout.elementShape, like: x)
      let mean1 = try scratch(layout.groupShape, like: x)
      let mean2 = try scratch(layout.groupShape, like: x)
      let share = 1 / Double(max(1, geometry.groupCount))

      // x̂, and what reaches the value before the activation.
      let xHat = (Expression.input(0) - .input(1)) * .input(2)
      let z = xHat * .input(3) + .input(4)
      let slope = activationDerivative.map { $0.substituting { _ in z } } ?? 1
      evaluate(
        [xHat, .input(5) * slope],
        of: [
          .view(layout.elements(x)), .view(layout.spread(mean)),
          .view(layout.spread(inverseDeviation)), layout.perChannel(scale, default: 1),
          layout.perChannel(shift, default: 0), .view(layout.elements(cotangent)),
        ],
        into: [normalized, delta])

      if let scaleGradient {
        evaluate(
          .sum, of: .input(0) * .input(1),
          operands: [.view(layout.byChannel(delta)), .view(layout.byChannel(normalized))],
          axes: layout.shared, into: layout.perChannel(scaleGradient))
      }
      if let shiftGradient {
        evaluate(
          .sum, of: .input(0), operands: [.view(layout.byChannel(delta))], axes: layout.shared,
          into: layout.perChannel(shiftGradient))
      }

      let g = delta
      if scale != nil {
        evaluate(
          [.input(0) * .input(1)], of: [.view(delta), layout.perChannel(scale, default: 1)],
          into: [g])
      }
      evaluate(
        .sum, of: .input(0), operands: [.view(g)], axes: layout.shared, scale: share, into: mean1)
      evaluate(
        .sum, of: .input(0) * .input(1), operands: [.view(g), .view(normalized)],
        axes: layout.shared, scale: mode == .sumOfSquares ? 1 : share, into: mean2)

      var result = Expression.input(0)
      if mode.subtractsMean { result = result - .input(1) }
      if mode.divides { result = .input(4) * (result - .input(2) * .input(3)) }
      evaluate(
        [result],
        of: [
          .view(g), .view(layout.spread(mean1)), .view(normalized), .view(layout.spread(mean2)),
          .view(layout.spread(inverseDeviation)),
        ],
        into: [layout.elements(xGradient)])
    }
  }

  /// Room for values between two steps, in the type that views like the given one are computed in.
  private func scratch(_ shape: Shape, like view: View) throws -> View {
    let dtype: DType = view.dtype == .float64 ? .float64 : .float32
    return View(
      try allocate(byteCount: shape.count * dtype.byteCount), dtype: dtype, shape: shape)
  }
}

/// A geometry as shapes and strides: elements, groups and channels are the same memory seen
/// through different axes, whose row-major orders agree.
private struct NormalizationLayout {
  let geometry: NormalizationGeometry

  init(_ geometry: NormalizationGeometry) { self.geometry = geometry }

  /// The axes over which statistics, or the gradients of a channel, are shared.
  let shared = [1, 3]

  /// The elements, by group.
  var elementShape: Shape {
    [geometry.models, geometry.outer, geometry.groups, geometry.inner]
  }

  /// One value for each group.
  var groupShape: Shape { [geometry.models, 1, geometry.groups, 1] }

  /// The elements, by channel: after `channels` runs of `channelStride` the first comes again.
  private var channelElementShape: Shape {
    let round = geometry.channels * geometry.channelStride
    let repeats = geometry.outer * geometry.groups * geometry.inner / max(1, round)
    return [geometry.models, repeats, geometry.channels, geometry.channelStride]
  }

  /// A view of the elements, by group.
  func elements(_ view: View) -> View {
    view.with(shape: elementShape, strides: elementShape.contiguousStrides)
  }

  /// A view of the elements, by channel.
  func byChannel(_ view: View) -> View {
    view.with(shape: channelElementShape, strides: channelElementShape.contiguousStrides)
  }

  /// A view of the groups' values, with the shape of a reduction of elements.
  func perGroup(_ view: View) -> View {
    view.with(shape: groupShape, strides: groupShape.contiguousStrides)
  }

  /// A view of the channels' values, with the shape of a reduction of elements by channel.
  func perChannel(_ view: View) -> View {
    let shape: Shape = [geometry.models, 1, geometry.channels, 1]
    return view.with(shape: shape, strides: shape.contiguousStrides)
  }

  /// The groups' values, repeated for each element.
  func spread(_ view: View) -> View {
    view.with(shape: elementShape, strides: [geometry.groups, 0, 1, 0])
  }

  /// The channels' values, repeated for each element, or one number for all.
  func perChannel(_ view: View?, default number: Double) -> Operand {
    guard let view else { return .scalar(number) }
    return .view(view.with(shape: channelElementShape, strides: [geometry.channels, 0, 1, 0]))
  }

  /// Traps unless the views are contiguous, floating-point and of the geometry's lengths.
  func check(_ operation: String, elements: [View], groups: [View], channels: [View?]) {
    let channels = channels.compactMap { $0 }
    for (views, count, kind) in [
      (elements, geometry.count, "elements"),
      (groups, geometry.models * geometry.groups, "groups"),
      (channels, geometry.models * geometry.channels, "channels"),
    ] {
      for view in views {
        require(
          view.count == count && view.isContiguous && view.dtype.isFloatingPoint,
          "\(operation): a \(view.dtype) view of shape \(view.shape) and strides \(view.strides) "
            + "came for the \(kind); \(count) contiguous floating-point numbers were expected")
      }
    }
    let (perModel, round) = (
      geometry.outer * geometry.groups * geometry.inner,
      geometry.channels * geometry.channelStride
    )
    require(
      channels.isEmpty || perModel == 0 || (round > 0 && perModel.isMultiple(of: round)),
      "\(operation): \(geometry.channels) channels of \(geometry.channelStride) neighbours do not "
        + "divide the \(perModel) elements of a model")
  }
}
