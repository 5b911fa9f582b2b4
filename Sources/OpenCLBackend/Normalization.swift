public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// Normalises: `y = activation(x̂·scale + shift)`.
  ///
  /// One launch where a group's elements fit into cache; else three, of which the first finds the
  /// moments of chunks, the second merges them and the third normalises. Traps when a view does not
  /// have the number of elements that the geometry gives it, another dtype than x, or gaps.
  public func normalize(
    _ x: View, geometry: NormalizationGeometry, mode: NormalizationMode, epsilon: Double,
    scale: View?, shift: View?, activation: Expression?,
    into y: View, mean: View, inverseDeviation: View
  ) throws {
    geometry.check(
      "normalize", elements: [x, y], groups: [mean, inverseDeviation], channels: [scale, shift])
    guard mean.count > 0 else { return }
    guard geometry.count > 0 else {
      let factor: Expression =
        mode.divides ? (0 + .constant(epsilon)).reciprocalSquareRoot : .constant(1)
      return try map([0, factor], of: [], into: [mean, inverseDeviation])
    }
    let walk = SetWalk(
      groupsOf: geometry, x.dtype, traffic(reading: [x], writing: [y]), profile)
    let index = indexType([x, y, mean, scale, shift], walk)
    func prepare(_ function: String) throws -> (kernel: PreparedKernel, groupSize: Int) {
      try self.prepare { groupSize in
        NormalizationKernel(
          function: function, dtype: x.dtype, index: index, mode: mode, walk: walk.kind,
          activation: activation, isGradient: false, groupSize: groupSize)
      }
    }
    let layout = index.argument(
      walk.layout(
        geometry,
        Offsets(x: x, y: y, mean: mean, deviation: inverseDeviation, scale: scale, shift: shift)),
      as: "struct layout")
    let epsilon = LaunchArgument.scalar(epsilon, x.dtype.computeType)
    let outputs = [y, mean, inverseDeviation]
    let arguments: [LaunchArgument] = [
      try .view(x), try .view(scale), try .view(shift), try .view(y), try .view(mean),
      try .view(inverseDeviation),
    ]

    if walk.chunks == 1 {
      let whole = try prepare("normalize_sets")
      return try submit(
        [walk.launch(whole, arguments + [epsilon, layout])], writing: outputs)
    }
    let partials = try scratch([walk.partialCount, 2], x.dtype)
    let (moments, merge, elements) = (
      try prepare("moments"), try prepare("merge_moments"), try prepare("normalize_elements")
    )
    var first = walk.launch(moments, [try .view(x), try .view(partials), layout])
    first.writesOutput = false
    try submit(
      [
        first,
        walk.mergingLaunch(
          merge,
          [try .view(partials), try .view(mean), try .view(inverseDeviation), epsilon, layout]),
        walk.launch(elements, arguments + [layout]),
      ],
      writing: outputs)
  }

  /// The gradient of `normalize` with respect to x, scale and shift.
  ///
  /// With δ = dy·activation′(z), g = δ·scale and ρ the inverse deviation, dx is
  /// ρ·(g − mean(g) − x̂·mean(g·x̂)) over each group; without its middle term where no mean was
  /// subtracted, without the last where nothing was divided by, and with a sum in place of the
  /// second mean after a sum of squares. The gradient of scale is Σ δ·x̂ over a channel and that of
  /// shift Σ δ. Source: S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, section 3.
  ///
  /// One launch where a group is a channel and fits into cache; three where it does not fit; and
  /// two more for the channels where they are not the groups. Traps as `normalize` does.
  public func normalizeGradient(
    _ cotangent: View, x: View, mean: View, inverseDeviation: View,
    geometry: NormalizationGeometry, mode: NormalizationMode, scale: View?, shift: View?,
    activationDerivative: Expression?,
    into xGradient: View, scaleGradient: View?, shiftGradient: View?
  ) throws {
    geometry.check(
      "normalizeGradient", elements: [cotangent, x, xGradient], groups: [mean, inverseDeviation],
      channels: [scale, shift, scaleGradient, shiftGradient])
    let channelGradients = [scaleGradient, shiftGradient].compactMap { $0 }
    guard geometry.count > 0 else {
      let gradients = channelGradients.filter { $0.count > 0 }
      return try map(gradients.map { _ in 0 }, of: [], into: gradients)
    }
    let offsets = Offsets(
      x: x, y: nil, cotangent: cotangent, xGradient: xGradient, mean: mean,
      deviation: inverseDeviation, scale: scale, shift: shift, scaleGradient: scaleGradient,
      shiftGradient: shiftGradient)
    let inputs = try [cotangent, x, mean, inverseDeviation, scale, shift].map(LaunchArgument.view)
    // Scratch memory lives until everything is enqueued.
    var scratch: [View] = []
    var launches: [Launch] = []

    func append(_ walk: SetWalk, wholeAs whole: String?) throws {
      let index = indexType([x, scale, shift] + offsets.all, walk)
      let layout = index.argument(walk.layout(geometry, offsets), as: "struct layout")
      func prepare(_ function: String) throws -> (kernel: PreparedKernel, groupSize: Int) {
        try self.prepare { groupSize in
          NormalizationKernel(
            function: function, dtype: x.dtype, index: index, mode: mode, walk: walk.kind,
            activation: activationDerivative, isGradient: true, groupSize: groupSize)
        }
      }
      let gradients: [LaunchArgument] = [try .view(scaleGradient), try .view(shiftGradient)]
      if let whole, walk.chunks == 1 {
        launches.append(
          walk.launch(
            try prepare(whole), inputs + [try .view(xGradient)] + gradients + [layout]))
        return
      }
      let partials = try self.scratch([walk.partialCount, 2], x.dtype)
      scratch.append(partials)
      var sums = walk.launch(
        try prepare("gradient_sums"), inputs + [try .view(partials), layout])
      sums.writesOutput = false
      launches.append(sums)
      launches.append(
        walk.mergingLaunch(
          try prepare("merge_sums"),
          [try .view(partials), try .view(scale)] + gradients + [layout]))
      if walk.kind.sets != .channels {
        launches.append(
          walk.launch(
            try prepare("element_gradients"),
            inputs + [try .view(partials), try .view(xGradient), layout]))
      }
    }

    let traffic = traffic(reading: [x, cotangent], writing: [xGradient])
    let groups = SetWalk(groupsOf: geometry, x.dtype, traffic, profile)
    // The channels come first: x's gradient may take the place of the cotangent or of x.
    if groups.kind.sets == .groups && !channelGradients.isEmpty {
      try append(SetWalk(channelsOf: geometry, x.dtype, traffic, profile), wholeAs: nil)
    }
    try append(groups, wholeAs: "set_gradients")
    try submit(launches, writing: [xGradient] + channelGradients)
    withExtendedLifetime(scratch) {}
  }

  private func indexType(_ views: [View?], _ walk: SetWalk) -> IndexType {
    profile.indexType(views.compactMap { $0 }, upTo: 2 * walk.partialCount * profile.groupSize)
  }
}

extension NormalizationGeometry {
  /// Whether each group is one channel, so that both share their sums.
  fileprivate var channelIsGroup: Bool {
    channels == groups && (channelStride == inner || groups == 1)
  }

  /// The elements of one model.
  fileprivate var modelCount: Int { outer * groups * inner }

  /// Traps unless the views are contiguous, of one computed dtype and of the geometry's lengths.
  fileprivate func check(
    _ operation: String, elements: [View], groups: [View], channels: [View?]
  ) {
    let channels = channels.compactMap { $0 }
    for (views, count, kind) in [
      (elements, self.count, "elements"), (groups, models * self.groups, "groups"),
      (channels, models * self.channels, "channels"),
    ] {
      for view in views {
        require(
          view.count == count && view.isContiguous && view.dtype.isComputed
            && view.dtype == elements[0].dtype,
          "\(operation): a \(view.dtype) view of shape \(view.shape) and strides \(view.strides) "
            + "came for the \(kind) of \(elements[0].dtype); \(count) contiguous numbers of one "
            + "computed type were expected")
      }
    }
    let round = self.channels * channelStride
    require(
      channels.isEmpty || modelCount == 0 || (round > 0 && modelCount.isMultiple(of: round)),
      "\(operation): \(self.channels) channels of \(channelStride) neighbours do not divide the "
        + "\(modelCount) elements of a model")
  }
}

/// The views whose offsets the kernels take.
private struct Offsets {
  var x: View
  var y: View?
  var cotangent: View?
  var xGradient: View?
  var mean: View
  var deviation: View
  var scale: View?
  var shift: View?
  var scaleGradient: View?
  var shiftGradient: View?

  /// In the order of the kernels' struct.
  var all: [View?] {
    [x, y, cotangent, xGradient, mean, deviation, scale, shift, scaleGradient, shiftGradient]
  }
}

/// How the kernels walk the elements: which sets, in which direction, in how many chunks.
private struct SetWalk {
  /// What a set is.
  enum Sets: Hashable {
    /// Elements that share statistics.
    case groups
    /// Elements that share statistics, scale and shift.
    case groupsThatAreChannels
    /// Elements that share scale and shift.
    case channels
  }

  /// What the kernels' source depends on.
  struct Kind: Hashable {
    var sets: Sets
    var isColumns: Bool
    var lanes: Int
    /// The rows for which a work-item has memory of its own; 0 for none.
    var keptRows: Int
    /// The vectors that a work-item reads and writes side by side.
    ///
    /// Two make half as many tasks, so they are for what is not found in a cache or where enough tasks
    /// are left, and only of columns so short that they take no more private memory than one of the
    /// longest that are kept.
    var strips: Int
    /// How elements are read and written.
    var traffic: Traffic
  }

  let kind: Kind
  let models: Int
  let outer: Int
  let sets: Int
  let inner: Int
  let chunks: Int
  let chunkLength: Int

  /// Walks by group; undivided where a group fits into cache.
  init(
    groupsOf geometry: NormalizationGeometry, _ dtype: DType, _ traffic: Traffic,
    _ profile: DeviceProfile
  ) {
    self.init(
      geometry.channelIsGroup ? .groupsThatAreChannels : .groups, models: geometry.models,
      outer: geometry.outer, sets: geometry.groups, inner: geometry.inner, dtype, traffic,
      profile)
  }

  /// Walks by channel.
  init(
    channelsOf geometry: NormalizationGeometry, _ dtype: DType, _ traffic: Traffic,
    _ profile: DeviceProfile
  ) {
    self.init(
      .channels, models: geometry.models,
      outer: geometry.modelCount / (geometry.channels * geometry.channelStride),
      sets: geometry.channels, inner: geometry.channelStride, dtype, traffic, profile)
  }

  private init(
    _ kind: Sets, models: Int, outer: Int, sets: Int, inner: Int, _ dtype: DType,
    _ traffic: Traffic, _ profile: DeviceProfile
  ) {
    let isColumns = inner == 1 && sets > 1
    // The work-items of a group that share a row are side by side already.
    let areAlone = isColumns || profile.groupSize == 1
    self.models = models
    self.outer = outer
    self.sets = sets
    self.inner = inner
    let count = outer * inner
    let undivided = isColumns ? profile.undividedColumn : profile.undividedRow
    // A chunk has a fixed length, whatever is beside it, up to a number of chunks that one
    // work-item merges in no time.
    let fitting = isColumns ? profile.columnChunk : profile.rowChunk
    chunkLength =
      count <= undivided ? count : max(fitting, count.dividedRoundingUp(by: 256))
    chunks = count.dividedRoundingUp(by: chunkLength)
    let isKept = isColumns && kind != .channels && chunks == 1 && count <= profile.keptColumn
    let lanes = areAlone ? profile.lanes(elementBytes: dtype.byteCount) : 1
    let hasManyTasks = models * (sets / (2 * lanes)) >= profile.taskCount
    let areTwoKept = isKept && 2 * count <= profile.keptColumn
    self.kind = Kind(
      sets: kind, isColumns: isColumns, lanes: lanes,
      keptRows: isKept ? count.nextPowerOfTwo : 0,
      strips: areTwoKept && (traffic.readsAhead || hasManyTasks) ? 2 : 1, traffic: traffic)
  }

  /// The partial results of all sets.
  var partialCount: Int { models * sets * chunks }

  /// The fields of the kernels' struct.
  func layout(_ geometry: NormalizationGeometry, _ offsets: Offsets) -> [Int] {
    [
      models, outer, sets, inner, chunks, chunkLength, geometry.groups, geometry.inner,
      geometry.channels, geometry.channelStride,
    ] + offsets.all.map { $0?.offset ?? 0 }
  }

  /// The launch of a kernel that walks the elements.
  func launch(
    _ prepared: (kernel: PreparedKernel, groupSize: Int), _ arguments: [LaunchArgument]
  ) -> Launch {
    let tasks =
      models * chunks
      * (kind.isColumns
        ? sets.dividedRoundingUp(by: kind.strips * kind.lanes)
        : sets * prepared.groupSize)
    return Launch(
      kernel: prepared.kernel, arguments: arguments,
      items: WorkSize(tasks), local: WorkSize(prepared.groupSize),
      work: 4 * models * outer * sets * inner)
  }

  /// The launch of a kernel that merges the chunks of each set.
  func mergingLaunch(
    _ prepared: (kernel: PreparedKernel, groupSize: Int), _ arguments: [LaunchArgument]
  ) -> Launch {
    Launch(
      kernel: prepared.kernel, arguments: arguments,
      items: WorkSize(models * sets.dividedRoundingUp(by: kind.lanes)),
      local: WorkSize(prepared.groupSize), work: 4 * partialCount)
  }
}

/// A kernel of normalisation or its gradient.
private struct NormalizationKernel: KernelSpecification {
  let function: String
  let dtype: DType
  let index: IndexType
  let mode: NormalizationMode
  let walk: SetWalk.Kind
  /// The activation, or in the gradient its derivative.
  let activation: Expression?
  let isGradient: Bool
  let groupSize: Int

  var file: String { "normalization.cl" }
  var sharesWork: Bool { groupSize > 1 }

  var definitions: Definitions {
    let type = dtype.computeType
    var definitions = type.definitions(index)
    definitions.append(["LANES": .integer(walk.lanes), "GROUP_SIZE": .integer(groupSize)])
    if walk.isColumns { definitions.define("COLUMNS") }
    if walk.keptRows > 0 {
      definitions.append([
        "KEPT_ROWS": .integer(walk.keptRows), "STRIPS": .integer(walk.strips),
      ])
    }
    definitions.append(walk.traffic.definitions)
    switch walk.sets {
    case .groups: break
    case .groupsThatAreChannels: definitions.define("CHANNEL_IS_GROUP")
    case .channels: definitions.define("BY_CHANNEL")
    }
    if mode.subtractsMean { definitions.define("SUBTRACTS_MEAN") }
    if mode.divides { definitions.define("DIVIDES") }
    if mode == .sumOfSquares { definitions.define("SUM_OF_SQUARES") }
    definitions.append(
      EpilogueSource(activation: activation).definitions(in: type, onVectors: walk.lanes > 1))
    if activation != nil && isGradient { definitions.define("HAS_SLOPE") }
    return definitions
  }
}
