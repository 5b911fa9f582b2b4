import Compute

/// The axes of several views of one shape, with those merged that lie alike in all.
struct AxisLayout {
  /// The lengths, outermost first; at least one.
  private(set) var lengths: [Int] = []
  /// The strides of each view, in the views' order.
  private(set) var strides: [[Int]]

  /// Merges axes.
  ///
  /// - Parameters:
  ///   - lengths: The lengths of the axes.
  ///   - strides: For each view its strides along them.
  init(lengths: [Int], strides views: [[Int]]) {
    strides = Array(repeating: [], count: views.count)
    for axis in lengths.indices where lengths[axis] != 1 {
      let length = lengths[axis]
      let merges =
        !self.lengths.isEmpty
        && views.indices.allSatisfy { strides[$0].last == views[$0][axis] * length }
      if merges {
        self.lengths[self.lengths.count - 1] *= length
        for view in views.indices { strides[view][strides[view].count - 1] = views[view][axis] }
      } else {
        self.lengths.append(length)
        for view in views.indices { strides[view].append(views[view][axis]) }
      }
    }
    if self.lengths.isEmpty {
      // No stride leads anywhere, so a single element takes the kernel of contiguous ones.
      self.lengths = [1]
      strides = strides.map { _ in [1] }
    }
  }

  /// The number of axes, at least one.
  var rank: Int { lengths.count }

  /// How a view moves along the innermost axis.
  func step(_ view: Int) -> Step { Step(strides[view][rank - 1]) }
}

/// A stride that a kernel knows when it is built, if it is a common one.
enum Step: Sendable, Hashable {
  case none, unit, any

  init(_ stride: Int) {
    self = stride == 0 ? .none : stride == 1 ? .unit : .any
  }

  /// The stride of a view in OpenCL C.
  func source(view: Int) -> String {
    switch self {
    case .none: "0"
    case .unit: "1"
    case .any: "STRIDE(\(view))"
    }
  }
}
