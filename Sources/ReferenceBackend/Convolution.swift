public import Compute
import Dispatch

extension ReferenceBackend {
  /// Convolves images, `y = epilogue(w ⋆ x)`.
  ///
  /// Traps when shapes or dtypes do not fit, or a view is not contiguous.
  public func convolve(
    _ x: View, weight: View, epilogue: Epilogue?, geometry: ConvolutionGeometry, into y: View
  ) throws {
    checkConvolution("convolve", x: x, weight: weight, y: y, geometry, epilogue: epilogue)
    checkEpilogue("convolve", epilogue, of: y)
    if y.count == 0 { return }
    try launch("convolve", [x, weight, epilogue?.operand, y]) {
      withRealType(of: [y.dtype], for: "convolve") {
        convolveImages(x, weight: weight, geometry, into: y, as: $0)
      }
      finish(y, with: epilogue)
    }
  }

  /// The transposed convolution, `x = epilogue(wᵀ ⋆ y)`.
  ///
  /// Traps when shapes or dtypes do not fit, or a view is not contiguous.
  public func convolveTransposed(
    _ y: View, weight: View, epilogue: Epilogue?, geometry: ConvolutionGeometry, into x: View
  ) throws {
    checkConvolution("convolveTransposed", x: x, weight: weight, y: y, geometry, epilogue: epilogue)
    checkEpilogue("convolveTransposed", epilogue, of: x)
    if x.count == 0 { return }
    try launch("convolveTransposed", [x, weight, epilogue?.operand, y]) {
      withRealType(of: [x.dtype], for: "convolveTransposed") {
        convolveTransposedImages(y, weight: weight, geometry, into: x, as: $0)
      }
      finish(x, with: epilogue)
    }
  }

  /// The gradient of a convolution with respect to its weight.
  ///
  /// Traps when shapes or dtypes do not fit, or a view is not contiguous.
  public func convolutionWeightGradient(
    _ cotangent: View, x: View, geometry: ConvolutionGeometry, into gradient: View,
    biasGradient: View?
  ) throws {
    checkConvolution(
      "convolutionWeightGradient", x: x, weight: gradient, y: cotangent, geometry)
    checkBiasGradient("convolutionWeightGradient", biasGradient, of: cotangent, geometry)
    if let biasGradient {
      try reduce(
        .sum, of: .input(0), operands: [.view(cotangent)], axes: [0, 2, 3], scale: 1,
        into: biasGradient.asChannels)
    }
    if gradient.count == 0 { return }
    try launch("convolutionWeightGradient", [cotangent, x, gradient]) {
      withRealType(of: [gradient.dtype], for: "convolutionWeightGradient") {
        weightGradient(cotangent, x: x, geometry, into: gradient, as: $0)
      }
    }
  }
}

private func convolveImages<S: RealScalar>(
  _ x: View, weight: View, _ geometry: ConvolutionGeometry, into y: View, as type: S.Type
) {
  Convolution<S>(geometry).convolve(x, weight: weight, into: y)
}

private func convolveTransposedImages<S: RealScalar>(
  _ y: View, weight: View, _ geometry: ConvolutionGeometry, into x: View, as type: S.Type
) {
  Convolution<S>(geometry).convolveTransposed(y, weight: weight, into: x)
}

private func weightGradient<S: RealScalar>(
  _ cotangent: View, x: View, _ geometry: ConvolutionGeometry, into gradient: View,
  as type: S.Type
) {
  Convolution<S>(geometry).weightGradient(cotangent, x: x, into: gradient)
}

/// A convolution and its gradients, each plane (or, of the weight, each output channel's part) by
/// the sum that defines it, tap after tap.
private struct Convolution<S: RealScalar>: Sendable {
  private let geometry: ConvolutionGeometry
  private let inputPlane: Int, outputPlane: Int, kernelPlane: Int

  init(_ geometry: ConvolutionGeometry) {
    self.geometry = geometry
    inputPlane = geometry.rows.input * geometry.columns.input
    outputPlane = geometry.rows.output * geometry.columns.output
    kernelPlane = geometry.rows.kernel * geometry.columns.kernel
  }

  /// y[n, o] += w[o, c, i, j] · x[n, c] at the elements under tap (i, j).
  func convolve(_ x: View, weight: View, into y: View) {
    let x: [S] = elements(of: x)
    let w: [S] = elements(of: weight)
    write(y, inParts: geometry.images * geometry.outputChannels) { part, y in
      let (n, o) = part.quotientAndRemainder(dividingBy: geometry.outputChannels)
      let group = o / geometry.groupOutputs
      for c in 0..<geometry.groupInputs {
        let xPlane = (n * geometry.inputChannels + group * geometry.groupInputs + c) * inputPlane
        let wPlane = (o * geometry.groupInputs + c) * kernelPlane
        forEachRow { tap, position, element, count in
          let factor = w[wPlane + tap]
          for k in 0..<count {
            y[position + k] += factor * x[xPlane + element + k * geometry.columns.stride]
          }
        }
      }
    }
  }

  /// x[n, c] += w[o, c, i, j] · y[n, o] at the elements under tap (i, j).
  func convolveTransposed(_ y: View, weight: View, into x: View) {
    let y: [S] = elements(of: y)
    let w: [S] = elements(of: weight)
    write(x, inParts: geometry.images * geometry.inputChannels) { part, x in
      let (n, channel) = part.quotientAndRemainder(dividingBy: geometry.inputChannels)
      let (group, c) = channel.quotientAndRemainder(dividingBy: geometry.groupInputs)
      for o in group * geometry.groupOutputs..<(group + 1) * geometry.groupOutputs {
        let yPlane = (n * geometry.outputChannels + o) * outputPlane
        let wPlane = (o * geometry.groupInputs + c) * kernelPlane
        forEachRow { tap, position, element, count in
          let factor = w[wPlane + tap]
          for k in 0..<count {
            x[element + k * geometry.columns.stride] += factor * y[yPlane + position + k]
          }
        }
      }
    }
  }

  /// g[o, c, i, j] += cotangent[n, o] · x[n, c] at the elements under tap (i, j).
  func weightGradient(_ cotangent: View, x: View, into gradient: View) {
    let cotangent: [S] = elements(of: cotangent)
    let x: [S] = elements(of: x)
    write(gradient, inParts: geometry.outputChannels) { o, gradient in
      let group = o / geometry.groupOutputs
      for n in 0..<geometry.images {
        let yPlane = (n * geometry.outputChannels + o) * outputPlane
        for c in 0..<geometry.groupInputs {
          let xPlane = (n * geometry.inputChannels + group * geometry.groupInputs + c) * inputPlane
          forEachRow { tap, position, element, count in
            var sum: S = 0
            for k in 0..<count {
              sum +=
                cotangent[yPlane + position + k]
                * x[xPlane + element + k * geometry.columns.stride]
            }
            gradient[c * kernelPlane + tap] += sum
          }
        }
      }
    }
  }

  /// Calls a closure for each tap and each row of positions at which it lies on the input: with
  /// the tap, the first position, the element under it, and the number of positions.
  @inline(__always)
  private func forEachRow(
    _ body: (_ tap: Int, _ position: Int, _ element: Int, _ count: Int) -> Void
  ) {
    let (rows, columns) = (geometry.rows, geometry.columns)
    for i in 0..<rows.kernel {
      for j in 0..<columns.kernel {
        let across = columns.positions(tap: j)
        if across.isEmpty { continue }
        let first = columns.element(position: across.lowerBound, tap: j)
        for p in rows.positions(tap: i) {
          body(
            i * columns.kernel + j, p * columns.output + across.lowerBound,
            rows.element(position: p, tap: i) * columns.input + first, across.count)
        }
      }
    }
  }

  /// Writes a view in equal parts, each of which starts as zeros; on several threads where the work
  /// is worth it.
  private func write(
    _ view: View, inParts parts: Int,
    _ body: @escaping @Sendable (_ part: Int, _ elements: UnsafeMutablePointer<S>) -> Void
  ) {
    let length = view.count / parts
    let work = geometry.images * geometry.outputChannels * outputPlane * geometry.groupInputs
    view.storage.onHost.withBytes { bytes in
      let target = SharedPointer(bytes.assumingMemoryBound(to: S.self) + view.offset)
      let write: @Sendable (Int) -> Void = { part in
        let elements = target.pointer + part * length
        elements.update(repeating: 0, count: length)
        body(part, elements)
      }
      if work * kernelPlane < sharedWork {
        for part in 0..<parts { write(part) }
      } else {
        DispatchQueue.concurrentPerform(iterations: parts, execute: write)
      }
    }
  }
}

/// The multiplications for which asking other threads for help pays.
private let sharedWork = 1 << 19

/// Where threads write parts that do not overlap.
private struct SharedPointer<S>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<S>
  init(_ pointer: UnsafeMutablePointer<S>) { self.pointer = pointer }
}
